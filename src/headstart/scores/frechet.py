"""Fréchet distance: between two domains modelled as Gaussians; for Inception features it is known as FID.

    F = ‖μ_s - μ_t‖² + tr(C_s + C_t - 2 (C_s C_t)^½),

the squared 2-Wasserstein distance of the two Gaussians; lower means closer. With C = AᵀA, the trace of (C_s C_t)^½ is
the nuclear norm of A_s A_tᵀ. So no square root of a non-symmetric matrix is needed, and singular covariances (n <= d)
need no regularisation.

References: Dowson & Landau, J. Multivariate Analysis 1982; Heusel et al., "GANs Trained by a Two Time-Scale Update Rule
Converge to a Local Nash Equilibrium", NIPS 2017.

Command: - (it compares two domains; Python)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.spectrum import Spectrum
from headstart.scores.inputs import check_rows

__all__ = ["frechet_distance"]


def frechet_distance(xs: ArrayLike, xt: ArrayLike) -> float:
    """The squared Fréchet distance of two domains, in squared units of the features; lower means closer.

    Covariances have the divisor n-1. The estimate is biased upwards if there are few rows relative to d.

    Args:
        xs: (n, d) source-domain rows.
        xt: (m, d) target-domain rows.

    Raises:
        ParameterError: if shapes are wrong.
        DataError: if a domain has fewer than 2 rows or a value is not finite.

    Examples:
        >>> x = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]])
        >>> round(frechet_distance(x, x + [3.0, 4.0]), 12)
        25.0
    """
    xs = check_rows(xs, "xs", "frechet_distance")
    xt = check_rows(xt, "xt", "frechet_distance", columns=xs.shape[1])
    source, target = _spectrum(xs), _spectrum(xt)
    # tr C_s + tr C_t from the eigenvalues of the scatter, without forming a (d, d) covariance
    variances = source.values.sum() / (len(xs) - 1) + target.values.sum() / (len(xt) - 1)
    # tr (C_s C_t)^½ is the sum of the singular values of A_s A_tᵀ (r_s, r_t), for any A with AᵀA = C
    shared = float(np.linalg.svd(_root(source) @ _root(target).T, compute_uv=False).sum())
    apart = float(((source.mean - target.mean) ** 2).sum())
    return apart + max(float(variances) - 2 * shared, 0.0)


def _spectrum(x: NDArray[Any]) -> Spectrum:
    return Spectrum.from_rows(x, np.zeros((len(x), 1)))


def _root(spectrum: Spectrum) -> NDArray[np.float64]:
    """A (r, d) such that AᵀA is the covariance."""
    return np.asarray(np.sqrt(spectrum.values / (spectrum.n - 1))[:, None] * spectrum.vectors.T)
