"""Which source a fit uses, and whether it can read the items."""

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


Open = Callable[[Modality, "str | Source | None"], Source]


def multimodal_source(dataset: Dataset, wanted: Sequence[str | Source], open_one: Open) -> FusedSource:
    """A fused source with a part for each column of pictures, sounds or texts, and one for all quantities.

    Args:
        dataset: items of several columns.
        wanted: ``COLUMN=NAME`` for one column (again for a second source of it), or a name or an open source for all
            columns of its kind; columns without one take the default of their kind.
        open_one: opens a name, or the default for None, for a kind of item.

    Raises:
        SourceError: if a column has no source, or a source no column.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> rows = [("as new", (5.0,)), ("worn", (2.0,))]
        >>> data = Dataset(rows, ("0", "1"), "multimodal", columns=("note:text", "price:number"))
        >>> source = multimodal_source(data, [ToySource()], lambda kind, name: name)
        >>> source.labels, source.encode(rows).shape
        (('note', 'columns'), (2, 99))
    """
    columns = [parse_column(name) for name in dataset.columns]
    held = [column for column in columns if column.kind not in QUANTITIES]
    counted = [column for column in columns if column.kind in QUANTITIES]
    of_column, of_kind = _assigned(wanted, held)
    parts: list[tuple[Source, int, str]] = []
    for place, column in enumerate(held):
        named = of_column.get(column.name) or of_kind.get(column.kind) or [None]
        opened = [open_one(cast("Modality", column.kind), one) for one in named]
        names = [column.name if len(opened) == 1 else f"{column.name} by {one.info.name}" for one in opened]
        parts += [(one, place, name) for one, name in zip(opened, names, strict=True)]
    if counted:
        train = np.ones(len(dataset), bool) if dataset.split is None else dataset.split == "train"
        cells = [item[len(held)] for item, learnt in zip(dataset.items, train, strict=True) if learnt]
        source = ColumnsSource.learn([one.name for one in counted], [one.kind for one in counted], cells)
        parts.append((source, len(held), "columns"))
    return FusedSource(
        tuple(part for part, _, _ in parts), tuple(place for _, place, _ in parts), tuple(name for _, _, name in parts)
    )


def _assigned(
    wanted: Sequence[str | Source], held: Sequence[ItemColumn]
) -> tuple[dict[str, list[str | Source | None]], dict[str, list[str | Source | None]]]:
    """What was named for single columns, and for all columns of a kind."""
    of_column: dict[str, list[str | Source | None]] = {}
    of_kind: dict[str, list[str | Source | None]] = {}
    kinds = {column.kind for column in held}
    for one in wanted:
        name, equals, rest = one.partition("=") if isinstance(one, str) else ("", "", "")
        if equals and name in {column.name for column in held}:
            of_column.setdefault(name, []).append(rest)
            continue
        kind = describe(one).modality if isinstance(one, str) else one.info.modality
        if kind not in kinds:
            raise SourceError(
                f"The source '{one if isinstance(one, str) else one.info.name}' encodes {kind} items, and no item "
                f"column holds any; the columns are {', '.join(map(str, held))}. Name a source as COLUMN=NAME."
            )
        of_kind.setdefault(kind, []).append(one)
    return of_column, of_kind
