"""Built-in sources: ``headstart:NAME``, with pretrained weights that come with the install or with one of its extras.

Nothing is downloaded when one is opened. ``headstart:image`` comes with every install; the others are Python packages
that carry weights, one extra each, and together the extra ``bodies``. ``assets/NAME/CARD.md`` describes the data, the
licence and the limitations of each.

Command: headstart fit DATA --source headstart:image
"""

from __future__ import annotations

from headstart.errors import UnknownNameError
from headstart.registry import Registry
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.scheme import Scheme
from headstart.types import Modality, Source, SourceInfo

__all__ = ["BUILT_IN", "SCHEME", "installed_names"]

BUILT_IN: Registry[BuiltIn] = Registry("built-in source")
BUILT_IN.register("image", "headstart.sources.built_in.image:IMAGE")
BUILT_IN.register("speech", "headstart.sources.built_in.speech:SPEECH")
BUILT_IN.register("photo", "headstart.sources.built_in.photo:PHOTO")
BUILT_IN.register("text", "headstart.sources.built_in.text:TEXT")
BUILT_IN.register("multilingual", "headstart.sources.built_in.multilingual:MULTILINGUAL")


def _open(name: str, modality: Modality | None) -> Source:  # noqa: ARG001 - the caller compares modalities
    return _entry(name).open()


def _open_exactly(name: str, sha256: str) -> Source:
    entry = _entry(name)
    return entry.open() if entry.open_exactly is None else entry.open_exactly(sha256)


def _describe(name: str) -> SourceInfo:
    return _entry(name).describe()


def _entry(name: str) -> BuiltIn:
    if name not in BUILT_IN:
        raise UnknownNameError("source", f"headstart:{name}", [f"headstart:{known}" for known in BUILT_IN])
    return BUILT_IN[name]


def installed_names() -> tuple[str, ...]:
    """The names, without the scheme, of the built-in sources whose weights are on this machine.

    Examples:
        >>> from headstart.sources import describe
        >>> describe("headstart:image").license, "image" in installed_names()
        ('Apache-2.0', True)
    """
    return tuple(name for name in BUILT_IN if BUILT_IN[name].is_installed)


def _card(name: str) -> str:
    return _entry(name).card()


SCHEME = Scheme(
    "headstart:NAME", open=_open, describe=_describe, names=installed_names, card=_card, open_exactly=_open_exactly
)
