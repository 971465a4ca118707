"""Items that consist of several parts, such as the patches of a sound: the mean row of each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["item_means", "item_rows"]


def item_means(blocks: Sequence[Tensor], counts: Tensor) -> list[Tensor]:
    """The mean over each item's parts, with gradients.

    Args:
        blocks: of each block, the rows (all parts, width) of all items, one item after another.
        counts: (n,) int64, the number of parts of each item, at least 1.

    Returns:
        For each block, (n, width).

    Examples:
        >>> import torch
        >>> item_means([torch.tensor([[1.0], [3.0], [7.0]])], torch.tensor([2, 1]))
        [tensor([[2.],
                [7.]])]
    """
    # owners[j] is the item of part j; index_add is differentiable and leaves the shape of a row open
    owners = counts.new_tensor(range(len(counts))).repeat_interleave(counts)
    empty = [block.new_zeros(len(counts), *block.shape[1:]) for block in blocks]
    sums = [start.index_add(0, owners, block) for start, block in zip(empty, blocks, strict=True)]
    return [total / counts.unsqueeze(1) for total in sums]


def item_rows(rows: FeatureMatrix, counts: Sequence[int]) -> FeatureMatrix:
    """The mean over each item's parts, of rows as arrays.

    Args:
        rows: (all parts, d) float32, one item after another.
        counts: the number of parts of each of the n items, at least 1.

    Returns:
        (n, d) float32.

    Examples:
        >>> item_rows(np.array([[1.0], [3.0], [7.0]], np.float32), [2, 1])
        array([[2.],
               [7.]], dtype=float32)
    """
    begins = np.cumsum([0, *counts])[:-1]
    sums = np.add.reduceat(rows, begins, axis=0)
    return (sums / np.asarray(counts, np.float32)[:, None]).astype(np.float32)
