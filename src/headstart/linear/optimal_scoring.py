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

__all__ = ["NO_SHARE", "OptimalScoring", "optimal_scoring", "optimal_scoring_of"]

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
    log_priors, present = _log_priors(spectrum.target_mean, priors)
    cross = spectrum.cross[:, present]
    scale = np.sqrt(spectrum.target_mean[present])
    # D^-½ M D^-½ = halfᵀ half is symmetric, with eigenvalues r² and eigenvectors D^½θ
    half = cross / (np.sqrt((spectrum.values + lam) * spectrum.weight)[:, None] * scale)
    return _scoring(half.T @ half, spectrum.target_mean, present, log_priors, rank=len(spectrum.values))


def optimal_scoring_of(
    explained: ArrayLike, weight: float, target_mean: Array, *, rank: int, priors: ArrayLike
) -> OptimalScoring:
    """The same from the explained sums of a ridge fit that has no spectrum, such as a `RidgeFactor`.

    Args:
        explained: (C, C) ỸᵀX̃B of the fit to one-hot targets.
        weight: Σw.
        target_mean: (C,) mean of the one-hot targets.
        rank: that of the rows.
        priors: as in `optimal_scoring`.

    Raises:
        ParameterError: as `optimal_scoring`.

    Examples:
        >>> from headstart.linear.ridge import ridge_coefficients
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> spectrum, half = Spectrum.from_rows(x, y), np.array([0.5, 0.5])
        >>> explained = spectrum.cross.T @ (spectrum.cross / (spectrum.values + 1.0)[:, None])
        >>> found = optimal_scoring_of(explained, 4.0, spectrum.target_mean, rank=1, priors=half)
        >>> bool(np.allclose(found.correlations, optimal_scoring(spectrum, 1.0, half).correlations))
        True
    """
    log_priors, present = _log_priors(target_mean, priors)
    scale = np.sqrt(target_mean[present])
    matrix = np.asarray(explained, np.float64)[np.ix_(present, present)] / (weight * np.outer(scale, scale))
    return _scoring(0.5 * (matrix + matrix.T), target_mean, present, log_priors, rank=rank)


def _scoring(
    matrix: Array, target_mean: Array, present: NDArray[np.bool_], log_priors: Array, *, rank: int
) -> OptimalScoring:
    """Optimal scoring from the symmetric D^-½ M D^-½ of the classes that are present."""
    scale = np.sqrt(target_mean[present])
    ratios, rotated = np.linalg.eigh(matrix)
    # descending; at most C - 1 discriminants, and at most the rank of the rows
    keep = np.flatnonzero(ratios > MIN_RATIO * ratios.max(initial=0.0))[::-1]
    keep = keep[: min(len(scale) - 1, rank)]
    ratios = np.clip(ratios[keep], None, 1 - MIN_WITHIN)
    # back from D^½θ to θ, so that θᵀDθ = 1
    theta = rotated[:, keep] / scale[:, None]
    directions, means = np.zeros((2, len(present), len(keep)))
    # z_k has unit variance within classes; class means in z are r²θ_c / √(r²(1-r²))
    directions[present] = theta / np.sqrt(ratios * (1 - ratios))
    means[present] = theta * np.sqrt(ratios / (1 - ratios))
    return OptimalScoring(target_mean, directions, means, log_priors, ratios)


def _log_priors(target_mean: Array, priors: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    values = np.asarray(priors, dtype=np.float64)
    present = target_mean > NO_SHARE
    wanted = target_mean.shape
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
