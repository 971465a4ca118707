"""The record of functions by which the sources of one scheme are opened, described and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from headstart.types import Modality, Source, SourceInfo

__all__ = ["Scheme"]


@dataclass(frozen=True)
class Scheme:
    """The functions of one scheme, such as ``timm``.

    Attributes:
        pattern: the form of its names, such as ``"timm:NAME"``; for messages.
        open: (name without the scheme, requested modality or None) to a source.
        describe: name without the scheme to the facts that are known without loading weights.
        names: returns the names (without the scheme) that can be opened on this machine without a download.
        open_exactly: (name without the scheme, sha256 digest of the weights) to a source, for saved models; None where
            a name stands for one file of weights only.
        card: name without the scheme to its model card in Markdown; empty if none is shipped.

    Examples:
        >>> from headstart.sources.registry import SOURCES
        >>> SOURCES["timm"].pattern
        'timm:NAME'
    """

    pattern: str
    open: Callable[[str, Modality | None], Source]
    describe: Callable[[str], SourceInfo]
    names: Callable[[], Iterable[str]]
    card: Callable[[str], str] = lambda _name: ""
    open_exactly: Callable[[str, str], Source] | None = None
