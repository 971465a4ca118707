"""Feature concatenation: feature maps of a fused source, for each of its parts alone and for all parts concatenated.

Command: headstart fit DATA --source NAME --source NAME --fusion concat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import MAX_ROWS_FOR_SCALE, FeatureMap, Scaling
from headstart.types import Block, Rows

__all__ = ["ColumnSpan", "concatenated_maps", "is_fused", "join_maps", "scaled_map", "single_maps", "spans_of"]

# Largest side of an eigendecomposition; this one takes about a minute on two cores.
MAX_SIDE = 6144


@dataclass(frozen=True)
class ColumnSpan:
    """The column range of one block.

    Attributes:
        start: first column.
        stop: one past the last column.
        part: the part of the fused source that the block comes from.
        numbers: whether it holds numeric columns, which are standardised one by one.
    """

    start: int
    stop: int
    part: str
    numbers: bool = False


def spans_of(blocks: Sequence[Block]) -> tuple[ColumnSpan, ...]:
    """The column range of each block, first to last.

    Examples:
        >>> spans_of([Block("a/last", 2, "a"), Block("b/last", 3, "b")])[1]
        ColumnSpan(start=2, stop=5, part='b', numbers=False)
    """
    stops = np.cumsum([block.width for block in blocks])
    return tuple(
        ColumnSpan(int(stop) - block.width, int(stop), block.part, block.numbers)
        for block, stop in zip(blocks, stops, strict=True)
    )


def is_fused(blocks: Sequence[Block]) -> bool:
    """Whether the blocks come from several parts.

    Examples:
        >>> is_fused([Block("last", 3)]), is_fused([Block("a/last", 3, "a"), Block("b/last", 3, "b")])
        (False, True)
    """
    return len({block.part for block in blocks}) > 1


def scaled_map(name: str, spans: Sequence[ColumnSpan], rows: Rows) -> FeatureMap:
    """A map of concatenated blocks, each with total variance one.

    Features are scaled to unit norm in each block of each row, then divided by the square root of the block's total
    variance. Numeric columns are centred and divided by their standard deviation times √(number of columns).

    Args:
        name: name of the map.
        spans: the blocks, first to last.
        rows: (n, d) training rows; scales are estimated on about 2,000 of them.

    Examples:
        >>> rows = np.array([[3.0, 4.0, 10.0], [4.0, 3.0, 30.0]])
        >>> found = scaled_map("both", [ColumnSpan(0, 2, "a"), ColumnSpan(2, 3, "b", numbers=True)], rows)
        >>> found(rows)[:, 2], found(rows).var(axis=0).sum().round(6)
        (array([-1.,  1.]), np.float64(2.0))
    """
    plain = _plain(name, spans, rows)
    sample = np.asarray(plain(rows[:: max(1, len(rows) // MAX_ROWS_FOR_SCALE)]), dtype=np.float64)
    widths = [span.stop - span.start for span in spans]
    edges = np.cumsum(widths)[:-1]
    shift, scale = [], []
    for span, part in zip(spans, np.split(sample, edges, axis=1), strict=True):
        deviation = part.std(axis=0)
        if span.numbers:
            shift.append(part.mean(axis=0))
            # √columns, so that the standardised columns together have variance one
            scale.append(np.where(deviation > 0, deviation, 1.0) * np.sqrt(part.shape[1]))
        else:
            total = float((deviation**2).sum())
            shift.append(np.zeros(part.shape[1]))
            scale.append(np.full(part.shape[1], np.sqrt(total) if total > 0 else 1.0))
    shifted = any(span.numbers for span in spans)
    return replace(plain, shift=np.concatenate(shift) if shifted else np.empty(0), scale=np.concatenate(scale))


def _plain(name: str, spans: Sequence[ColumnSpan], rows: Rows) -> FeatureMap:
    scalings: tuple[Scaling, ...] = tuple("none" if span.numbers else "unit_norm" for span in spans)
    return FeatureMap(
        name,
        tuple((span.start, span.stop) for span in spans),
        "unit_norm",
        scalings=() if set(scalings) == {"unit_norm"} else scalings,
        width=rows.shape[1],
    )


def single_maps(rows: Rows, blocks: Sequence[Block], layers: str = "auto") -> Mapping[str, tuple[FeatureMap, ...]]:
    """The feature maps of each part alone: its last layer and all of its blocks, or its numeric columns.

    Args:
        rows: (n, d) training rows.
        blocks: blocks of several parts.
        layers: as in `candidate_maps`.

    Examples:
        >>> blocks = [Block("a/stem", 1, "a"), Block("a/last", 1, "a"), Block("b/last", 2, "b")]
        >>> [found.name for maps in single_maps(np.eye(4), blocks).values() for found in maps]
        ['last layer of a', 'all 2 blocks of a', 'last layer of b']
    """
    parts = _by_part(spans_of(blocks))
    return {part: tuple(_of_part(part, spans, rows, layers)) for part, spans in parts.items()}


def _of_part(part: str, spans: Sequence[ColumnSpan], rows: Rows, layers: str) -> list[FeatureMap]:
    features, last = [span for span in spans if not span.numbers], _last(spans)
    if not features:
        return [scaled_map(f"columns of {part}", spans, rows)]
    alone = len(last) == 1  # without an indicator of missing values
    found = [_plain(f"last layer of {part}", last, rows) if alone else scaled_map(f"last layer of {part}", last, rows)]
    if len(features) > 1 and layers != "last":
        all_blocks = scaled_map(f"all {len(features)} blocks of {part}", spans, rows)
        return [all_blocks] if layers == "all" else [*found, all_blocks]
    return found


def _by_part(spans: Sequence[ColumnSpan]) -> dict[str, list[ColumnSpan]]:
    found: dict[str, list[ColumnSpan]] = {}
    for span in spans:
        found.setdefault(span.part, []).append(span)
    return found


def _last(spans: Sequence[ColumnSpan]) -> list[ColumnSpan]:
    """The last block of features of one part, and its numeric columns."""
    features = [span for span in spans if not span.numbers]
    return [*features[-1:], *(span for span in spans if span.numbers)]


def concatenated_maps(rows: Rows, blocks: Sequence[Block], layers: str = "auto") -> tuple[FeatureMap, ...]:
    """All parts concatenated: their last layers, and all of their blocks if that can be solved in about a minute.

    Args:
        rows: (n, d) training rows.
        blocks: blocks of several parts.
        layers: ``"auto"`` for both, ``"last"`` or ``"all"`` for only one of them.

    Examples:
        >>> blocks = [Block("a/stem", 1, "a"), Block("a/last", 1, "a"), Block("b/last", 2, "b")]
        >>> [found.name for found in concatenated_maps(np.eye(4), blocks)]
        ['last layers of a + b', 'all 3 blocks of a + b']
    """
    spans = spans_of(blocks)
    parts = _by_part(spans)
    names = " + ".join(parts)
    last = [span for own in parts.values() for span in _last(own)]
    found = [scaled_map(f"last layers of {names}", last, rows)]
    solvable = layers == "all" or min(len(rows), spans[-1].stop) <= MAX_SIDE
    if layers != "last" and len(last) < len(spans) and solvable:
        all_blocks = scaled_map(f"all {sum(not span.numbers for span in spans)} blocks of {names}", spans, rows)
        return (all_blocks,) if layers == "all" else (*found, all_blocks)
    return tuple(found)


def join_maps(maps: Sequence[FeatureMap], name: str) -> FeatureMap:
    """One map whose columns are those of several maps, concatenated.

    Args:
        maps: maps of the same rows.
        name: name of the new map.

    Examples:
        >>> one, two = FeatureMap("a", ((0, 1),), "none"), FeatureMap("b", ((1, 3),), "unit_norm")
        >>> join_maps([one, two], "both")(np.array([[2.0, 3.0, 4.0]]))
        array([[2. , 0.6, 0.8]])
    """
    widths = [sum(stop - start for start, stop in one.blocks) for one in maps]
    begins = np.cumsum([0, *widths[:-1]])
    kept = any(one.columns.size for one in maps)
    columns = [
        begin + (one.columns if one.columns.size else np.arange(width))
        for one, begin, width in zip(maps, begins, widths, strict=True)
    ]
    return FeatureMap(
        name,
        tuple(block for one in maps for block in one.blocks),
        "unit_norm",
        _filled([one.shift for one in maps], maps, 0.0),
        _filled([one.scale for one in maps], maps, 1.0, wanted=any(one.shift.size for one in maps)),
        tuple(scaling for one in maps for scaling in one.block_scalings),
        np.concatenate(columns).astype(np.intp) if kept else np.empty(0, np.intp),
        max(one.num_inputs for one in maps),
    )


def _filled(
    given: Sequence[NDArray[np.float64]], maps: Sequence[FeatureMap], value: float, *, wanted: bool = False
) -> NDArray[np.float64]:
    if not wanted and not any(array.size for array in given):
        return np.empty(0)
    # a map without shift or scale gets the neutral value
    both = zip(given, maps, strict=True)
    return np.concatenate([array if array.size else np.full(one.num_features, value) for array, one in both])
