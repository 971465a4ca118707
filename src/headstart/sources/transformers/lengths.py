"""Items of several lengths, such as texts and sounds: how far each is padded, and which share a batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["length_batches", "padded_length"]


def padded_length(length: int, most: int) -> int:
    """The padded length of an item of ``length`` tokens or frames: rounded up a little, so that items share batches.

    It depends only on the item, because products in bf16 are rounded differently in batches of other widths.

    Args:
        length: of the item.
        most: the length that the body allows.

    Examples:
        >>> [padded_length(length, 512) for length in (1, 13, 31, 33, 500, 512)]
        [2, 14, 32, 36, 512, 512]
    """
    step = max(2, (1 << (length.bit_length() - 1)) // 8)  # from a length of 16 on, padding is at most an eighth
    return max(length, min(-(-length // step) * step, most))


def length_batches(lengths: NDArray[np.intp], at_once: int) -> Iterator[NDArray[np.intp]]:
    """Indices of the items that run together: those of the same padded length, the longest first.

    Args:
        lengths: the padded length of each item.
        at_once: how many tokens or frames a batch may have; it has one item at least.

    Examples:
        >>> [group.tolist() for group in length_batches(np.array([8, 4, 4, 8, 4]), 8)]
        [[0], [3], [1, 2], [4]]
    """
    for length in np.unique(lengths)[::-1]:
        alike = np.flatnonzero(lengths == length)
        size = max(1, at_once // int(length))
        yield from (alike[begin : begin + size] for begin in range(0, len(alike), size))
