"""Some of the blocks of a body: which columns of its rows they are, and how they are computed without the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from headstart.engine.body.recipe import Forward
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Selection", "take_columns"]


@dataclass(frozen=True)
class Selection:
    """Some of the blocks of a body, in the order of the body.

    Attributes:
        positions: ascending positions of the selected blocks among all blocks.
        widths: number of columns of every block.
        build: as `Recipe.build`, except that the forward function returns the selected blocks only and, where it can,
            stops after the deepest of them.

    Examples:
        >>> Selection((0, 2), (3, 1, 2), build=lambda: None).ranges
        ((0, 3), (4, 6))
    """

    positions: tuple[int, ...]
    widths: tuple[int, ...]
    build: Callable[[], tuple[nn.Module, Forward]]

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """(start, stop) of each selected block in the rows of all blocks."""
        edges = list(pairwise(np.cumsum([0, *self.widths]).tolist()))
        return tuple(edges[k] for k in self.positions)


def take_columns(rows: FeatureMatrix, ranges: Sequence[tuple[int, int]]) -> FeatureMatrix:
    """The given column ranges of rows (..., d), side by side, as a copy.

    Args:
        rows: the rows.
        ranges: (start, stop) of each range.

    Examples:
        >>> take_columns(np.arange(6.0).reshape(1, 6), [(0, 1), (4, 6)])
        array([[0., 4., 5.]])
    """
    return np.concatenate([rows[..., a:b] for a, b in ranges], axis=-1)
