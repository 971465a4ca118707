"""The choice of a fit's source: the named or the default one, checked against the modality of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np

from headstart.data.table.several_columns import QUANTITIES, ItemColumn, parse_column
from headstart.errors import SourceError
from headstart.sources.columns import ColumnsSource
from headstart.sources.fused import FusedSource
from headstart.sources.registry import describe, open_source
from headstart.types import Dataset, Modality, Source

__all__ = [
    "DEFAULTS",
    "LARGER",
    "multimodal_source",
    "source_for",
]

# The sources that come with the install, by modality.
DEFAULTS: dict[Modality, str] = {
    "image": "headstart:image", "audio": "headstart:image", "text": "headstart:text", "vector": "vector",
}  # fmt: skip

# Advice for a fit that used a default which is small by design.
LARGER: dict[str, str] = {
    "headstart:image": "a small body for pictures of 64 pixels a side; a larger one may do better, such as "
    "--source timm:mobilenetv3_large_100.ra_in1k (downloaded once) or --source local:PATH; --source auto compares "
    "those on this machine"
}


def source_for(
    dataset: Dataset, source: str | Source | Sequence[str | Source] | None, *, option: str = "--source"
) -> Source:
    """Open the named source for the data's modality, or the default one; several are fused.

    Args:
        dataset: the items that will be encoded.
        source: a name with its scheme, an open source, several of these, or None for the default that comes with the
            install. For items of several columns, ``COLUMN=NAME`` names the source of one column.
        option: the command-line option that names it, for messages.

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


Open = Callable[[Modality, "str | Source | None"], Source]


def multimodal_source(dataset: Dataset, wanted: Sequence[str | Source], open_one: Open) -> FusedSource:
    """A fused source with a part for each column of pictures, sounds or texts, and one for all numbers and categories.

    Args:
        dataset: items of several columns.
        wanted: ``COLUMN=NAME`` for one column (repeat it to give a column several sources), or a name or an open source
            for all columns of its modality; the other columns get the default of their modality.
        open_one: a function of (modality, name or None for the default) that returns the source.

    Raises:
        SourceError: if no column has the modality of a source.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> rows = [("as new", (5.0,)), ("worn", (2.0,))]
        >>> data = Dataset(rows, ("0", "1"), "multimodal", columns=("note:text", "price:number"))
        >>> source = multimodal_source(data, [ToySource()], lambda kind, name: name)
        >>> source.labels, source.encode(rows).shape
        (('note', 'columns'), (2, 99))
    """
    columns = [parse_column(name) for name in dataset.columns]
    encoded = [column for column in columns if column.kind not in QUANTITIES]
    quantities = [column for column in columns if column.kind in QUANTITIES]
    of_column, of_kind = _assigned(wanted, encoded)
    parts: list[tuple[Source, int, str]] = []
    for place, column in enumerate(encoded):
        named = of_column.get(column.name) or of_kind.get(column.kind) or [None]
        opened = [open_one(cast("Modality", column.kind), one) for one in named]
        names = [column.name if len(opened) == 1 else f"{column.name} by {one.info.name}" for one in opened]
        parts += [(one, place, name) for one, name in zip(opened, names, strict=True)]
    if quantities:
        # Categories and medians are learnt from the training items only.
        train = np.ones(len(dataset), bool) if dataset.split is None else dataset.split == "train"
        cells = [item[len(encoded)] for item, is_train in zip(dataset.items, train, strict=True) if is_train]
        source = ColumnsSource.learn([one.name for one in quantities], [one.kind for one in quantities], cells)
        parts.append((source, len(encoded), "columns"))
    return FusedSource(
        tuple(part for part, _, _ in parts), tuple(place for _, place, _ in parts), tuple(name for _, _, name in parts)
    )


def _assigned(
    wanted: Sequence[str | Source], encoded: Sequence[ItemColumn]
) -> tuple[dict[str, list[str | Source | None]], dict[str, list[str | Source | None]]]:
    """The sources named for single columns, and those named for all columns of a modality."""
    of_column: dict[str, list[str | Source | None]] = {}
    of_kind: dict[str, list[str | Source | None]] = {}
    kinds = {column.kind for column in encoded}
    for one in wanted:
        name, equals, rest = one.partition("=") if isinstance(one, str) else ("", "", "")
        # A local path may contain "=": it is COLUMN=NAME only if the column exists.
        if equals and name in {column.name for column in encoded}:
            of_column.setdefault(name, []).append(rest)
            continue
        kind = describe(one).modality if isinstance(one, str) else one.info.modality
        if kind not in kinds:
            raise SourceError(
                f"The source '{one if isinstance(one, str) else one.info.name}' encodes {kind} items, and no item "
                f"column holds any; the columns are {', '.join(map(str, encoded))}. Name a source as COLUMN=NAME."
            )
        of_kind.setdefault(kind, []).append(one)
    return of_column, of_kind
