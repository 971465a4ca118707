"""Bayesian evidence: the marginal likelihood of targets in Bayesian linear regression, maximised over two precisions.

For y = Fm + ε with m ~ N(0, I/a) and ε ~ N(0, I/b), y ~ N(0, FFᵀ/a + I/b). With F = U S Vᵀ of rank k, v = s², x = Uᵀy,
t = a/b and q(t) = Σ x²t/(v+t) + ‖y‖² - ‖x‖²,

    ln p(y) = (n/2) ln b - ½ Σ_{i<=k} ln(1 + v_i/t) - (b/2) q(t) - (n/2) ln 2π,

and b = n/q(t) is optimal for each t, so only t has to be searched. A grid followed by a golden-section search finds the
highest of several maxima; MacKay's iteration finds the one nearest to its start. An intercept with a flat prior uses up
one dimension: rows are centred and n is replaced by n-1 (restricted likelihood). Centring without that replacement is
wrong: for n <= d the evidence is then unbounded, since one direction of y has no residual.

References: MacKay, "Bayesian Interpolation", Neural Computation 1992; Harville, "Maximum Likelihood Approaches to
Variance Component Estimation", JASA 1977 (restricted likelihood).

Command: headstart rank DATA --scores logme
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError
from headstart.linear.checks import check_targets
from headstart.linear.spectrum import Spectrum
from headstart.scores.inputs import check_rows

__all__ = ["ModelEvidence", "gaussian_evidence", "spectrum_evidence"]

Array = NDArray[np.float64]

GOLDEN = (np.sqrt(5) - 1) / 2
STEPS = 40  # of the golden-section search: ln t to 1e-8, where the evidence is flat up to rounding
GRID = 97  # points in ln t, from 6 decades below the smallest eigenvalue to 6 above the largest
# Least noise, as a share of ‖y‖², unless features interpolate: anything smaller is rounding of ‖y‖² - ‖x‖².
NOISE_FLOOR = 1e-12


@dataclass(frozen=True, eq=False)
class ModelEvidence:
    """The maximal evidence of k targets, and the precisions at which it is reached.

    Attributes:
        log_evidence: (k,) ln p(y | F, a, b), in nats.
        alpha: (k,) precision of the coefficients.
        beta: (k,) precision of the noise.
        gamma: (k,) effective number of coefficients, Σ v/(v + a/b).
        n: effective number of observations: rows, minus one for an intercept.

    Examples:
        >>> ModelEvidence(np.array([-6.0]), np.ones(1), np.ones(1), np.ones(1), 3).per_row
        array([-2.])
    """

    log_evidence: Array
    alpha: Array
    beta: Array
    gamma: Array
    n: int

    @property
    def per_row(self) -> Array:
        """(k,) evidence divided by n."""
        return self.log_evidence / self.n


def gaussian_evidence(x: ArrayLike, y: ArrayLike, *, intercept: bool = True) -> ModelEvidence:
    """The maximal evidence of targets given features.

    Args:
        x: (n, d) features.
        y: (n, k) targets; none may be constant (or, without an intercept, all zero).
        intercept: whether to include an intercept with a flat prior, default true. Without it, rows and targets are
            not centred, as in the papers on LogME.

    Returns:
        The maximal evidence of each target, with its precisions.

    Raises:
        ParameterError: if shapes are wrong.
        DataError: if a value is not finite or a target does not vary.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(50, 3))
        >>> found = gaussian_evidence(x, np.stack([x[:, 0], rng.normal(size=50)], axis=1))
        >>> found.log_evidence[0] > found.log_evidence[1]
        np.True_
    """
    x = check_rows(x, "x", "gaussian_evidence", minimum=3)
    y = check_targets(y, len(x), "gaussian_evidence")
    constant = (y == (y[0] if intercept else 0.0)).all(axis=0)
    if constant.any():
        column = int(constant.argmax())
        raise DataError(f"gaussian_evidence needs targets that vary. Target {column} does not; leave it out.")
    if intercept:
        return spectrum_evidence(Spectrum.from_rows(x, y))
    # no centring here, so a `Spectrum`, which centres, cannot be used
    left, s, _ = np.linalg.svd(np.asarray(x, dtype=np.float64), full_matrices=False)
    kept = s > np.finfo(np.float64).eps * max(x.shape) * s.max()
    return _maximised(s[kept] ** 2, (left[:, kept].T @ y) ** 2, (y**2).sum(axis=0), len(x))


def spectrum_evidence(spectrum: Spectrum) -> ModelEvidence:
    """The maximal evidence, with an intercept, of the targets of a spectrum; it needs no rows.

    Args:
        spectrum: of rows of weight one, with targets that are not constant.

    Examples:
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> float(spectrum_evidence(Spectrum.from_rows(x, [[0.1], [0.9], [2.1], [2.9]])).per_row[0].round(3))
        -0.295
    """
    explained = spectrum.cross**2 / spectrum.values[:, None]
    return _maximised(spectrum.values, explained, spectrum.total, spectrum.n - 1)


def _maximised(sigma: Array, explained: Array, total: Array, n: int) -> ModelEvidence:
    """Evidence from v (r,), x² (r, k), ‖y‖² (k,) and n."""
    interpolates = len(sigma) == n
    # ‖y‖² - ‖x‖²: the part of y outside the span of the features
    rest = np.zeros_like(total) if interpolates else np.maximum(total - explained.sum(axis=0), NOISE_FLOOR * total)
    found = _Profile(sigma, explained, rest, n)
    t = np.exp(found.argmax())
    noise = found.noise(t)
    beta = n / noise
    # MacKay's number of well-determined coefficients
    gamma = (sigma[:, None] / (sigma[:, None] + t)).sum(axis=0)
    return ModelEvidence(found.value(np.log(t)), t * beta, beta, gamma, n)


@dataclass(frozen=True, eq=False)
class _Profile:
    """The evidence at the best b, as a function of u = ln t for each target."""

    sigma: Array
    explained: Array
    rest: Array
    n: int

    def noise(self, t: Array) -> Array:
        return np.asarray((self.explained * (t / (self.sigma[:, None] + t))).sum(axis=0) + self.rest)

    def value(self, u: Array) -> Array:
        t = np.exp(u)
        # ½ ln det(I + FFᵀ/t), and b at its best n/q(t), which makes (b/2) q a constant
        volume = np.log1p(self.sigma[:, None] / t).sum(axis=0)
        return np.asarray(-0.5 * self.n * (np.log(2 * np.pi * self.noise(t) / self.n) + 1) - 0.5 * volume)

    def argmax(self) -> Array:
        low, high = (np.log(self.sigma.min()), np.log(self.sigma.max())) if len(self.sigma) else (0.0, 0.0)
        grid = np.linspace(low - 6 * np.log(10), high + 6 * np.log(10), GRID)
        shrunk = 1 / (1 + self.sigma[None, :] * np.exp(-grid)[:, None])  # t/(v+t), (grid, r)
        curve = -self.n * np.log(shrunk @ self.explained + self.rest) + np.log(shrunk).sum(axis=1, keepdims=True)
        centre, step = grid[curve.argmax(axis=0)], grid[1] - grid[0]
        # the maximum lies between the neighbours of the best grid point; narrow the interval for all k targets at once
        a, b = centre - step, centre + step
        for _ in range(STEPS):
            width = GOLDEN * (b - a)
            left, right = b - width, a + width
            higher = self.value(left) >= self.value(right)
            a, b = np.where(higher, a, left), np.where(higher, right, b)
        return np.asarray(0.5 * (a + b))
