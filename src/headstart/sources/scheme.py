"""What a registered source scheme gives: one small frozen record of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from headstart.types import Modality, Source, SourceInfo

__all__ = ["Scheme"]


@dataclass(frozen=True)
class Scheme:
    """How the sources of one scheme, such as ``timm``, are opened, described and listed.

    Attributes:
        pattern: how its names look, such as ``"timm:NAME"``; for messages.
        open: (name without the scheme, wanted modality or None) to a source.
        describe: name without the scheme to what is known without loading weights.
        names: gives the names (without the scheme) that can be opened on this machine without a download.

    Examples:
        >>> from headstart.sources.registry import SOURCES
        >>> SOURCES["timm"].pattern
        'timm:NAME'
    """

    pattern: str
    open: Callable[[str, Modality | None], Source]
    describe: Callable[[str], SourceInfo]
    names: Callable[[], Iterable[str]]
