"""Drift of the mean: how far new rows lie from the moments of a fit, against the noise of so few of them.

Hotelling's T² of the difference of means, in the leading principal directions within the classes: those that hold
nine tenths of the variance, at most 50 and at most a tenth of the rows of the fit. If the new rows come from the same
distribution, T² (N - q) / (q (N - 1)) follows F(q, N - q). With labels, the expected mean is that of the same classes
in the same shares, so another mix of known classes is no drift; items of new classes are left out.

Reference: Hotelling, "The Generalization of Student's Ratio", Annals of Mathematical Statistics 1931.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.moments import Moments

__all__ = ["LEAST_ROWS", "LEVEL", "MeanDrift", "mean_drift"]

Array = NDArray[np.float64]

LEVEL = 0.001
"""Level of the test: of 1,000 samples without a drift, about one is said to have drifted."""
LEAST_ROWS = 8
"""New rows (or groups of rows) below which nothing is said: their mean need not be normally distributed."""
SHARE, MOST_DIRECTIONS, ROWS_PER_DIRECTION = 0.9, 50, 10
SMALL = 1e-12


@dataclass(frozen=True)
class MeanDrift:
    """How far the mean of new rows lies from its expectation.

    Attributes:
        distance: root mean square over directions of the distance of means, in standard deviations of the rows.
        expected: the same by chance alone.
        p_value: how often so large a distance comes by chance.
        rows: number of new rows that count.
        directions: number of directions.

    Examples:
        >>> MeanDrift(0.8, 0.2, 1e-9, 25, 10).sentence
        'The new items lie 0.80 standard deviations from those of the fit, where chance explains 0.20 (p = 1e-09).'
    """

    distance: float
    expected: float
    p_value: float
    rows: int
    directions: int

    @property
    def differs(self) -> bool:
        """Whether the rows come from another distribution, at `LEVEL`."""
        return self.p_value < LEVEL

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return (
            f"The new items lie {self.distance:.2f} standard deviations from those of the fit, where chance explains "
            f"{self.expected:.2f} (p = {self.p_value:.2g})."
        )


def mean_drift(
    fit: Moments, rows: ArrayLike, targets: Array | None = None, *, units: NDArray[Any] | None = None
) -> MeanDrift | None:
    """Compare the mean of new rows with that of a fit.

    Args:
        fit: moments of the rows of the fit; with ``targets``, those of one-hot classes.
        rows: (n, d) new rows.
        targets: (n, k) one-hot classes of the new rows, or None to compare the means of all.
        units: (n,) codes of rows that are one observation (of one patient), or None if each row is one.

    Returns:
        The drift; None with fewer than 8 rows of known classes, or too few rows in the fit.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> fit = Moments.from_rows(rng.normal(size=(500, 3)), np.ones((500, 1)))
        >>> mean_drift(fit, rng.normal(size=(50, 3))).differs, mean_drift(fit, 1 + rng.normal(size=(50, 3))).differs
        (False, True)
    """
    x = np.asarray(rows, np.float64)
    scatter, classes = fit.scatter, 1
    between = np.zeros((len(x), fit.num_features))
    if targets is not None:
        there = np.flatnonzero(fit.wy > SMALL * fit.w)
        known = targets[:, there].sum(axis=1) > 0
        x, targets, classes = x[known], targets[known][:, there], len(there)
        units = None if units is None else units[known]
        cross, size = fit.cross[:, there], fit.wy[there]
        scatter = scatter - (cross / size) @ cross.T
        between = targets @ (cross / size).T
    n = len(x) if units is None else len(np.unique(units))
    free = fit.n - classes
    if n < LEAST_ROWS or free < 2 * ROWS_PER_DIRECTION:
        return None
    directions, variance = _directions(scatter / free, free)
    if not len(variance):
        return None
    noise = _noise(fit, targets, n)
    moved = (x - fit.mean - fit.mean_tail - between).mean(axis=0) @ directions
    squares, q = float((moved**2 / variance).sum()), len(variance)
    from scipy.special import fdtrc

    p_value = float(fdtrc(q, free - q + 1, squares / noise * (free - q + 1) / (q * free)))
    return MeanDrift(math.sqrt(squares / q), math.sqrt(noise), p_value, len(x), q)


def _directions(covariance: Array, free: int) -> tuple[Array, Array]:
    """The leading directions within classes (d, q) and the variance along each (q,)."""
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    total = float(values.sum())
    if not total > 0:
        return vectors[:, :0], values[:0]
    enough = int(np.searchsorted(np.cumsum(values), SHARE * total)) + 1
    q = min(enough, MOST_DIRECTIONS, free // ROWS_PER_DIRECTION, int((values > SMALL * values[0]).sum()))
    return vectors[:, :q], values[:q]


def _noise(fit: Moments, targets: Array | None, n: int) -> float:
    """The variance of the difference of means, in that of one row: of the new mean, and of the means of the fit."""
    if targets is None:
        return 1 / n + 1 / fit.n
    shares = targets.mean(axis=0)
    there = fit.wy > SMALL * fit.w
    counts = fit.wy[there] * fit.n / fit.w  # without class weights, the number of items
    return float(1 / n + (shares**2 / counts).sum())
