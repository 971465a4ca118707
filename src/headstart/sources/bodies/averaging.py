"""Items that consist of several parts, such as the patches of a sound: the mean row of each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["item_means", "item_rows"]


def item_means(blocks: Sequence[Tensor], counts: Tensor, weights: Tensor | None = None) -> list[Tensor]:
    """The mean over each item's parts, with gradients.

    Args:
        blocks: of each block, the rows (all parts, width) of all items, one item after another.
        counts: (n,) int64, the number of parts of each item, at least 1.
        weights: (all parts,) float, such as the lengths of the parts; by default all are equal.

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
    if weights is not None:
        shares = weights / weights.new_zeros(len(counts)).index_add(0, owners, weights)[owners]
        blocks = [block * shares.unsqueeze(1) for block in blocks]
    empty = [block.new_zeros(len(counts), *block.shape[1:]) for block in blocks]
    sums = [start.index_add(0, owners, block) for start, block in zip(empty, blocks, strict=True)]
    return sums if weights is not None else [total / counts.unsqueeze(1) for total in sums]


def item_rows(rows: FeatureMatrix, counts: Sequence[int], weights: NDArray[np.float32] | None = None) -> FeatureMatrix:
    """The mean over each item's parts, of rows as arrays.

    Args:
        rows: (all parts, d) float32, one item after another.
        counts: the number of parts of each of the n items, at least 1.
        weights: (all parts,) of the parts, such as their lengths; by default all are equal.

    Returns:
        (n, d) float32.

    Examples:
        >>> item_rows(np.array([[1.0], [3.0], [7.0]], np.float32), [2, 1])
        array([[2.],
               [7.]], dtype=float32)
    """
    begins = np.cumsum([0, *counts])[:-1]
    if weights is None:
        return (np.add.reduceat(rows, begins, axis=0) / np.asarray(counts, np.float32)[:, None]).astype(np.float32)
    sums = np.add.reduceat(rows * weights[:, None], begins, axis=0)
    means: FeatureMatrix = (sums / np.add.reduceat(weights, begins)[:, None]).astype(np.float32)
    alone = np.asarray(counts) == 1  # not multiplied and divided: the same bits as without longer neighbours
    means[alone] = rows[begins[alone]]
    return means
