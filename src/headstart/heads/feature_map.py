"""Feature maps: the columns of a source's rows that a head is fitted on, and how they are scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import CHUNK, unit_rows
from headstart.types import Block, Rows

__all__ = ["FeatureMap", "candidate_maps"]

Scaling = Literal["none", "unit_norm"]
MAX_ROWS_FOR_SCALE = 2048


@dataclass(frozen=True)
class FeatureMap:
    """Which columns a head sees, and how they are scaled.

    Attributes:
        name: the name shown to users, such as ``"all 7 blocks"``.
        blocks: (start, stop) column ranges that are kept and concatenated.
        scaling: ``"unit_norm"`` divides each block of each row by its L2 norm, which keeps leave-one-out exact;
            ``"none"`` leaves rows unchanged.
        shift: (num_features,) subtracted after that, or empty.
        scale: (num_features,) final divisor, or empty. Shift and scale are computed from all training rows without
            their labels, so leave-one-out is approximate, with an error of order 1/n.
        scalings: one scaling per block if they differ; empty if ``scaling`` applies to all.
        columns: positions of the columns that are kept from the scaled blocks, or empty for all; ``shift`` and
            ``scale`` then refer to these columns.
        width: number of columns of the source's rows if the blocks do not include the last one; else 0.

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
        """Number of columns that the head is fitted on."""
        return len(self.columns) or sum(stop - start for start, stop in self.blocks)

    @property
    def num_inputs(self) -> int:
        """Number of columns of the source's rows."""
        return max(self.width, *(stop for _, stop in self.blocks))

    @property
    def moments_key(self) -> tuple[Any, ...]:
        """A key of the columns before shift and scale: maps with equal keys can share one pass over the rows."""
        return self.blocks, self.block_scalings, self.columns.tobytes()

    @property
    def block_scalings(self) -> tuple[Scaling, ...]:
        """The scaling of each block."""
        return self.scalings or (self.scaling,) * len(self.blocks)

    def without_unread_blocks(self) -> FeatureMap:
        """The same map without the blocks of which it keeps no column; with the same outputs."""
        if not self.columns.size:
            return self
        edges = np.cumsum([0, *(stop - start for start, stop in self.blocks)])
        owner = np.searchsorted(edges, self.columns, side="right") - 1  # the block of each kept column
        kept = np.unique(owner)
        begins = np.cumsum([0, *(edges[k + 1] - edges[k] for k in kept)])[:-1]
        columns = self.columns - edges[owner] + begins[np.searchsorted(kept, owner)]
        return replace(
            self,
            blocks=tuple(self.blocks[k] for k in kept),
            scalings=tuple(self.scalings[k] for k in kept) if self.scalings else (),
            columns=columns.astype(np.intp),
            width=self.num_inputs,
        )

    def reads(self, widths: Sequence[int]) -> list[bool]:
        """For each block of the source, whether the map reads any of its columns.

        Args:
            widths: number of columns of each block of the source, first to last.
        """
        edges = pairwise(np.cumsum([0, *widths]).tolist())
        return [any(a < stop and start < b for a, b in self.blocks) for start, stop in edges]

    def moved(self, old: Mapping[str, int], new: Mapping[str, int]) -> FeatureMap:
        """The same map for rows that have other blocks beside those it reads.

        Args:
            old: the blocks of its rows, first to last: name to number of columns.
            new: those of the other rows; in the same order, and with every block that the map reads.

        Raises:
            ParameterError: if a block that the map reads is missing.
        """
        begins = dict(zip(new, np.cumsum([0, *new.values()])[:-1].tolist(), strict=True))
        offsets = np.zeros(sum(old.values()), np.intp)  # of each old column
        start = 0
        for (name, width), used in zip(old.items(), self.reads(list(old.values())), strict=True):
            if used and new.get(name) != width:
                raise ParameterError(f"The rows lack the block '{name}' of {width} columns, which the head reads.")
            offsets[start : start + width] = begins.get(name, 0) - start
            start += width
        blocks = tuple((a + int(offsets[a]), b + int(offsets[a])) for a, b in self.blocks)
        return replace(self, blocks=blocks, width=sum(new.values()))

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Map source rows (n, d) to head rows (n, num_features); float64 if a shift is subtracted."""
        scaled = zip(self.blocks, self.block_scalings, strict=True)
        parts = [unit_rows(rows[:, a:b]) if scaling == "unit_norm" else rows[:, a:b] for (a, b), scaling in scaled]
        # one unscaled block stays a view, without a copy
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        joined = joined[:, self.columns] if self.columns.size else joined
        if self.shift.size:
            return np.asarray((joined - self.shift) / self.scale)
        return np.asarray(joined / self.scale.astype(joined.dtype) if self.scale.size else joined)


def candidate_maps(rows: Rows, blocks: Sequence[Block], layers: str = "auto") -> tuple[FeatureMap, ...]:
    """The feature maps to compare for a source, simplest first.

    For a body with several blocks these are its last layer and all blocks concatenated. Each block of each row is
    scaled to unit norm and then divided by the square root of the block's total variance. Otherwise a block whose rows
    hardly differ (early layers share a large mean) would have little weight. Compared with unit norm alone this lowered
    the leave-one-out log-loss on twitter_financial_news (0.483 to 0.480) and TREC-6 (0.260 to 0.258); BANKING77 did not
    change (0.305). For a source without blocks the maps are its rows and its standardised rows.

    Args:
        rows: (n, d) training rows of the source.
        blocks: the source's blocks, first to last; empty for a source without blocks.
        layers: ``"auto"`` or ``"select"`` for the last layer and all blocks, ``"last"`` or ``"all"`` for only one of
            these, ``"best"`` to add every single block, ``"standardised"`` for the last layer with standardised columns
            instead of unit norm: the only map here that is linear, as a classifier layer of another library is.

    Returns:
        One or two maps; with ``"best"`` also one per earlier block.

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
    if layers == "standardised":
        return (_standardised(rows, ranges[-1]),)
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


def _standardised(rows: Rows, place: tuple[int, int]) -> FeatureMap:
    """The last layer with standardised columns."""
    shift, scale = _mean_and_deviation(rows, slice(*place))
    return FeatureMap("last layer, standardised", (place,), "none", shift, np.where(scale > 0, scale, 1.0))


def _block_scale(together: FeatureMap, rows: Rows) -> NDArray[np.float64]:
    """(num_features,) the square root of each block's total variance, repeated over its columns."""
    sample = together(rows[:: max(1, len(rows) // MAX_ROWS_FOR_SCALE)])
    variance = sample.var(axis=0, dtype=np.float64)
    widths = [stop - start for start, stop in together.blocks]
    total = np.array([part.sum() for part in np.split(variance, np.cumsum(widths)[:-1])])
    return np.repeat(np.sqrt(np.where(total > 0, total, 1.0)), widths)


def _mean_and_deviation(rows: Rows, columns: slice = slice(None)) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, computed in chunks (Chan, Golub & LeVeque 1983)."""
    width = len(range(*columns.indices(rows.shape[1])))
    mean, square, seen = np.zeros(width), np.zeros(width), 0
    for start in range(0, len(rows), CHUNK):
        part = np.asarray(rows[start : start + CHUNK])[:, columns]
        near = part.mean(axis=0, dtype=np.float64)
        offset = part - near
        total = seen + len(part)
        step = (near - mean) * len(part) / total
        # Chan's update: the squares within the chunk, plus those of the shift between the two means
        square += np.einsum("nd,nd->d", offset, offset) + (near - mean) * step * seen
        mean, seen = mean + step, total
    return mean, np.sqrt(square / max(seen, 1))


def _vector_maps(rows: Rows) -> tuple[FeatureMap, ...]:
    every = ((0, rows.shape[1]),)
    shift, scale = _mean_and_deviation(rows)
    return (
        FeatureMap("rows as they are", every, "none"),
        FeatureMap("standardised rows", every, "none", shift, np.where(scale > 0, scale, 1.0)),
    )
