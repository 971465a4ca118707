"""SFDA: how well a shrunk discriminant tells classes apart once hard rows are pushed towards the other classes.

1. S_w is the within-class covariance; λ = max(exp(-5 · its largest eigenvalue), 1e-10); S̃ = (1-λ)S_w + λ tr(S_w)/d I.
2. The discriminant is δ_c(x) = xᵀS̃⁻¹μ_c - ½ μ_cᵀS̃⁻¹μ_c + ln π_c, its posterior softmax(δ). (The published
   generalised eigenvectors E of (S_t - S̃, S̃) are all kept, and EEᵀ = S̃⁻¹: no eigenproblem is needed.)
3. Confidence p_i = softmax of the posterior at the row's class; x_i becomes p_i x_i + (1-p_i) · the mean of the other
   classes' means; the discriminant is fitted again with the same λ.
4. The score is the mean posterior of the row's class, in the sample; it does not exceed 1.

Exact where covariances are singular (n < d), since S̃ is applied in the span of the rows. λ depends on the scale of
features, as published.

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
# S̃ is kept above this share of the total variance, so that classes whose rows are all the same have a posterior.
VARIANCE_FLOOR = 1e-12


def sfda(x: ArrayLike, y: ArrayLike) -> float:
    """The self-challenging Fisher score, between 0 and 1.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if a value is not finite, there is one class only, or all rows are the same.

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
    # (C, r) for each class the mean of the means of all others
    others = (means.sum(axis=0) - means) / (classes - 1)
    mixed = confidence * z + (1 - confidence) * others[codes]
    posterior, _ = discriminant_posterior(mixed, codes, classes, width=width, shrinkage=shrinkage)
    return float(posterior[line, codes].mean())


def discriminant_posterior(
    z: Array, codes: NDArray[np.intp], classes: int, *, width: int, shrinkage: float | None = None
) -> tuple[Array, float]:
    """Posterior (n, C) of the discriminant with the shrunk covariance S̃ for the rows of its fit, and λ.

    Args:
        z: (n, r) centred rows, or their coordinates in the directions in which they vary.
        codes: (n,) class codes below C, each of which has rows.
        classes: C.
        width: d, the number of features, over which S̃ spreads the trace.
        shrinkage: λ; default: max(exp(-5 · largest eigenvalue of S_w), 1e-10).

    Examples:
        >>> z, codes = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
        >>> posterior, share = discriminant_posterior(z, codes, 2, width=1)     # ln odds 2 · 1.5 z / 0.25
        >>> np.log(posterior[2, 1] / posterior[2, 0]).round(6), round(share, 4)
        (np.float64(12.0), 0.2865)
    """
    means, counts = class_means(z, codes, classes)
    residual = z - means[codes]
    # S_w (r, r); S̃ has the same eigenvectors, so that it is inverted by its eigenvalues
    values, vectors = np.linalg.eigh(residual.T @ residual / len(z))
    values = np.maximum(values, 0.0)
    if shrinkage is None:
        shrinkage = max(float(np.exp(-5 * values[-1])), LEAST_SHRINKAGE)
    floor = VARIANCE_FLOOR * float((z**2).sum()) / len(z)
    shrunk = np.maximum((1 - shrinkage) * values + shrinkage * values.sum() / width, floor)
    # class means in the eigenbasis of S_w: S̃⁻¹μ_c is a division there
    turned = means @ vectors
    weight = vectors @ (turned / shrunk).T
    bias = np.log(counts / len(z)) - 0.5 * (turned**2 / shrunk).sum(axis=1)
    return softmax(z @ weight + bias), shrinkage


SFDA = RegisteredScore("sfda", CLASSES, lambda x, y, _task, _groups, _seed: sfda(x, y), MANY)
