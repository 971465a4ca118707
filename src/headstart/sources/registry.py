"""The registry of sources: opens, describes and lists them by names with a scheme, as ``timm:resnet18.a1_in1k``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from headstart.errors import SourceError, UnknownNameError
from headstart.io import path_exists
from headstart.registry import Registry
from headstart.sources.bodies.picture_side import described_at, opened_at, split_side
from headstart.sources.scheme import Scheme
from headstart.types import Modality, Source, SourceInfo

__all__ = ["SOURCES", "card_of", "describe", "list_sources", "open_saved", "open_source"]

SOURCES: Registry[Scheme] = Registry("source")
SOURCES.register("adapted", "headstart.sources.adapted:SCHEME")
SOURCES.register("columns", "headstart.sources.columns:SCHEME")
SOURCES.register("fused", "headstart.sources.fused:SCHEME")
SOURCES.register("headstart", "headstart.sources.embedded:SCHEME")
SOURCES.register("hf", "headstart.sources.hf:SCHEME")
SOURCES.register("keras", "headstart.sources.keras:SCHEME")
SOURCES.register("local", "headstart.sources.local:SCHEME")
SOURCES.register("module", "headstart.sources.module:SCHEME")
SOURCES.register("timm", "headstart.sources.timm:SCHEME")
SOURCES.register("toy", "headstart.sources.toy:SCHEME")
SOURCES.register("vector", "headstart.sources.vector:SCHEME")

# A saved model may name only sources that come with it or with the install: it must not fetch or read anything else.
BUILT_IN = ("adapted", "columns", "fused", "headstart", "hf", "keras", "local", "module", "timm", "toy", "vector")
COPIED = ("adapted", "columns", "fused", "local")  # `Source.save` writes them into the model folder
UNNAMED = ("adapted", "columns", "fused", "module", "toy")  # made by other options or from Python, or for tests
INSTALLED = ("headstart", "module", "toy", "vector")  # `Source.save` stores their name only


def open_source(name: str, *, modality: Modality | None = None) -> Source:
    """Open a source with its weights by its name.

    Args:
        name: ``headstart:NAME``, ``timm:NAME``, ``hf:ORG/NAME``, ``keras:NAME``, ``local:PATH``, ``vector`` or ``toy``,
            or a name with a scheme that another package has registered. ``@SIDE`` after a name of the first two, or
            after ``local:PATH``, makes an image body of timm read pictures of another size: ``headstart:photo@160``.
        modality: the modality of the items. With ``"audio"``, an image source encodes log-mel pictures of the sounds. A
            source with bodies for several modalities opens the one for this modality. By default the source decides.

    Returns:
        The source. The caller must check whether its modality is that of the data.

    Raises:
        UnknownNameError: if the scheme or the name does not exist.
        SourceError: if the source cannot be opened.
        MissingExtraError: if it needs an extra that is not installed.
        DigestError: if its weights do not have the expected digest.

    Examples:
        >>> open_source("vector").info.modality
        'vector'
    """
    return _open(name, modality, None)


def _open(name: str, modality: Modality | None, sha256: str | None) -> Source:
    base, side = split_side(name)
    scheme, rest = _split(base)
    exactly = scheme.open_exactly
    source = scheme.open(rest, modality) if exactly is None or sha256 is None else exactly(rest, sha256)
    if side is not None:
        source = opened_at(source, side)
    if modality == "audio" and source.info.modality == "image":
        from headstart.sources.spectrogram import Spectrogram

        return Spectrogram(source)
    return source


def open_saved(reference: Mapping[str, str], folder: Path, modality: Modality) -> Source:
    """Open a source that `Source.save` wrote.

    Args:
        reference: the reference that ``save`` returned.
        folder: the folder that it wrote.
        modality: the source's modality.

    Returns:
        The source.

    Raises:
        SourceError: if it cannot be opened, or if it names what ``save`` never does: a repository to download, a path
            outside ``folder``, or what is no digest.
        DigestError: if its weights are not the ones that were saved.

    Examples:
        >>> open_saved({"name": "vector"}, Path("anywhere"), "vector").info.name
        'vector'
    """
    name = reference.get("name") if isinstance(reference, Mapping) else None
    if not isinstance(name, str) or modality not in get_args(Modality):
        raise SourceError(
            f"The saved model '{folder}' does not state its source or the modality of its items; fit it again."
        )
    _check_saved(name, folder)
    sha256: object = reference.get("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256)):
        raise SourceError(
            f"The sha256 digest of the source of the saved model '{folder}' must be 64 hexadecimal digits. Got "
            f"{str(sha256)[:80]!r} instead; fit it again."
        )
    return _open(f"{name[:-1]}{folder}" if name.endswith(":.") else name, modality, sha256)


def describe(name: str) -> SourceInfo:
    """The facts about a source without loading its weights: licence, size, input, digest, revision.

    Args:
        name: as in `open_source`.

    Returns:
        The facts; those that only loading reveals are None or empty.

    Raises:
        UnknownNameError: if the scheme or the name does not exist.
        SourceError: if its description cannot be read.
        MissingExtraError: if it needs an extra that is not installed.

    Examples:
        >>> describe("toy").num_features
        64
    """
    base, side = split_side(name)
    scheme, rest = _split(base)
    known = scheme.describe(rest)
    return known if side is None else described_at(known, side)


def card_of(name: str) -> str:
    """The model card of a source that is shipped with one, in Markdown; empty for others.

    Args:
        name: as in `open_source`.

    Raises:
        UnknownNameError: if the scheme or the name does not exist.

    Examples:
        >>> card_of("headstart:image").splitlines()[0]
        '# headstart:image'
    """
    scheme, rest = _split(split_side(name)[0])
    return scheme.card(rest)


def list_sources() -> list[SourceInfo]:
    """The sources that can be opened on this machine without a download: embedded, installed and cached ones.

    Examples:
        >>> "vector" in [info.name for info in list_sources()]
        True
    """
    return [SOURCES[key].describe(name) for key in SOURCES for name in SOURCES[key].names()]


def _check_saved(name: str, folder: Path) -> None:
    """Raise if a saved name points outside its folder and outside the install."""
    key, _, rest = name.partition(":")
    inside = rest == "." and key in COPIED
    # Schemes of other packages check their own names.
    installed = key in INSTALLED or (key in SOURCES and key not in BUILT_IN)
    if not inside and not installed:
        raise SourceError(
            f"The saved model '{folder}' names the source {name[:80]!r}, which lies elsewhere; a saved model may "
            "only use a body in its own folder or one that comes with the install: fit it again."
        )


def _split(name: str) -> tuple[Scheme, str]:
    key, _, rest = name.partition(":")
    if key in SOURCES:
        return SOURCES[key], rest
    if path_exists(Path(name).expanduser()):
        raise SourceError(f"The source '{name}' has no scheme; to open that file or folder write 'local:{name}'.")
    built_in = [f"headstart:{one}" for one in SOURCES["headstart"].names()]
    patterns = [SOURCES[one].pattern for one in SOURCES if one not in (*UNNAMED, "headstart")]
    raise UnknownNameError("source", name, [*built_in, *patterns], _meant(name))


def _meant(name: str) -> str:
    """The full name that the user may have meant; empty if there is none."""
    key, colon, rest = name.partition(":")
    if colon:
        return next((f"{near}:{rest}" for near in difflib.get_close_matches(key, SOURCES, n=1)), "")
    for near in difflib.get_close_matches(name, SOURCES["headstart"].names(), n=1):
        return f"headstart:{near}"
    full = f"hf:{name}" if "/" in name else f"timm:{name}"
    return next(iter(difflib.get_close_matches(name, [full], n=1)), "")
