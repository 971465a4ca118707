"""Out-of-distribution scores: how far an item is from the training data; higher is farther.

They need only arrays and the spectrum that the head was solved from:

- ``energy``: -T ln Σ_c exp(score_c / T), low where some class has a high score;
- ``max_prob``: 1 - the largest calibrated probability;
- ``leverage``: (x-μ)ᵀ(X̃ᵀX̃+λ)⁻¹(x-μ), the Mahalanobis distance under the head's own penalty;
- ``knn``: cosine distance to the k-th nearest training row.

References: Hendrycks & Gimpel, ICLR 2017 (max_prob); Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS
2020; Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples", NeurIPS 2018 (Mahalanobis);
Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from headstart.errors import ParameterError
from headstart.linear.checks import check_matrix, chunks, unit_rows
from headstart.linear.spectrum import Spectrum
from headstart.params import check_number

__all__ = ["class_distance", "energy", "leverage", "max_prob", "neighbour_distance"]

Array = NDArray[np.float64]


def energy(scores: ArrayLike, temperature: float = 1.0) -> Array:
    """Energy score: -T ln Σ_c exp(score_c / T) of each row, (n,), low for in-distribution rows.

    Reference: Liu, Wang, Owens & Li, "Energy-based Out-of-distribution Detection", NeurIPS 2020.

    Args:
        scores: (n, C) scores of a head.
        temperature: T, above 0.

    Examples:
        >>> energy(np.array([[0.0, 0.0], [9.0, 0.0]])).round(3)
        array([-0.693, -9.   ])
    """
    check_number(temperature, "temperature", "energy", low=0, open_low=True)
    rows = np.asarray(check_matrix(scores, "scores", "energy"), dtype=np.float64) / temperature
    # -T ln Σ exp(s/T)
    return np.asarray(-temperature * logsumexp(rows, axis=1))


def max_prob(outputs: ArrayLike) -> Array:
    """Maximum softmax probability: 1 - the largest probability of each row, (n,).

    Reference: Hendrycks & Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
    Networks", ICLR 2017.

    Args:
        outputs: (n, C) probabilities.

    Examples:
        >>> max_prob(np.array([[0.5, 0.5], [1.0, 0.0]]))
        array([0.5, 0. ])
    """
    return np.asarray(1.0 - check_matrix(outputs, "outputs", "max_prob").max(axis=1), dtype=np.float64)


def leverage(spectrum: Spectrum, x: ArrayLike, lam: float) -> Array:
    """Leverage: (x-μ)ᵀ(X̃ᵀX̃+λ)⁻¹(x-μ) of each row, (n,), including the part outside the span of the training rows.

    Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.

    Args:
        spectrum: of the training rows.
        x: (n, d) rows.
        lam: the penalty, above 0.

    Examples:
        >>> spectrum = Spectrum.from_rows(np.array([[0.0, 0.0], [2.0, 0.0]]), np.ones((2, 1)))
        >>> leverage(spectrum, [[1.0, 0.0], [2.0, 0.0], [1.0, 1.0]], lam=2.0)
        array([0.  , 0.25, 0.5 ])
    """
    x = check_matrix(x, "x", "leverage", columns=len(spectrum.mean))
    if not 0 < lam < np.inf:
        raise ParameterError(f"The 'lam' parameter of leverage must be above 0. Got {lam!r} instead.")
    out = np.empty(len(x))
    for rows in chunks(len(x)):
        centred = np.asarray(x[rows], dtype=np.float64) - spectrum.mean
        # squared coordinates (m, r) in the eigenbasis; the remaining squared length lies outside the span, where the
        # Gram matrix is zero and only λ is left to divide by
        inside = (centred @ spectrum.vectors) ** 2
        outside = np.maximum((centred**2).sum(axis=1) - inside.sum(axis=1), 0.0)
        out[rows] = inside @ (1 / (spectrum.values + lam)) + outside / lam
    return out


def class_distance(scores: ArrayLike, temperature: float = 1.0) -> Array:
    """Mahalanobis score: the distance to the nearest class, -max_c score_c / T of each row, (n,).

    Reference: Lee, Lee, Lee & Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", NeurIPS 2018.

    For LDA scores -½‖z - z̄_c‖² this is half the squared Mahalanobis distance to the nearest class mean.

    Args:
        scores: (n, C) scores of a head.
        temperature: T, above 0.

    Examples:
        >>> class_distance(np.array([[-2.0, -8.0]]))
        array([2.])
    """
    check_number(temperature, "temperature", "class_distance", low=0, open_low=True)
    rows = check_matrix(scores, "scores", "class_distance")
    return np.asarray(-rows.max(axis=1) / temperature, dtype=np.float64)


def neighbour_distance(train: ArrayLike, x: ArrayLike, k: int = 10) -> Array:
    """Deep nearest neighbours: 1 - cosine to the k-th nearest training row, (n,).

    Reference: Sun, Ming, Zhu & Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022.

    Args:
        train: (m, d) training rows.
        x: (n, d) rows.
        k: which neighbour, from 1; if there are fewer rows, the farthest. The default of 10 is conventional, not
            tuned.

    Examples:
        >>> neighbour_distance([[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0]], k=1)
        array([0.])
    """
    check_number(k, "k", "neighbour_distance", low=1)
    train, x = check_matrix(train, "train", "neighbour_distance"), check_matrix(x, "x", "neighbour_distance")
    reference = unit_rows(np.asarray(train, dtype=np.float64))
    place = min(k, len(reference))
    out = np.empty(len(x))
    for rows in chunks(len(x)):
        cosine = unit_rows(np.asarray(x[rows], dtype=np.float64)) @ reference.T
        # the k-th largest cosine is at position m - k of an ascending partition
        out[rows] = 1.0 - np.partition(cosine, len(reference) - place, axis=1)[:, len(reference) - place]
    return out
