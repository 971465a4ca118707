"""Which source a fit uses, and whether it can read the items."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.errors import SourceError
from headstart.sources.fused import FusedSource
from headstart.sources.multimodal import multimodal_source
from headstart.sources.registry import open_source
from headstart.types import Dataset, Modality, Source

__all__ = ["source_for"]

# What comes with the install, by the kind of item.
DEFAULTS: dict[Modality, str] = {"text": "headstart:text", "vector": "vector"}


def source_for(dataset: Dataset, source: str | Source | Sequence[str | Source] | None) -> Source:
    """The named source opened for the data's modality, or the default one; several are fused.

    Args:
        dataset: the items that will be encoded.
        source: a name with its scheme, an open source, several of these, or None for the one that comes with the
            install. For items of several columns, ``COLUMN=NAME`` names the source of one of them.

    Raises:
        SourceError: if there is no default for this modality, or the source encodes another one.
        UnknownNameError: if the name is unknown.

    Examples:
        >>> source_for(Dataset(items=[[0.0]], ids=("0",), modality="vector"), None).info.name
        'vector'
        >>> from headstart.sources.toy import ToySource
        >>> source_for(Dataset(items=["good"], ids=("0",), modality="text"), ["toy", ToySource(1)]).info.name
        'fused:toy+toy (untrained, seed 1)'
    """
    several = list(source) if isinstance(source, Sequence) and not isinstance(source, str) else [source]
    if dataset.modality == "multimodal":
        named = [one for one in several if one is not None]
        return multimodal_source(dataset, named, _open)
    opened = [_open(dataset.modality, one) for one in several]
    return opened[0] if len(opened) == 1 else FusedSource(tuple(opened))


def _open(modality: Modality, source: str | Source | None) -> Source:
    if source is None:
        if modality not in DEFAULTS:
            raise SourceError(
                f"No source for {modality} items comes with the install; name one with --source, such as "
                "'timm:mobilenetv3_large_100.ra_in1k' (fetched from its hub) or 'local:PATH' (a checkpoint on disk)."
            )
        source = DEFAULTS[modality]
    opened = open_source(source, modality=modality) if isinstance(source, str) else source
    if opened.info.modality != modality:
        raise SourceError(
            f"The source '{opened.info.name}' encodes {opened.info.modality} items, but the data hold "
            f"{modality} items; name another one with --source ('headstart sources list' shows them)."
        )
    return opened
