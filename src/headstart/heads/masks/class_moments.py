"""Moments of cells, one sum for each class, from which those under any weights of the classes follow.

A cell with shares s of the classes counts as s_c rows of class c, each with a one-hot target: the least squares fit is
that to the shares. With w_c = (N / (C n_c))^β the balanced moments are Σ_c w_c M_c, so β is chosen after one pass; most
cells show a single class, so that the pass costs little more than one sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.linear.moments import Moments
from headstart.linear.running import RunningMoments

__all__ = ["ClassMoments", "ClassSums"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassMoments:
    """Moments of cells by class.

    Attributes:
        parts: k moments, of class after class, each cell weighted with its share of the class.

    Examples:
        >>> sums = ClassSums(2)
        >>> sums.add(np.zeros((4, 1)), np.eye(2)[[0, 0, 0, 1]])
        >>> both = sums.finish() + sums.finish()
        >>> both.counts, (both - sums.finish()).counts
        (array([6., 2.]), array([3., 1.]))
    """

    parts: tuple[Moments, ...]

    @property
    def counts(self) -> Array:
        """(k,) n_c: how many cells each class fills."""
        return np.array([part.w for part in self.parts])

    @property
    def nbytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.scatter.nbytes + part.cross.nbytes for part in self.parts)

    def __add__(self, other: ClassMoments) -> ClassMoments:
        """The moments of the cells of both."""
        return ClassMoments(tuple(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    def __sub__(self, other: ClassMoments) -> ClassMoments:
        """The moments without the cells of ``other``, which must be among them."""
        return ClassMoments(tuple(a - b for a, b in zip(self.parts, other.parts, strict=True)))

    def weights(self, beta: float) -> Array:
        """(k,) (N / (C n_c))^β, where C counts the classes that have cells; 1 for a class without.

        Args:
            beta: 0 for equal weights, 1 for the same total of every class.
        """
        counts = self.counts
        there = counts > 0
        weights = np.ones(len(counts))
        weights[there] = (counts.sum() / (there.sum() * counts[there])) ** beta
        return weights

    def balanced(self, beta: float) -> Moments:
        """The moments of all cells under the class weights of ``beta``."""
        first, *rest = (part.weighted(float(w)) for part, w in zip(self.parts, self.weights(beta), strict=True))
        for part in rest:
            first = first + part
        return first


class ClassSums:
    """Adds cells, picture after picture; memory does not grow.

    Args:
        num_classes: k.

    Examples:
        >>> sums = ClassSums(2)
        >>> sums.add(np.array([[1.0], [3.0]]), np.array([[0.5, 0.5], [0.0, 1.0]]))
        >>> found = sums.finish()
        >>> found.counts, found.balanced(0.0).wx, found.weights(1.0).round(3)
        (array([0.5, 1.5]), array([4.]), array([2.   , 0.667]))
    """

    def __init__(self, num_classes: int) -> None:
        self._sums = [RunningMoments() for _ in range(num_classes)]
        self._one_hot = np.eye(num_classes)

    def add(self, rows: NDArray[np.floating], shares: Array, labelled: Array | None = None) -> None:
        """Add cells.

        Args:
            rows: (cells, d).
            shares: (cells, k) of the classes.
            labelled: (cells,) how much of each cell counts; default: all of it.
        """
        given = shares if labelled is None else shares * labelled[:, None]
        for code, total in enumerate(self._sums):
            there = np.flatnonzero(given[:, code])
            targets = np.broadcast_to(self._one_hot[code], (len(there), len(self._one_hot)))
            total.add(rows[there], targets, given[there, code])  # an empty batch sets the number of columns

    def finish(self) -> ClassMoments:
        """The moments so far."""
        return ClassMoments(tuple(Moments(**total.fields()) for total in self._sums))
