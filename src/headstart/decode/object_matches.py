"""Which labelled objects were found: pairs that overlap by more than half, of which each object has one at most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ObjectMatches", "matches_by_class", "object_matches"]


@dataclass(frozen=True, eq=False)
class ObjectMatches:
    """Labelled and found objects of a picture.

    Attributes:
        truth: (m,) numbers of the labelled objects.
        found: (k,) numbers of the found ones.
        pairs: (p, 2) positions in ``truth`` and ``found`` of pairs whose intersection over union is above 1/2.
        overlaps: (p,) their intersection over union.

    Examples:
        >>> found = ObjectMatches(np.array([1, 2]), np.array([5]), np.array([[1, 0]]), np.array([0.6]))
        >>> found.hits(), found.hits(0.75)
        (1, 0)
    """

    truth: NDArray[np.intp]
    found: NDArray[np.intp]
    pairs: NDArray[np.intp]
    overlaps: NDArray[np.float64]

    def hits(self, threshold: float = 0.5) -> int:
        """Pairs whose intersection over union is above ``threshold``, which is 1/2 or more."""
        return int((self.overlaps > threshold).sum())


def matches_by_class(
    truth: tuple[NDArray[np.integer], NDArray[np.integer]],
    found: tuple[NDArray[np.integer], NDArray[np.integer]],
    classes: int,
    ignored: NDArray[np.bool_],
) -> Iterator[ObjectMatches]:
    """Matches of each class but the background: an object is found if one of its own class overlaps it.

    Args:
        truth: (height, width) class codes and numbers of objects, as labelled.
        found: the same as found.
        classes: number of classes, the background among them.
        ignored: (height, width), pixels that count in neither.

    Examples:
        >>> objects, nothing = np.array([[1, 1, 0]]), np.zeros((1, 3), bool)
        >>> sides = (np.array([[1, 1, 0]]), objects), (np.array([[2, 2, 0]]), objects)
        >>> [one.hits() for one in matches_by_class(*sides, 3, nothing)], object_matches(objects, objects).hits()
        ([0, 0], 1)
    """
    (codes, numbers), (seen, others) = truth, found
    for code in range(1, classes):
        yield object_matches(np.where(codes == code, numbers, 0), np.where(seen == code, others, 0), ignored)


def object_matches(
    truth: NDArray[np.integer], found: NDArray[np.integer], ignored: NDArray[np.bool_] | None = None
) -> ObjectMatches:
    """Match the objects of two pictures; above 1/2 of intersection over union no object has two partners.

    Args:
        truth: (height, width) numbers of labelled objects, 0 for the background.
        found: the same of found objects.
        ignored: (height, width), pixels that count in neither.

    Examples:
        >>> matches = object_matches(np.array([[1, 1, 1, 0, 2]]), np.array([[7, 7, 7, 7, 0]]))
        >>> matches.pairs.tolist(), matches.overlaps, matches.hits(0.5), matches.hits(0.75)
        ([[0, 0]], array([0.75]), 1, 0)
    """
    first, second = np.asarray(truth).ravel(), np.asarray(found).ravel()
    if ignored is not None:
        kept = ~ignored.ravel()
        first, second = first[kept], second[kept]
    names, a = _counted_anew(first)
    others, b = _counted_anew(second)
    joined, counts = _numbers(a.astype(np.int64) * len(others) + b)
    rows, columns = joined // len(others), joined % len(others)
    areas, other_areas = np.bincount(a, minlength=len(names)), np.bincount(b, minlength=len(others))
    overlap = counts / (areas[rows] + other_areas[columns] - counts)
    kept = (overlap > 0.5) & (names[rows] > 0) & (others[columns] > 0)
    places, other_places = np.cumsum(names > 0) - 1, np.cumsum(others > 0) - 1
    pairs = np.stack([places[rows[kept]], other_places[columns[kept]]], axis=1).astype(np.intp)
    return ObjectMatches(
        names[names > 0].astype(np.intp), others[others > 0].astype(np.intp), pairs, overlap[kept].astype(np.float64)
    )


def _numbers(values: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
    """The distinct values, ascending, and how often each occurs; without sorting where they are small."""
    if values.size and int(values.max()) <= 4 * values.size:
        counts = np.bincount(values)
        found = np.flatnonzero(counts)
        return found, counts[found]
    return np.unique(values, return_counts=True)


def _counted_anew(values: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
    """The distinct values, ascending and with 0 among them, and the place of each value among them."""
    names = np.union1d(_numbers(values)[0], [0])
    return names, np.searchsorted(names, values)
