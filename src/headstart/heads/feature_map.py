"""From the rows of a source to the rows that a head is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.linear.checks import CHUNK, unit_rows
from headstart.types import Block, Rows

__all__ = ["FeatureMap", "candidate_maps"]

Scaling = Literal["none", "unit_norm"]
MAX_ROWS_FOR_SCALE = 2048


@dataclass(frozen=True)
class FeatureMap:
    """Which columns a head sees, and how they are scaled.

    Attributes:
        name: what is printed, such as ``"all 7 blocks"``.
        blocks: (start, stop) column ranges that are kept, side by side.
        scaling: ``"unit_norm"`` divides each block of each row by its L2 norm, which leaves leave-one-out exact;
            ``"none"`` keeps rows.
        shift: (num_features,) subtracted afterwards, or empty.
        scale: (num_features,) divided by at the end, or empty. Both are fitted on training rows without labels, which
            makes leave-one-out approximate in the order of one part in n.
        scalings: a scaling for each block, where they differ; empty where ``scaling`` holds for all.
        columns: positions of the columns that are kept of the scaled blocks, or empty for all of them; ``shift`` and
            ``scale`` are then of these.
        width: columns of the source's rows, where the blocks do not reach the last one; else 0.

    Examples:
        >>> chosen = FeatureMap("last layer", ((2, 4),), "unit_norm")
        >>> chosen(np.array([[9.0, 9.0, 3.0, 4.0]]))
        array([[0.6, 0.8]])
    """

    name: str
    blocks: tuple[tuple[int, int], ...]
    scaling: Scaling
    shift: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scale: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scalings: tuple[Scaling, ...] = ()
    columns: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    width: int = 0

    @property
    def num_features(self) -> int:
        """Columns that the head sees."""
        return len(self.columns) or sum(stop - start for start, stop in self.blocks)

    @property
    def num_inputs(self) -> int:
        """Columns of the source's rows."""
        return max(self.width, *(stop for _, stop in self.blocks))

    @property
    def reading(self) -> tuple[Any, ...]:
        """What decides the columns before they are shifted and scaled: two maps that share it share their moments."""
        return self.blocks, self.block_scalings, self.columns.tobytes()

    @property
    def block_scalings(self) -> tuple[Scaling, ...]:
        """The scaling of each block."""
        return self.scalings or (self.scaling,) * len(self.blocks)

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows (n, d) of the source as rows (n, num_features) for the head; float64 where a shift is subtracted."""
        scaled = zip(self.blocks, self.block_scalings, strict=True)
        parts = [unit_rows(rows[:, a:b]) if scaling == "unit_norm" else rows[:, a:b] for (a, b), scaling in scaled]
        # one block is a view: no copy of rows that need none
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        joined = joined[:, self.columns] if self.columns.size else joined
        if self.shift.size:
            return np.asarray((joined - self.shift) / self.scale)
        return np.asarray(joined / self.scale.astype(joined.dtype) if self.scale.size else joined)


def candidate_maps(rows: Rows, blocks: Sequence[Block], layers: str = "auto") -> tuple[FeatureMap, ...]:
    """The feature maps worth comparing for a source: simplest first.

    A body with several blocks offers its last layer and all blocks together. Each block is of unit norm in each row
    and then divided by the root of its total variance, so that a block whose rows hardly differ (early layers share a
    large mean) weighs as much as the others: against unit norm alone this lowered the left-out log-loss on
    twitter_financial_news (0.483 to 0.480) and TREC-6 (0.260 to 0.258) and left BANKING77 where it was (0.305). Rows
    that came as they are offer themselves and their standardised columns.

    Args:
        rows: (n, d) training rows of the source.
        blocks: the source's blocks, first to last; empty for rows as they are.
        layers: ``"auto"`` or ``"select"`` for the last layer and all blocks, ``"last"`` or ``"all"`` for one of them,
            ``"best"`` for every block by itself too.

    Returns:
        One or two maps, and with ``"best"`` one for each block more.

    Examples:
        >>> [m.name for m in candidate_maps(np.ones((3, 4)), [Block("stem", 1), Block("last", 3)])]
        ['last layer', 'all 2 blocks']
        >>> [m.name for m in candidate_maps(np.eye(3), [])]
        ['rows as they are', 'standardised rows']
    """
    if not blocks:
        return _vector_maps(rows)
    edges = np.concatenate([[0], np.cumsum([block.width for block in blocks])])
    ranges = tuple((int(a), int(b)) for a, b in pairwise(edges))
    last = FeatureMap("last layer", ranges[-1:], "unit_norm")
    if len(ranges) == 1 or layers == "last":
        return (last,)
    together = FeatureMap(f"all {len(ranges)} blocks", ranges, "unit_norm")
    together = replace(together, scale=_block_scale(together, rows))
    if layers == "all":
        return (together,)
    named = zip(blocks[:-1], ranges[:-1], strict=True) if layers == "best" else ()
    early = (FeatureMap(f"layer {one.name}", (place,), "unit_norm", width=rows.shape[1]) for one, place in named)
    return (last, *early, together)


def _block_scale(together: FeatureMap, rows: Rows) -> NDArray[np.float64]:
    """(num_features,) the root of each block's total variance, one number a block."""
    sample = together(rows[:: max(1, len(rows) // MAX_ROWS_FOR_SCALE)])
    variance = sample.var(axis=0, dtype=np.float64)
    widths = [stop - start for start, stop in together.blocks]
    total = np.array([part.sum() for part in np.split(variance, np.cumsum(widths)[:-1])])
    return np.repeat(np.sqrt(np.where(total > 0, total, 1.0)), widths)


def _mean_and_deviation(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, a chunk at a time (Chan, Golub & LeVeque 1983)."""
    mean, square, seen = np.zeros(rows.shape[1]), np.zeros(rows.shape[1]), 0
    for start in range(0, len(rows), CHUNK):
        part = np.asarray(rows[start : start + CHUNK])
        near = part.mean(axis=0, dtype=np.float64)
        offset = part - near
        total = seen + len(part)
        step = (near - mean) * len(part) / total
        # Chan's update: the chunk's own squares, and those of the shift of its mean
        square += np.einsum("nd,nd->d", offset, offset) + (near - mean) * step * seen
        mean, seen = mean + step, total
    return mean, np.sqrt(square / max(seen, 1))


def _vector_maps(rows: Rows) -> tuple[FeatureMap, ...]:
    whole = ((0, rows.shape[1]),)
    shift, scale = _mean_and_deviation(rows)
    return (
        FeatureMap("rows as they are", whole, "none"),
        FeatureMap("standardised rows", whole, "none", shift, np.where(scale > 0, scale, 1.0)),
    )
