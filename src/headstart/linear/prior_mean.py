"""Ridge regression that shrinks to given coefficients instead of to zero.

(X̃ᵀX̃ + λI) B = X̃ᵀỸ + λB₀, which is the ridge fit to Y - XB₀, plus B₀: with few rows the answer stays near B₀
(a zero-shot classifier, an earlier model), with many it leaves it.

References: Hoerl & Kennard 1970 for B₀ = 0; Li, Grandvalet & Davoine, "Explicit Inductive Bias for Transfer Learning",
ICML 2018, whose L2-SP penalty this is for a linear model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_lambdas, check_matrix
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum

__all__ = ["prior_mean_ridge"]

Array = NDArray[np.float64]


def prior_mean_ridge(statistics: Spectrum | Moments, lam: float, prior: Any) -> tuple[Array, Array]:
    """Coefficients B (d, k) and free intercept b (k,) of min ‖W^½(Y - XB - b)‖² + λ‖B - B₀‖².

    In the span of the rows B = B₀ + V (S²+λ)⁻¹ (VᵀX̃ᵀỸ - S²VᵀB₀); outside of it B stays B₀.

    Args:
        statistics: of the rows.
        lam: the penalty, 0 or more.
        prior: (d, k) coefficients B₀.

    Raises:
        ParameterError: if shapes are wrong or ``lam`` is negative.
        DataError: if the prior is not finite.

    Examples:
        >>> spectrum = Spectrum.from_rows(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]))
        >>> prior_mean_ridge(spectrum, 2.0, [[3.0]])        # halfway from 1, the least-squares slope, to 3
        (array([[2.]]), array([0.]))
    """
    spectrum = Spectrum.from_moments(statistics) if isinstance(statistics, Moments) else statistics
    (lam,) = check_lambdas([lam], "prior_mean_ridge")
    start = check_matrix(prior, "prior", "prior_mean_ridge", columns=len(spectrum.target_mean)).astype(np.float64)
    if len(start) != len(spectrum.mean):
        raise ParameterError(f"prior_mean_ridge needs a prior of {len(spectrum.mean)} rows. Got {len(start)} instead.")
    if not np.isfinite(start).all():
        raise DataError("prior_mean_ridge needs a finite prior. Got one that holds a NaN or an infinity.")
    values = spectrum.values[:, None]
    step = (spectrum.cross - values * (spectrum.vectors.T @ start)) / (values + lam)
    coefficients = start + spectrum.vectors @ step
    return coefficients, spectrum.target_mean - spectrum.mean @ coefficients
