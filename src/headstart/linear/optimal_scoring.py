"""Optimal scoring: LDA from a ridge fit to one-hot targets, without the masking of classes in least squares.

Let M = ỸᵀF̃/Σw, D the diagonal matrix of class shares, and Mθ = r²Dθ with θᵀDθ = 1. The discriminant coordinates
z_k = (f-ȳ)θ_k / √(r_k²(1-r_k²)) have unit within-class variance (maximum likelihood, divisor Σw), and

    score_c = -½‖z - z̄_c‖² + ln π_c.

As λ → 0 the posterior becomes that of LDA; λ > 0 gives penalised LDA. Leave-one-out scores need θ and the means of the
other rows: see `left_out_scores`.

References: Hastie, Tibshirani & Buja, "Flexible Discriminant Analysis by Optimal Scoring", JASA 1994; Hastie, Buja &
Tibshirani, "Penalized Discriminant Analysis", Annals of Statistics 1995.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_lambdas, check_matrix
from headstart.linear.spectrum import Spectrum

__all__ = ["NO_SHARE", "OptimalScoring", "optimal_scoring"]

Array = NDArray[np.float64]

# 1-r² is a difference that is only rounding below √ε, so the within-class share of variance is bounded by this.
MIN_WITHIN = 1.5e-8
# Discriminants whose r² is below this share of the largest carry no class information beyond rounding.
MIN_RATIO = 1e-13
# A class with rows has a share of at least 1/n; a share below this is rounding left by a subtraction.
NO_SHARE = 1e-12


@dataclass(frozen=True, eq=False)
class OptimalScoring:
    """The map from ridge-fitted rows to log-posterior scores.

    Attributes:
        target_mean: (C,) mean of the one-hot targets, which is subtracted from fitted rows.
        directions: (C, q) θ_k / √(r_k²(1-r_k²)), from fitted rows to discriminant coordinates.
        means: (C, q) class means in these coordinates; zero for classes without rows.
        log_priors: (C,) ln π_c; minus infinity for classes without rows or with prior zero.
        correlations: (q,) squared canonical correlations r_k², descending.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> scoring = optimal_scoring(Spectrum.from_rows(x, y), 0.0, priors=np.array([0.5, 0.5]))
        >>> scoring.means.shape, scoring.correlations.round(4)
        ((2, 1), array([0.9412]))
    """

    target_mean: Array
    directions: Array
    means: Array
    log_priors: Array
    correlations: Array

    def scores(self, fitted: ArrayLike) -> Array:
        """Log-posterior scores -½‖z-z̄_c‖² + ln π_c, (n, C), of ridge-fitted rows (n, C).

        Args:
            fitted: (n, C) predictions of the same ridge fit.

        Raises:
            ParameterError: if the number of columns is not C.
        """
        fitted = check_matrix(fitted, "fitted", "OptimalScoring.scores", columns=len(self.target_mean))
        z = (fitted - self.target_mean) @ self.directions
        return np.asarray(z @ self.means.T + self._offsets() - 0.5 * (z**2).sum(axis=1, keepdims=True))

    def coefficients(self, coefficients: Array, intercept: Array) -> tuple[Array, Array]:
        """The scores as a linear map of x, W (d, C) and b (C,), up to -½‖z‖², which is the same for all classes.

        Args:
            coefficients: (d, C) of the ridge fit at the same λ.
            intercept: (C,) of the same fit.
        """
        # (C, C); -½‖z - z̄_c‖² = zᵀz̄_c - ½‖z̄_c‖² - ½‖z‖², and the last term is omitted
        onto_classes = self.directions @ self.means.T
        return coefficients @ onto_classes, (intercept - self.target_mean) @ onto_classes + self._offsets()

    def _offsets(self) -> Array:
        return np.asarray(self.log_priors - 0.5 * (self.means**2).sum(axis=1))


def optimal_scoring(spectrum: Spectrum, lam: float, priors: ArrayLike) -> OptimalScoring:
    """Penalised LDA at one λ, from a spectrum whose targets are one-hot classes.

    Args:
        spectrum: of rows with one-hot targets (n, C).
        lam: the ridge penalty, 0 or more.
        priors: (C,) class priors π_c of 0 or more; usually ``spectrum.target_mean``, the weighted class frequencies.

    Raises:
        ParameterError: if shapes are wrong, a prior is negative, or no class with rows has a prior above 0.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> scoring = optimal_scoring(Spectrum.from_rows(x, y), 0.0, priors=[0.5, 0.5])
        >>> difference = np.diff(scoring.scores([[0.5, 0.5]]))      # halfway between the classes
        >>> difference.round(12) + 0.0
        array([[0.]])
    """
    (lam,) = check_lambdas([lam], "optimal_scoring")
    log_priors, present = _log_priors(spectrum, priors)
    shares = spectrum.target_mean[present]
    cross = spectrum.cross[:, present]
    scale = np.sqrt(shares)
    # D^-½ M D^-½ = halfᵀ half is symmetric, with eigenvalues r² and eigenvectors D^½θ
    half = cross / (np.sqrt((spectrum.values + lam) * spectrum.weight)[:, None] * scale)
    ratios, rotated = np.linalg.eigh(half.T @ half)
    # descending; at most C - 1 discriminants, and at most the rank of the rows
    keep = np.flatnonzero(ratios > MIN_RATIO * ratios.max(initial=0.0))[::-1]
    keep = keep[: min(len(shares) - 1, len(spectrum.values))]
    ratios = np.clip(ratios[keep], None, 1 - MIN_WITHIN)
    # back from D^½θ to θ, so that θᵀDθ = 1
    theta = rotated[:, keep] / scale[:, None]
    directions, means = np.zeros((2, len(present), len(keep)))
    # z_k has unit variance within classes; class means in z are r²θ_c / √(r²(1-r²))
    directions[present] = theta / np.sqrt(ratios * (1 - ratios))
    means[present] = theta * np.sqrt(ratios / (1 - ratios))
    return OptimalScoring(spectrum.target_mean, directions, means, log_priors, ratios)


def _log_priors(spectrum: Spectrum, priors: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    values = np.asarray(priors, dtype=np.float64)
    present = spectrum.target_mean > NO_SHARE
    wanted = spectrum.target_mean.shape
    if values.shape != wanted or not np.isfinite(values).all() or (values < 0).any():
        raise ParameterError(
            f"The 'priors' parameter of optimal_scoring must hold {wanted[0]} numbers of 0 or more. "
            f"Got {priors!r} instead."
        )
    if not (present & (values > 0)).any():
        raise ParameterError("optimal_scoring needs a class with rows and a prior above 0. Got none.")
    log_priors = np.full(wanted, -np.inf)
    np.log(values, out=log_priors, where=present & (values > 0))
    return log_priors, present
