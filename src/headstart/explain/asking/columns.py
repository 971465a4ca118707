"""Which column of the item, or which source, each feature of the head comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.explain.asking.query import Query, item_words
from headstart.heads.feature_map import FeatureMap
from headstart.sources.columns import ColumnsSource
from headstart.sources.fused import FusedSource

__all__ = ["FeatureGroups", "compared_layers", "feature_groups", "source_columns"]


@dataclass(frozen=True, eq=False)
class FeatureGroups:
    """The columns of an item and the features that come from each.

    Attributes:
        title: what the groups are, in words.
        names: of the g groups.
        cells: the value of each in the item, in words.
        of_feature: (p,) the group of each feature of the head.
    """

    title: str
    names: tuple[str, ...]
    cells: tuple[str, ...]
    of_feature: NDArray[np.intp]


def source_columns(feature_map: FeatureMap) -> NDArray[np.intp]:
    """The column (p,) of the source's rows that each feature of the head is made from.

    Args:
        feature_map: of the head.

    Examples:
        >>> source_columns(FeatureMap("some", ((4, 6), (1, 2)), "none", columns=np.array([0, 2])))
        array([4, 1])
    """
    every = np.concatenate([np.arange(start, stop) for start, stop in feature_map.blocks]).astype(np.intp)
    return every[feature_map.columns] if feature_map.columns.size else every


def feature_groups(query: Query) -> FeatureGroups:
    """The columns of a table's row, the columns of an item of several, the fused sources, or the layers of a body.

    Args:
        query: of any model.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.asking.contrast import contrast_of
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> found = feature_groups(Query(model, [0.2, 1.0], np.array([[0.2, 1.0]]), contrast_of(model.task, "left")))
        >>> found.names, found.cells, found.of_feature
        (('column 0', 'column 1'), ('0.2', '1'), array([0, 1]))
    """
    source, item = query.model.source, query.item
    own = source_columns(query.model.head.feature_map)
    if isinstance(source, FusedSource):
        names, cells, group = _parts(source, item)
        title = "Share of each column" if source.info.modality == "multimodal" else "Share of each source"
        return _grouped(title, names, cells, group[own])
    if source.info.modality == "vector":
        row = np.asarray(query.row[0])
        columns = query.model.columns
        names = [columns[k] if len(columns) == len(row) else f"column {k}" for k in range(len(row))]
        return _grouped("Share of each column", names, [f"{value:.4g}" for value in row], own)
    edges = np.cumsum([block.width for block in source.info.blocks])
    blocks = np.searchsorted(edges, own, side="right")
    return _grouped("Share of each layer", [block.name for block in source.info.blocks], None, blocks)


def _grouped(
    title: str, names: Sequence[str], cells: Sequence[str] | None, of_feature: NDArray[np.intp]
) -> FeatureGroups:
    """The groups without those that no feature comes from."""
    used, places = np.unique(of_feature, return_inverse=True)
    found = [cells[k] if cells is not None else "" for k in used]
    return FeatureGroups(title, tuple(names[k] for k in used), tuple(found), places.astype(np.intp))


def _parts(source: FusedSource, item: Any) -> tuple[list[str], list[str], NDArray[np.intp]]:
    """The names and cells of the parts of a fused source, and the part of each of its columns."""
    names: list[str] = []
    cells: list[str] = []
    group: list[int] = []
    for label, (part, position) in zip(source.names, source.branches, strict=True):
        width = sum(block.width for block in source.info.blocks if block.part == label)
        cell = None if position is None else item[position]
        if isinstance(part, ColumnsSource) and position is not None:
            for quantity, value in zip(part.columns, cell or [None] * len(part.columns), strict=True):
                group += [len(names)] * quantity.width
                names.append(quantity.name)
                cells.append(_cell(value))
            # the mark of a missing row of numbers, which is always there
            group += [len(names) - 1] * (width - sum(quantity.width for quantity in part.columns))
            continue
        group += [len(names)] * width
        names.append(label)
        cells.append("" if position is None else _cell(cell))
    return names, cells, np.array(group, np.intp)


def _cell(value: object) -> str:
    return "(missing)" if value is None else item_words(value)


def compared_layers(query: Query) -> dict[str, float]:
    """The least leave-one-out loss of each choice of layers that the fit compared, by its name; empty if unknown.

    Args:
        query: of any model.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> texts = ["a good film", "good fun", "a bad film", "bad luck"] * 6
        >>> data = ([f"{text} {k}" for k, text in enumerate(texts)], ["+", "+", "-", "-"] * 6)
        >>> model = fit(data, source="toy", baselines="none", verbose=False).model
        >>> list(compared_layers(ask(model, "a good one")))
        ['last layer', 'all 2 blocks']
    """
    rows: list[tuple[Any, Any]] = [(one.features, one.loss) for one in query.model.head.candidates]
    if not rows:
        record = query.model.card.get("head")
        listed = record.get("compared", []) if isinstance(record, Mapping) else []
        rows = [(one.get("features"), one.get("loss")) for one in listed if isinstance(one, Mapping)]
    found: dict[str, float] = {}
    for features, loss in rows:
        if isinstance(features, str) and isinstance(loss, float) and math.isfinite(loss):
            found[features] = min(loss, found.get(features, math.inf))
    return found
