"""The one door to sources: names with a scheme, such as ``timm:resnet18.a1_in1k``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from headstart.errors import SourceError, UnknownNameError
from headstart.io import path_exists
from headstart.registry import Registry
from headstart.sources.scheme import Scheme
from headstart.types import Modality, Source, SourceInfo

__all__ = ["SOURCES", "describe", "list_sources", "open_saved", "open_source"]

SOURCES: Registry[Scheme] = Registry("source")
SOURCES.register("columns", "headstart.sources.columns:SCHEME")
SOURCES.register("fused", "headstart.sources.fused:SCHEME")
SOURCES.register("headstart", "headstart.sources.embedded:SCHEME")
SOURCES.register("hf", "headstart.sources.hf:SCHEME")
SOURCES.register("local", "headstart.sources.local:SCHEME")
SOURCES.register("module", "headstart.sources.module:SCHEME")
SOURCES.register("timm", "headstart.sources.timm:SCHEME")
SOURCES.register("toy", "headstart.sources.toy:SCHEME")
SOURCES.register("vector", "headstart.sources.vector:SCHEME")

OWN = ("columns", "fused", "headstart", "hf", "local", "module", "timm", "toy", "vector")
COPIED = ("columns", "fused", "local")  # written into the folder by `Source.save`
INSTALLED = ("headstart", "module", "toy", "vector")  # named by it


def open_source(name: str, *, modality: Modality | None = None) -> Source:
    """Open a source by its name, with its weights.

    Args:
        name: ``headstart:text``, ``headstart:image``, ``timm:NAME``, ``hf:ORG/NAME``, ``local:PATH``, ``vector``
            or ``toy``, or the name of a scheme that another package has registered.
        modality: the kind of items that it is for. With ``"audio"``, an image source is shown log-mel pictures of the
            sounds; a source that has bodies for several kinds opens the one for this kind.

    Returns:
        The source. Whether its modality is that of the data is for the caller to check.

    Raises:
        UnknownNameError: for a scheme or name that does not exist.
        SourceError: for one that cannot be opened.
        MissingExtraError: where it needs an extra that is not installed.
        DigestError: where its weights are not the ones promised.

    Examples:
        >>> open_source("vector").info.modality
        'vector'
    """
    scheme, rest = _split(name)
    source = scheme.open(rest, modality)
    if modality == "audio" and source.info.modality == "image":
        from headstart.sources.spectrogram import Spectrogram

        return Spectrogram(source)
    return source


def open_saved(reference: Mapping[str, str], folder: Path, modality: Modality) -> Source:
    """Open what `Source.save` wrote.

    Args:
        reference: what ``save`` returned.
        folder: where it wrote to.
        modality: the source's modality.

    Returns:
        The source.

    Raises:
        SourceError: where it cannot be opened, or names something that ``save`` never names: a repository to fetch
            from, or a path outside of ``folder``.
        DigestError: where its weights are not the ones that were saved.

    Examples:
        >>> open_saved({"name": "vector"}, Path("anywhere"), "vector").info.name
        'vector'
    """
    name = reference.get("name") if isinstance(reference, Mapping) else None
    if not isinstance(name, str) or modality not in get_args(Modality):
        raise SourceError(
            f"The saved model '{folder}' does not say which source it has, or for which kind of items; fit it again."
        )
    _check_saved(name, folder)
    return open_source(f"{name[:-1]}{folder}" if name.endswith(":.") else name, modality=modality)


def describe(name: str) -> SourceInfo:
    """What is known about a source without loading its weights: licence, size, input, digest, revision.

    Args:
        name: as in `open_source`.

    Returns:
        The facts; what only loading tells is None or empty.

    Raises:
        UnknownNameError: for a scheme or name that does not exist.
        SourceError: where nothing can be read about it.
        MissingExtraError: where it needs an extra that is not installed.

    Examples:
        >>> describe("toy").num_features
        64
    """
    scheme, rest = _split(name)
    return scheme.describe(rest)


def list_sources() -> list[SourceInfo]:
    """The sources that can be opened on this machine without a download: embedded, installed and cached ones.

    Examples:
        >>> "vector" in [info.name for info in list_sources()]
        True
    """
    return [SOURCES[key].describe(name) for key in SOURCES for name in SOURCES[key].names()]


def _check_saved(name: str, folder: Path) -> None:
    """Raise where a saved name leads away from its folder and from the install."""
    key, _, rest = name.partition(":")
    inside = rest == "." and key in COPIED
    installed = key in INSTALLED or (key in SOURCES and key not in OWN)  # a third party's scheme is its own affair
    if not inside and not installed:
        raise SourceError(
            f"The saved model '{folder}' names the source {name[:80]!r}, which lies elsewhere; a saved model holds its "
            "body or names one of the install, and nothing else is fetched or opened for it: fit it again."
        )


def _split(name: str) -> tuple[Scheme, str]:
    key, _, rest = name.partition(":")
    if key in SOURCES:
        return SOURCES[key], rest
    if path_exists(Path(name).expanduser()):
        raise SourceError(f"The source '{name}' has no scheme; to open that file or folder write 'local:{name}'.")
    patterns = [_pattern(known) for known in SOURCES]
    raise UnknownNameError("source", name, [*patterns, *_likely(name)])


def _pattern(key: str) -> str:
    return SOURCES[key].pattern


def _likely(name: str) -> list[str]:
    """The name with a scheme that it may have been meant to have."""
    key, colon, rest = name.partition(":")
    if colon:
        return [f"{near}:{rest}" for near in difflib.get_close_matches(key, SOURCES, n=1)]
    if "/" in name:
        return [f"hf:{name}"]
    return [f"timm:{name}"] if name else []
