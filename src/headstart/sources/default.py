"""Which source a fit uses, and whether it can read the items."""

from __future__ import annotations

from headstart.errors import SourceError
from headstart.sources.registry import open_source
from headstart.types import Dataset, Modality, Source

__all__ = ["source_for"]

# What comes with the install, by the kind of item.
DEFAULTS: dict[Modality, str] = {"text": "headstart:text", "vector": "vector"}


def source_for(dataset: Dataset, source: str | Source | None) -> Source:
    """The named source opened for the data's modality, or the default one.

    Args:
        dataset: the items that will be encoded.
        source: a name with its scheme, an open source, or None for the one that comes with the install.

    Raises:
        SourceError: if there is no default for this modality, or the source encodes another one.
        UnknownNameError: if the name is unknown.

    Examples:
        >>> source_for(Dataset(items=[[0.0]], ids=("0",), modality="vector"), None).info.name
        'vector'
    """
    if source is None:
        if dataset.modality not in DEFAULTS:
            raise SourceError(
                f"No source for {dataset.modality} items comes with the install; name one with --source, such as "
                "'timm:mobilenetv3_large_100.ra_in1k' (fetched from its hub) or 'local:PATH' (a checkpoint on disk)."
            )
        source = DEFAULTS[dataset.modality]
    opened = open_source(source, modality=dataset.modality) if isinstance(source, str) else source
    if opened.info.modality != dataset.modality:
        raise SourceError(
            f"The source '{opened.info.name}' encodes {opened.info.modality} items, but the data hold "
            f"{dataset.modality} items; name another one with --source ('headstart sources list' shows them)."
        )
    return opened
