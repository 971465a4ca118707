"""Running moments: Chan's update in place, without (d, d) temporaries for each small batch.

References: Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician 1983;
Knuth, The Art of Computer Programming, volume 2, section 4.2.2 (the two-sum).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_finite, check_matrix, check_targets, check_weights, chunks

__all__ = ["RunningMoments", "centre", "symmetric", "two_sum"]

Array = NDArray[np.float64]

MIRRORED = 256  # rows and columns that are mirrored at a time


class RunningMoments:
    """Moments accumulated over batches; the first batch sets the number of features and targets.

    Rows and targets are concatenated, so one symmetric product gives all three matrices. All products use SciPy's BLAS.
    NumPy has its own, and two thread pools would compete for the same cores (4 to 5 times slower on 2 cores with 512
    features and 100 targets).

    Examples:
        >>> running = RunningMoments()
        >>> running.add(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]))
        >>> running.fields()["scatter"]
        array([[2.]])
    """

    def __init__(self) -> None:
        self._n, self._w = 0, 0.0
        self._shape: tuple[int, int] | None = None

    def _start(self, d: int, k: int) -> None:
        self._shape = d, k
        self._mean, self._mean_tail = np.zeros(d + k), np.zeros(d + k)
        self._upper = np.zeros((d + k, d + k), order="F")
        self._room = np.empty((0, d + k))

    def add(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add rows to the moments, 4,096 at a time.

        Args:
            x: (n, d) rows of any real type.
            y: (n, k) targets.
            sample_weight: (n,) weights of 0 or more; default: ones.

        Raises:
            ParameterError: if shapes or weights are wrong.
            DataError: if a value is not finite.
        """
        owner = "Moments.stream"
        d, k = self._shape or (None, None)
        x = check_matrix(x, "x", owner, columns=d)
        y = check_targets(y, len(x), owner, columns=k)
        weights = check_weights(sample_weight, len(x), owner)
        if self._shape is None:
            self._start(x.shape[1], y.shape[1])
        for rows in chunks(len(x)):
            self._add_chunk(x[rows], y[rows], weights[rows])

    def _add_chunk(self, x: NDArray[Any], y: Array, weights: Array) -> None:
        check_finite(x, first=self._n)
        self._n += len(x)
        w = float(weights.sum())
        if w > 0:
            if len(self._room) < len(x) + 1:
                self._room = np.empty((len(x) + 1, x.shape[1] + y.shape[1]))
            rows = self._room[: len(x) + 1]
            self._merge(rows, *centre((x, y), weights, w, rows), w)

    def _merge(self, rows: Array, mean: Array, mean_tail: Array, w: float) -> None:
        from scipy.linalg.blas import dsyrk

        if self._w == 0:
            self._mean, self._mean_tail = mean, mean_tail
        total = self._w + w
        delta = (mean - self._mean) + (mean_tail - self._mean_tail)
        # the term (w₁w₂/w) δδᵀ of Chan's update is the outer product of one more row
        rows[-1] = np.sqrt(self._w * w / total) * delta
        self._upper = dsyrk(1.0, rows.T, beta=1.0, c=self._upper, overwrite_c=1)
        self._mean, self._mean_tail = two_sum(self._mean, self._mean_tail + w / total * delta)
        self._w = total

    def fields(self) -> dict[str, Any]:
        """The fields of `Moments` for all rows added so far.

        Raises:
            ParameterError: if no batch was added.
        """
        if self._shape is None:
            raise ParameterError("Moments need at least one batch of rows. Got none.")
        d, _ = self._shape
        return {
            "n": self._n,
            "w": self._w,
            "mean": self._mean[:d].copy(),
            "mean_tail": self._mean_tail[:d].copy(),
            "scatter": symmetric(self._upper[:d, :d]),
            "cross": np.ascontiguousarray(self._upper[:d, d:]),
            "target_mean": self._mean[d:].copy(),
            "target_mean_tail": self._mean_tail[d:].copy(),
            "target_scatter": symmetric(self._upper[d:, d:]),
        }


def centre(parts: Sequence[NDArray[Any]], weights: Array, w: float, out: Array) -> tuple[Array, Array]:
    """Write √w (v-mean) of the concatenated rows of several arrays into one array.

    Args:
        parts: arrays (n, d_1), (n, d_2), ... of any real type.
        weights: (n,) weights.
        w: their sum, above 0.
        out: (n+1, Σd), filled with the centred rows; the last row is not changed.

    Returns:
        The mean rounded to float64, (Σd,), and its rounding error, (Σd,).

    Examples:
        >>> out = np.zeros((3, 1))
        >>> centre([np.array([[1.0], [3.0]])], np.array([1.0, 1.0]), 2.0, out)[0]
        array([2.])
        >>> out[:2].ravel()
        array([-1.,  1.])
    """
    from scipy.linalg.blas import dgemv

    # two passes: an approximate mean makes the differences small, and their mean corrects it
    near = np.concatenate([part.mean(axis=0, dtype=np.float64) for part in parts])
    rows, stop = out[:-1], 0
    for part in parts:
        start, stop = stop, stop + part.shape[1]
        np.subtract(part, near[start:stop], out=rows[:, start:stop])
    rest = dgemv(1 / w, rows.T, weights) if rows.size else np.zeros(len(near))
    rows -= rest
    if (weights != 1).any():
        rows *= np.sqrt(weights)[:, None]
    return two_sum(near, rest)


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The float64 sum of two arrays, and its exact rounding error.

    Args:
        a: one summand.
        b: the other, of the same shape.

    Examples:
        >>> two_sum(np.array([1e16]), np.array([1.0]))
        (array([1.e+16]), array([1.]))
    """
    total = a + b
    # Knuth's TwoSum: exact for any order of magnitudes
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def symmetric(upper: Array) -> Array:
    """The symmetric matrix with a given upper triangle.

    Args:
        upper: (d, d); what is below the diagonal is not read.

    Examples:
        >>> symmetric(np.array([[1.0, 2.0], [9.0, 3.0]]))
        array([[1., 2.],
               [2., 3.]])
    """
    full = np.array(upper)
    for start in range(0, len(full), MIRRORED):  # block by block: whole triangles would take three more matrices
        own, below = slice(start, start + MIRRORED), slice(start + MIRRORED, None)
        corner = np.triu(full[own, own])
        full[own, own] = corner + np.triu(corner, 1).T
        full[below, own] = full[own, below].T
    return full
