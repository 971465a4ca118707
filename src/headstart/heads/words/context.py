"""Rows of words with those of their neighbours: what a linear head needs to see a span of several words.

Reference: Collobert et al., "Natural Language Processing (Almost) from Scratch", JMLR 2011 (window approach).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["with_neighbours"]


def with_neighbours(rows: NDArray[np.float32], offsets: NDArray[np.int64], reach: int) -> NDArray[np.float32]:
    """The row of each word, then those of the words 1, 2, ... before and after it; zeros beyond the sentence.

    Args:
        rows: (words, d) of complete sentences, one after the other.
        offsets: (sentences + 1,) where the words of each begin and end.
        reach: how many words on each side.

    Returns:
        (words, d · (2 · reach + 1)).

    Examples:
        >>> with_neighbours(np.array([[1.0], [2.0], [5.0]], np.float32), np.array([0, 2, 3]), 1)
        array([[1., 0., 2.],
               [2., 1., 0.],
               [5., 0., 0.]], dtype=float32)
    """
    words, width = rows.shape
    found = np.zeros((words, width * (2 * reach + 1)), np.float32)
    found[:, :width] = rows
    place = np.arange(words)
    lengths = np.diff(offsets)
    begin, end = np.repeat(offsets[:-1], lengths), np.repeat(offsets[1:], lengths)
    for step in range(1, reach + 1):
        column = (2 * step - 1) * width
        own = place - step >= begin
        found[own, column : column + width] = rows[place[own] - step]
        own = place + step < end
        found[own, column + width : column + 2 * width] = rows[place[own] + step]
    return found
