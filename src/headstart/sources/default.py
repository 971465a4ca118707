"""Which source a fit uses, and whether it can read the items."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from headstart.errors import SourceError
from headstart.sources.fused import FusedSource
from headstart.sources.multimodal import multimodal_source
from headstart.sources.registry import open_source
from headstart.types import Dataset, Modality, Source

__all__ = ["DEFAULTS", "LARGER", "source_for"]

# What comes with the install, by the kind of item.
DEFAULTS: dict[Modality, str] = {
    "image": "headstart:image", "audio": "headstart:image", "text": "headstart:text", "vector": "vector",
}  # fmt: skip

# What to say where a default that is small on purpose was used.
LARGER: dict[str, str] = {
    "headstart:image": "a small body of 64 pixels a side; a larger one may do better, such as "
    "--source timm:mobilenetv3_large_100.ra_in1k (fetched from its hub once) or --source local:PATH; --source auto "
    "compares those at hand"
}


def source_for(
    dataset: Dataset, source: str | Source | Sequence[str | Source] | None, *, option: str = "--source"
) -> Source:
    """The named source opened for the data's modality, or the default one; several are fused.

    Args:
        dataset: the items that will be encoded.
        source: a name with its scheme, an open source, several of these, or None for the one that comes with the
            install. For items of several columns, ``COLUMN=NAME`` names the source of one of them.
        option: what names it on the command line, for messages.

    Raises:
        SourceError: if the source encodes another modality.
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
        return multimodal_source(dataset, named, partial(_open, option=option))
    opened = [_open(dataset.modality, one, option=option) for one in several]
    return opened[0] if len(opened) == 1 else FusedSource(tuple(opened))


def _open(modality: Modality, source: str | Source | None, *, option: str) -> Source:
    source = DEFAULTS[modality] if source is None else source
    opened = open_source(source, modality=modality) if isinstance(source, str) else source
    if opened.info.modality != modality:
        raise SourceError(
            f"The source '{opened.info.name}' encodes {opened.info.modality} items, but the data hold "
            f"{modality} items; name another one with {option} ('headstart sources list' shows them)."
        )
    return opened
