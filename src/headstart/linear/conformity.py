"""Nonconformity scores of classes: how badly a label fits an item, read off its class probabilities.

- LAC: 1 - p_y, which gives the smallest sets on average.
- APS: the probability of all classes that are more probable than y, plus U·p_y; sets grow where the model is unsure.
- RAPS: APS plus λ for each rank beyond k, which shortens long sets.
- Ordinal APS: classes are added to the most probable one by neighbours, so that sets have no gaps.

References: Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", JASA 2019
(LAC); Romano, Sesia & Candès, "Classification with Valid and Adaptive Coverage", NeurIPS 2020 (APS); Angelopoulos,
Bates, Malik & Jordan, "Uncertainty Sets for Image Classifiers using Conformal Prediction", ICLR 2021 (RAPS); Lu,
Angelopoulos & Pomerantz, "Improving Trustworthiness of AI Disease Severity Rating in Medical Imaging with Ordinal
Conformal Prediction Sets", MICCAI 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["aps", "lac", "ordinal_aps", "raps"]

Array = NDArray[np.float64]


def lac(probabilities: ArrayLike) -> Array:
    """Least ambiguous classes (LAC): the score 1 - p_y of each label, (..., C).

    Reference: Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", JASA 2019.

    Args:
        probabilities: (..., C).

    Examples:
        >>> lac([0.75, 0.25])
        array([0.25, 0.75])
    """
    return np.asarray(1.0 - np.asarray(probabilities, dtype=np.float64))


def aps(probabilities: ArrayLike, uniform: ArrayLike = 1.0) -> Array:
    """Adaptive prediction sets (APS): the probability of more probable classes, plus U·p_y, for each label, (..., C).

    Reference: Romano, Sesia & Candès, "Classification with Valid and Adaptive Coverage", NeurIPS 2020.

    Args:
        probabilities: (..., C).
        uniform: (...) random numbers U between 0 and 1, one for each row; 1 for the conservative score.

    Examples:
        >>> aps([0.5, 0.125, 0.375], 0.5)
        array([0.25  , 0.9375, 0.6875])
    """
    return raps(probabilities, uniform, penalty=0.0)


def raps(probabilities: ArrayLike, uniform: ArrayLike = 1.0, *, penalty: float = 0.01, rank: int = 5) -> Array:
    """Regularised adaptive sets (RAPS): the score of `aps` plus ``penalty`` for each rank beyond ``rank``, (..., C).

    Reference: Angelopoulos, Bates, Malik & Jordan, "Uncertainty Sets for Image Classifiers using Conformal Prediction",
    ICLR 2021.

    Args:
        probabilities: (..., C).
        uniform: (...) as in `aps`.
        penalty: λ of 0 or more, for each rank.
        rank: the number of most probable classes without a penalty.

    Examples:
        >>> raps([0.5, 0.125, 0.375], 1.0, penalty=0.1, rank=1)
        array([0.5  , 1.2  , 0.975])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    order = np.argsort(-p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1)
    score = np.cumsum(ranked, axis=-1) - (1.0 - np.asarray(uniform, dtype=np.float64)[..., None]) * ranked
    if penalty:
        score = score + penalty * np.maximum(np.arange(1, p.shape[-1] + 1) - rank, 0)
    out = np.empty_like(p)
    np.put_along_axis(out, order, score, axis=-1)
    return out


def ordinal_aps(probabilities: ArrayLike, uniform: ArrayLike = 1.0) -> Array:
    """Ordinal adaptive sets: the probability of the run of classes that is grown up to each label, (..., C).

    The run begins with the most probable class and takes the more probable of its two neighbours each time. So the
    labels below any threshold are neighbours, and a prediction set has no gaps.

    Reference: Lu, Angelopoulos & Pomerantz, "Improving Trustworthiness of AI Disease Severity Rating in Medical Imaging
    with Ordinal Conformal Prediction Sets", MICCAI 2022.

    Args:
        probabilities: (..., C) of classes in their order.
        uniform: (...) as in `aps`.

    Examples:
        >>> ordinal_aps([0.3, 0.1, 0.6]).round(2)        # 0.1 comes before 0.3, which lies behind it
        array([1. , 0.7, 0.6])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    flat, many = p.reshape(-1, p.shape[-1]), p.shape[-1]
    u = np.broadcast_to(np.asarray(uniform, dtype=np.float64), p.shape[:-1]).reshape(-1)
    rows = np.arange(len(flat))
    padded = np.pad(flat, ((0, 0), (1, 1)), constant_values=-1.0)  # a neighbour beyond the ends is never taken
    low = high = flat.argmax(axis=1)
    taken, out = flat[rows, low], np.empty_like(flat)
    out[rows, low] = u * taken
    for _ in range(many - 1):
        below, above = padded[rows, low], padded[rows, high + 2]
        downwards = below > above
        place, step = np.where(downwards, low - 1, high + 1), np.where(downwards, below, above)
        out[rows, place] = taken + u * step
        taken = taken + step
        low, high = np.where(downwards, place, low), np.where(downwards, high, place)
    return out.reshape(p.shape)
