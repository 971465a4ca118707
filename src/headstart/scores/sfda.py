"""SFDA: self-challenging Fisher discriminant analysis, which pushes uncertain rows towards the other classes.

1. S_w is the within-class covariance; λ = max(exp(-5 · its largest eigenvalue), 1e-10); S̃ = (1-λ)S_w + λ tr(S_w)/d I.
2. The discriminant is δ_c(x) = xᵀS̃⁻¹μ_c - ½ μ_cᵀS̃⁻¹μ_c + ln π_c, with posterior softmax(δ). (The published method
   keeps all generalised eigenvectors E of (S_t - S̃, S̃), and EEᵀ = S̃⁻¹, so no eigenproblem has to be solved.)
3. The confidence p_i is the softmax of the posterior at the row's class. x_i is replaced by p_i x_i + (1-p_i) times the
   mean of the other classes' means, and the discriminant is fitted again with the same λ.
4. The score is the mean in-sample posterior of the rows' classes; it is at most 1.

This is exact also for singular covariances (n < d), since S̃ is applied within the span of the rows. As published, λ
depends on the scale of the features.

Reference: Shao et al., "Not All Models Are Equal: Predicting Model Transferability in a Self-challenging Fisher Space",
ECCV 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.calibration import softmax
from headstart.scores.inputs import check_classes, check_rows, class_means, class_spectrum, principal_rows
from headstart.scores.registry import CLASSES, MANY, RegisteredScore

__all__ = ["SFDA", "discriminant_posterior", "sfda"]

Array = NDArray[np.float64]

LEAST_SHRINKAGE = 1e-10
# Floor of S̃ relative to the total variance, so that the posterior exists if all rows of each class are equal.
VARIANCE_FLOOR = 1e-12


def sfda(x: ArrayLike, y: ArrayLike) -> float:
    """The self-challenging Fisher score, between 0 and 1.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if a value is not finite, there is only one class, or all rows are the same.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 30)
        >>> informative, noise = 3 * y[:, None] + rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
        >>> sfda(informative, y) > sfda(noise, y)
        True
    """
    x = check_rows(x, "x", "sfda")
    codes, classes = check_classes(y, len(x), "sfda")
    z = principal_rows(class_spectrum(x, codes, classes), x, None, "sfda")
    line, width = np.arange(len(z)), x.shape[1]
    posterior, shrinkage = discriminant_posterior(z, codes, classes, width=width)
    confidence = softmax(posterior)[line, codes][:, None]
    means, _ = class_means(z, codes, classes)
    # (C, r): for each class, the mean of the other classes' means
    others = (means.sum(axis=0) - means) / (classes - 1)
    mixed = confidence * z + (1 - confidence) * others[codes]
    posterior, _ = discriminant_posterior(mixed, codes, classes, width=width, shrinkage=shrinkage)
    return float(posterior[line, codes].mean())


def discriminant_posterior(
    z: Array, codes: NDArray[np.intp], classes: int, *, width: int, shrinkage: float | None = None
) -> tuple[Array, float]:
    """In-sample posterior (n, C) of the discriminant with shrunk covariance S̃, and the shrinkage λ.

    Args:
        z: (n, r) centred rows, or their coordinates in a basis of their span.
        codes: (n,) class codes below C; every class has rows.
        classes: C.
        width: d, the number of features, by which the trace is divided.
        shrinkage: λ; default: max(exp(-5 · largest eigenvalue of S_w), 1e-10), as published.

    Examples:
        >>> z, codes = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
        >>> posterior, share = discriminant_posterior(z, codes, 2, width=1)     # ln odds 2 · 1.5 z / 0.25
        >>> np.log(posterior[2, 1] / posterior[2, 0]).round(6), round(share, 4)
        (np.float64(12.0), 0.2865)
    """
    means, counts = class_means(z, codes, classes)
    residual = z - means[codes]
    # S_w (r, r); S̃ has the same eigenvectors, so inverting it means dividing by its eigenvalues
    values, vectors = np.linalg.eigh(residual.T @ residual / len(z))
    values = np.maximum(values, 0.0)
    if shrinkage is None:
        shrinkage = max(float(np.exp(-5 * values[-1])), LEAST_SHRINKAGE)
    floor = VARIANCE_FLOOR * float((z**2).sum()) / len(z)
    shrunk = np.maximum((1 - shrinkage) * values + shrinkage * values.sum() / width, floor)
    # class means in the eigenbasis of S_w
    rotated = means @ vectors
    weight = vectors @ (rotated / shrunk).T
    bias = np.log(counts / len(z)) - 0.5 * (rotated**2 / shrunk).sum(axis=1)
    return softmax(z @ weight + bias), shrinkage


SFDA = RegisteredScore("sfda", CLASSES, lambda x, y, _task, _groups, _seed: sfda(x, y), MANY)
