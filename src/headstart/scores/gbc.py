"""GBC: how much classes overlap, as Gaussians, by Bhattacharyya's coefficient.

    GBC = -Σ_{i≠j} exp(-D_B(i,j)),
    D_B = ⅛ Σ_k (μ_ik-μ_jk)²/v̄_k + ½ Σ_k [ln v̄_k - ½ ln v_ik - ½ ln v_jk],   v̄ = (v_i+v_j)/2,

over the principal components k, with the variance v_ik of each (``"diagonal"``) or their mean for all
(``"spherical"``). The sum over k is over d equal terms in the spherical case: code in use drops that factor d from the
logarithms and finds a distance of 0.08 where it is 1.94.

Reference: Pándy, Agostinelli, Uijlings, Ferrari & Mensink, "Transferability Estimation using Bhattacharyya Class
Separability", CVPR 2022.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.params import check_choice
from headstart.scores.inputs import check_classes, check_rows, class_means, class_spectrum, principal_rows
from headstart.scores.registry import CLASSES, RegisteredScore

__all__ = ["GBC", "bhattacharyya_distances", "gbc"]

Array = NDArray[np.float64]

# The least variance of a class, as a share of the mean variance of the components: the published 1e-4 is absolute, and
# with it the score would depend on the scale of features.
VARIANCE_FLOOR = 1e-4


def gbc(
    x: ArrayLike,
    y: ArrayLike,
    *,
    covariance: Literal["spherical", "diagonal"] = "spherical",
    components: int | None = 64,
) -> float:
    """Minus the summed overlap of all ordered pairs of classes; 0 where none overlap.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes.
        covariance: of the classes: ``"spherical"`` (the default, as published) or ``"diagonal"``.
        components: principal components that are kept; default 64, as published; None for all.

    Raises:
        ParameterError: if shapes, types or options are wrong.
        DataError: if a value is not finite, there is one class only, or all rows are the same.

    Examples:
        >>> x = np.array([[-1.0], [1.0], [-1.0], [1.0]])
        >>> gbc(x, [0, 0, 1, 1])                        # the same Gaussian twice
        -2.0
        >>> gbc(x, [0, 1, 0, 1]) > -1e-12
        True
    """
    x = check_rows(x, "x", "gbc")
    codes, classes = check_classes(y, len(x), "gbc")
    check_choice(covariance, "covariance", "gbc", ("spherical", "diagonal"))
    z = principal_rows(class_spectrum(x, codes, classes), x, components, "gbc")
    means, _ = class_means(z, codes, classes)
    # (C, r) variances of the classes: the diagonal alone, maximum likelihood (divisor n_c)
    variances = class_means((z - means[codes]) ** 2, codes, classes)[0]
    variances = np.maximum(variances, VARIANCE_FLOOR * float((z**2).mean()))
    if covariance == "spherical":
        variances = np.broadcast_to(variances.mean(axis=1, keepdims=True), variances.shape)
    overlap = np.exp(-bhattacharyya_distances(means, variances))
    # the diagonal of the overlap is exp(0) = 1 for each class with itself
    return -float(overlap.sum() - classes)


def bhattacharyya_distances(means: Array, variances: Array) -> Array:
    """Distances (C, C) of Gaussians with diagonal covariances.

    Args:
        means: (C, d).
        variances: (C, d), all above 0.

    Examples:
        >>> bhattacharyya_distances(np.array([[0.0], [2.0]]), np.ones((2, 1)))
        array([[0. , 0.5],
               [0.5, 0. ]])
    """
    out = np.empty((len(means), len(means)))
    logs = np.log(variances).sum(axis=1)
    for i, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        middle = (variances + variance) / 2
        # D_B = ⅛ Δᵀ Σ̄⁻¹ Δ + ½ ln(|Σ̄| / √(|Σ_i||Σ_j|)), Σ̄ the mean of both; one class against all C at a time
        apart = ((means - mean) ** 2 / middle).sum(axis=1) / 8
        out[i] = apart + 0.5 * (np.log(middle).sum(axis=1) - 0.5 * logs - 0.5 * logs[i])
    return out


GBC = RegisteredScore("gbc", CLASSES, lambda x, y, _task, _groups, _seed: gbc(x, y))
