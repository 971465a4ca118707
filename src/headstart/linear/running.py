"""The running form of `Moments`: Chan's update in place, so that a small batch costs no (d, d) temporaries.

References: Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician 1983;
Knuth, The Art of Computer Programming, volume 2, section 4.2.2 (the two-sum).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.linear.rows import check_finite, check_matrix, check_targets, check_weights, chunks

__all__ = ["RunningMoments", "centre", "symmetric", "two_sum"]

Array = NDArray[np.float64]
Centred = tuple[Array, Array, Array]


class RunningMoments:
    """Moments that grow batch by batch; the first batch sets the number of features and targets.

    Examples:
        >>> running = RunningMoments()
        >>> running.add(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]))
        >>> running.fields()["scatter"]
        array([[2.]])
    """

    def __init__(self) -> None:
        self._seen = False
        self._n, self._w = 0, 0.0

    def _start(self, d: int, k: int) -> None:
        self._seen = True
        self._mean, self._mean_tail = np.zeros(d), np.zeros(d)
        self._target_mean, self._target_mean_tail = np.zeros(k), np.zeros(k)
        self._upper = np.zeros((d, d), order="F")
        self._cross, self._target_scatter = np.zeros((d, k)), np.zeros((k, k))

    def add(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        """Take in rows (n, d) of any real type, targets (n, k) and weights (n,), 4,096 rows at a time.

        Args:
            x: rows.
            y: targets.
            sample_weight: weights; default: ones.

        Raises:
            ParameterError: if shapes or weights are wrong.
            DataError: if a value is not finite.
        """
        owner = "Moments.stream"
        x = check_matrix(x, "x", owner, columns=len(self._mean) if self._seen else None)
        y = check_targets(y, len(x), owner, columns=len(self._target_mean) if self._seen else None)
        weights = check_weights(sample_weight, len(x), owner)
        if not self._seen:
            self._start(x.shape[1], y.shape[1])
        for rows in chunks(len(x)):
            self._add_chunk(x[rows], y[rows], weights[rows])

    def _add_chunk(self, x: NDArray[Any], y: Array, weights: Array) -> None:
        check_finite(x, first=self._n)
        self._n += len(x)
        w = float(weights.sum())
        if w > 0:
            self._merge(centre(x, weights, w), centre(y, weights, w), w)

    def _merge(self, x: Centred, y: Centred, w: float) -> None:
        from scipy.linalg.blas import dsyrk

        rows, mean, mean_tail = x
        targets, target_mean, target_mean_tail = y
        if self._w == 0:
            self._mean, self._mean_tail = mean, mean_tail
            self._target_mean, self._target_mean_tail = target_mean, target_mean_tail
        total = self._w + w
        dx = (mean - self._mean) + (mean_tail - self._mean_tail)
        dy = (target_mean - self._target_mean) + (target_mean_tail - self._target_mean_tail)
        # the term (w₁w₂/w) δδᵀ of Chan's update is one more row
        between = np.sqrt(self._w * w / total)
        rows[-1], targets[-1] = between * dx, between * dy
        self._upper = dsyrk(1.0, rows.T, beta=1.0, c=self._upper, overwrite_c=1)
        self._cross += rows.T @ targets
        self._target_scatter += targets.T @ targets
        step = w / total
        self._mean, self._mean_tail = two_sum(self._mean, self._mean_tail + step * dx)
        self._target_mean, self._target_mean_tail = two_sum(self._target_mean, self._target_mean_tail + step * dy)
        self._w = total

    def fields(self) -> dict[str, Any]:
        """The fields of `Moments` so far.

        Raises:
            ParameterError: if there was no batch.
        """
        if not self._seen:
            raise ParameterError("Moments need at least one batch of rows. Got none.")
        return {
            "n": self._n,
            "w": self._w,
            "mean": self._mean,
            "mean_tail": self._mean_tail,
            "scatter": symmetric(np.triu(self._upper)),
            "cross": self._cross,
            "target_mean": self._target_mean,
            "target_mean_tail": self._target_mean_tail,
            "target_scatter": self._target_scatter,
        }


def centre(values: NDArray[Any], weights: Array, w: float) -> Centred:
    """Centred rows √w (v-mean), and their mean as an unevaluated sum of two floats.

    Args:
        values: (n, d) rows of any real type.
        weights: (n,) weights.
        w: their sum, above 0.

    Returns:
        The centred rows with one row of zeros appended, (n+1, d); the mean rounded to float64, (d,); what rounding
        took from it, (d,).

    Examples:
        >>> centre(np.array([[1.0], [3.0]]), np.array([1.0, 1.0]), 2.0)[1]
        array([2.])
    """
    near = values.mean(axis=0, dtype=np.float64)
    centred = np.zeros((len(values) + 1, values.shape[1]))
    np.subtract(values, near, out=centred[:-1])
    rest = weights @ centred[:-1] / w
    centred[:-1] -= rest
    if (weights != 1).any():
        centred[:-1] *= np.sqrt(weights)[:, None]
    return centred, *two_sum(near, rest)


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
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def symmetric(upper: Array) -> Array:
    """The symmetric matrix of an upper triangular one.

    Args:
        upper: (d, d), zero below the diagonal.

    Examples:
        >>> symmetric(np.array([[1.0, 2.0], [0.0, 3.0]]))
        array([[1., 2.],
               [2., 3.]])
    """
    return np.asarray(upper + np.triu(upper, 1).T)
