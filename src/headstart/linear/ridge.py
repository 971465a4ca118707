"""Ridge path: coefficients and generalised cross-validation at every λ from one spectrum.

min ‖W^½(Y - XB - b)‖² + λ‖B‖², with an unpenalised intercept b.

References: Hoerl & Kennard, "Ridge Regression", Technometrics 1970; Golub, Heath & Wahba, "Generalized
Cross-Validation as a Method for Choosing a Good Ridge Parameter", Technometrics 1979.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from headstart.linear.checks import check_lambdas
from headstart.linear.spectrum import Spectrum
from headstart.params import check_number

__all__ = ["gcv", "lambda_grid", "ridge_coefficients"]

Array = NDArray[np.float64]


def lambda_grid(spectrum: Spectrum, count: int = 17) -> Array:
    """Penalties from weak to strong, (count,), evenly spaced in ln λ from 1e-6 to 1e2 times the mean eigenvalue.

    So the grid does not depend on n or on the scale of features or weights. At 1e2 an average direction keeps 1% of its
    least-squares coefficient; 1e-6 is practically no penalty, but still far above the rounding of eigenvalues (about
    1e-13). The default of 17 gives two values per decade; the leave-one-out loss changes little between neighbours.

    Args:
        spectrum: of the rows to be fitted.
        count: number of penalties, at least 1, default 17; a single one is the middle, 1e-2 times the mean eigenvalue.

    Raises:
        ParameterError: if ``count`` is not a positive integer.

    Examples:
        >>> spectrum = Spectrum.from_rows(np.array([[-1.0], [1.0]]), np.eye(2))
        >>> lambda_grid(spectrum, count=3)
        array([2.e-06, 2.e-02, 2.e+02])
    """
    check_number(count, "count", "lambda_grid", low=1, integer=True)
    # constant rows have no eigenvalues, and the fit is the mean for every λ
    middle = float(spectrum.values.mean()) if len(spectrum.values) else 1.0
    exponents = np.linspace(-6, 2, count) if count > 1 else np.array([-2.0])
    return np.asarray(middle * 10.0**exponents)


def ridge_coefficients(spectrum: Spectrum, lam: float) -> tuple[Array, Array]:
    """Coefficients B (d, k) and intercept b (k,) at one λ: B = V (S²+λ)⁻¹ VᵀX̃ᵀỸ, b = ȳ - Bᵀμ.

    Args:
        spectrum: of the rows.
        lam: the penalty, 0 or more; 0 gives the minimum-norm least-squares solution.

    Raises:
        ParameterError: if ``lam`` is negative or not finite.

    Examples:
        >>> spectrum = Spectrum.from_rows(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]))
        >>> coefficients, intercept = ridge_coefficients(spectrum, 2.0)     # 2 / (2 + 2)
        >>> coefficients, intercept
        (array([[0.5]]), array([1.5]))
    """
    (lam,) = check_lambdas([lam], "ridge_coefficients")
    coefficients = spectrum.vectors @ (spectrum.cross / (spectrum.values + lam)[:, None])
    return coefficients, spectrum.target_mean - spectrum.mean @ coefficients


def gcv(spectrum: Spectrum, lambdas: Iterable[float]) -> Array:
    """Generalised cross-validation N‖W^½(Y-F)‖² / (N-1-Σd_j)² for each λ and target, (len(lambdas), k).

    It needs no rows: the residual is the part of Y outside the span of X, plus the shrinkage within the span.

    Args:
        spectrum: of the rows.
        lambdas: penalties of 0 or more; above 0 if least squares interpolates (rows of rank n-1).

    Raises:
        ParameterError: if a penalty is negative or not finite, or zero although least squares interpolates.

    Examples:
        >>> spectrum = Spectrum.from_rows(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [2.0], [1.0]]))
        >>> gcv(spectrum, [0.0])        # 3 · 1.5 / (3 - 1 - 1)²
        array([[4.5]])
    """
    checked = np.array(check_lambdas(lambdas, "gcv", positive=spectrum.interpolates))[:, None]
    explained = spectrum.cross**2 / spectrum.values[:, None]
    outside = np.maximum(spectrum.total - explained.sum(axis=0), 0.0)
    # λ/(s²+λ): the share of each direction that the penalty removes; d_j = 1 minus that
    taken = checked / (spectrum.values + checked)
    freedom = spectrum.n - 1 - len(spectrum.values) + taken.sum(axis=1, keepdims=True)
    if spectrum.interpolates:
        outside = np.zeros_like(outside)
    return np.asarray(spectrum.n * (outside + taken**2 @ explained) / freedom**2)
