"""H-score: the share of whitened feature variance that lies between classes, summed over directions.

    H = tr(cov(f)⁻¹ cov(E[f|y])),

the sum of the squared canonical correlations of features and one-hot labels (Pillai's trace), between 0 and C-1. For
n <= d it is C-1 for any features. So the covariance is shrunk to Σ_a = (1-a)Σ + a tr(Σ)/d I, with the shrinkage a of
Ledoit and Wolf, and

    H_a = tr(Σ_a⁻¹ (1-a) cov(E[f|y])).

References: Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019;
Ibrahim, Ponomareva & Mazumder, "Newer is not always better", ECML 2022 (shrinkage); Ledoit & Wolf, "A well-conditioned
estimator for large-dimensional covariance matrices", J. Multivariate Analysis 2004.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.checks import chunks
from headstart.linear.spectrum import Spectrum
from headstart.params import check_number
from headstart.scores.inputs import check_classes, check_rows, class_spectrum
from headstart.scores.registry import CLASSES, RegisteredScore

__all__ = ["H_SCORE", "h_score", "ledoit_wolf_share"]


def h_score(x: ArrayLike, y: ArrayLike, *, shrinkage: float | None = None) -> float:
    """The H-score with a shrunk covariance; 0 for constant features.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes.
        shrinkage: a, between 0 and 1; default: the estimate of Ledoit and Wolf. 0 gives the original H-score.

    Raises:
        ParameterError: if shapes, types or the shrinkage are wrong.
        DataError: if a value is not finite or there is only one class.

    Examples:
        >>> x = np.array([[0.0], [0.0], [1.0], [1.0]])
        >>> round(h_score(x, np.array([0, 0, 1, 1]), shrinkage=0.0), 6)    # the class determines the feature
        1.0
        >>> round(h_score(x, np.array([0, 1, 0, 1]), shrinkage=0.0), 6)
        0.0
    """
    x = check_rows(x, "x", "h_score")
    codes, classes = check_classes(y, len(x), "h_score")
    spectrum = class_spectrum(x, codes, classes)
    if not len(spectrum.values):
        return 0.0
    if shrinkage is not None:
        check_number(shrinkage, "shrinkage", "h_score", low=0, high=1)
    share = ledoit_wolf_share(spectrum, x) if shrinkage is None else float(shrinkage)
    n, d = x.shape
    # ``cross`` holds class sums, n_c times class means, so Vᵀ cov(E[f|y]) V has the diagonal Σ_c cross_c² / (n_c n)
    between = (spectrum.cross**2 / np.bincount(codes)).sum(axis=1) / n
    variance = spectrum.values / n
    # tr(Σ_a⁻¹ cov(E[f|y])) in the eigenbasis, where Σ_a = (1-a)Σ + a tr(Σ)/d I is diagonal
    return float((1 - share) * (between / ((1 - share) * variance + share * variance.sum() / d)).sum())


def ledoit_wolf_share(spectrum: Spectrum, x: NDArray[Any]) -> float:
    """Ledoit-Wolf shrinkage: the weight a of the identity that minimises the expected squared error of the covariance.

    Args:
        spectrum: of the rows.
        x: (n, d) the same rows.

    Returns:
        a, between 0 and 1.

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(30, 5))      # the true covariance is the identity
        >>> ledoit_wolf_share(Spectrum.from_rows(x, np.zeros((30, 1))), x) > 0.5
        True
    """
    n, d = x.shape
    # Σ_i ‖x_i - μ‖⁴ in chunks and in float64, as fourth powers in float32 lose too many digits
    fourth = sum(
        float(((x[part] - spectrum.mean) ** 2).sum(axis=1) @ ((x[part] - spectrum.mean) ** 2).sum(axis=1))
        for part in chunks(n)
    )
    variance = spectrum.values / n
    squares = float((variance**2).sum())
    # ‖Σ - tr(Σ)/d I‖² = tr Σ² - (tr Σ)²/d
    distance = squares - float(variance.sum()) ** 2 / d
    # (mean of ‖x_ix_iᵀ - Σ‖²)/n: the estimated squared error of Σ
    spread = (fourth / n - squares) / n
    # a distance of zero: Σ is a multiple of the identity already, and shrinking changes nothing
    return float(np.clip(spread / distance, 0.0, 1.0)) if distance > 1e-15 * squares else 0.0


H_SCORE = RegisteredScore("h_score", CLASSES, lambda x, y, _task, _groups, _seed: h_score(x, y))
