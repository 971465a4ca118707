"""Linear discriminant analysis: by optimal scoring, which avoids the masking of classes in one-hot least squares.

Reference: Hastie, Tibshirani & Buja, "Flexible Discriminant Analysis by Optimal Scoring", JASA 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.linear.factor import RidgeFactor
from headstart.linear.lda_leave_out import left_out_scores, left_out_scores_each
from headstart.linear.leave_out import LeftOut
from headstart.linear.optimal_scoring import NO_SHARE, optimal_scoring, optimal_scoring_of
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum

__all__ = ["LDA", "OptimalScoringHead"]


@dataclass(frozen=True)
class OptimalScoringHead:
    """Penalised LDA from the same eigendecomposition as the ridge head, for classification.

    Attributes:
        name: ``"lda"``.
        tasks: the task kinds it supports.
        complexity: 0.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> weight, bias = LDA.coefficients(spectrum, lam=1e-6)
        >>> (x @ weight + bias).argmax(axis=1)
        array([0, 0, 1, 1])
    """

    name: str = "lda"
    tasks: frozenset[str] = frozenset({"classification"})
    complexity: int = 0

    def left_out_scores(
        self,
        spectrum: Spectrum,
        left_out: LeftOut,
        targets: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
        *,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Leave-one-out log-posterior scores: the discriminants are those of the other rows."""
        return left_out_scores(spectrum, left_out, targets, groups, sample_weight=sample_weight)

    def left_out_scores_each(
        self,
        spectrum: Spectrum,
        several: Sequence[LeftOut],
        targets: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
        *,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """What ``left_out_scores`` gives for each penalty, (L, n, k)."""
        return left_out_scores_each(spectrum, several, targets, groups, sample_weight=sample_weight)

    def coefficients(self, spectrum: Spectrum, lam: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (d, k) and bias (k,); the quadratic term is the same for all classes and is omitted."""
        weight, bias = ridge_coefficients(spectrum, lam)
        return optimal_scoring(spectrum, lam, priors=_priors(spectrum.target_mean)).coefficients(weight, bias)

    def coefficients_of(self, factor: RidgeFactor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same from a kept factor."""
        moments, shares = factor.moments, factor.moments.target_mean
        scoring = optimal_scoring_of(
            moments.cross.T @ factor.coefficients, moments.w, shares,
            rank=min(moments.n - 1, moments.num_features), priors=_priors(shares),
        )  # fmt: skip
        return scoring.coefficients(factor.coefficients, factor.intercept)


def _priors(target_mean: NDArray[np.float64]) -> NDArray[np.float64]:
    # the mean of one-hot targets is the weighted share of each class; rounding can make an empty class negative
    return np.where(target_mean > NO_SHARE, target_mean, 0.0)


LDA = OptimalScoringHead()
