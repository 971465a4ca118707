"""Neighbourhood agreement: whether near items of the target get the same predicted class, beyond chance.

Items of a class should lie close together, so that a good classifier gives neighbours the same class. A share of equal
neighbours rewards a model that gives all items one class; so it is corrected for chance as in Cohen's kappa: with the
share a and the predicted class shares p, (a - Σp²) / (1 - Σp²).

Reference: Saito, Kim, Teterwak, Sclaroff, Darrell & Saenko, "Tune it the right way: unsupervised validation of domain
adaptation via soft neighborhood density", ICCV 2021 (the idea; hard predictions and the correction are used here,
because soft ones depend on the temperature); Cohen, "A coefficient of agreement for nominal scales", 1960.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEIGHBOURS", "neighbourhood_agreement", "neighbours_of"]

Array = NDArray[np.float64]
NEIGHBOURS = 5
CHUNK = 512  # rows whose distances are held at once


def neighbours_of(rows: Array, count: int = NEIGHBOURS) -> NDArray[np.intp]:
    """The nearest other rows of each row, (n, count), by Euclidean distance.

    Args:
        rows: (n, d), with n above ``count``.
        count: how many; default 5.

    Examples:
        >>> neighbours_of(np.array([[0.0], [0.1], [5.0], [5.2]]), 1)[:, 0]
        array([1, 0, 3, 2])
    """
    squares = (rows**2).sum(axis=1)
    found = np.empty((len(rows), count), np.intp)
    for start in range(0, len(rows), CHUNK):
        part = slice(start, min(start + CHUNK, len(rows)))
        distances = squares[None, :] - 2 * rows[part] @ rows.T
        distances[np.arange(part.stop - start), np.arange(start, part.stop)] = np.inf
        found[part] = np.argpartition(distances, count - 1, axis=1)[:, :count]
    return found


def neighbourhood_agreement(labels: NDArray[np.intp], neighbours: NDArray[np.intp]) -> Array:
    """The agreement of each item with its neighbours, corrected for chance; the mean is 1 at best, 0 by chance.

    Args:
        labels: (n,) predicted classes.
        neighbours: (n, count) positions of the neighbours of each item.

    Returns:
        (n,) values; zeros where all items have one class.

    Examples:
        >>> near = np.array([[1], [0], [3], [2]])
        >>> neighbourhood_agreement(np.array([0, 0, 1, 1]), near).mean()
        np.float64(1.0)
        >>> neighbourhood_agreement(np.array([0, 1, 0, 1]), near).mean()
        np.float64(-1.0)
    """
    shares = np.bincount(labels) / len(labels)
    chance = float((shares**2).sum())
    if chance >= 1:
        return np.zeros(len(labels))
    same = (labels[neighbours] == labels[:, None]).mean(axis=1)
    return np.asarray((same - chance) / (1 - chance))
