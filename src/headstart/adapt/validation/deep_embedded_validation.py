"""Deep embedded validation: the target's risk, from losses of held-out source items and their importance weights.

With weights w = p_target/p_source and losses L, the mean of wL estimates the target's risk. Its variance is lowered by
a control variate: the mean of w is known to be 1, so η(w - 1) with η = -cov(wL, w)/var(w) is added.

Reference: You, Wang, Long & Jordan, "Towards accurate model selection in deep unsupervised domain adaptation",
ICML 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["deep_embedded_validation"]

Array = NDArray[np.float64]


def deep_embedded_validation(losses: Array, weights: Array) -> Array:
    """What each source item adds to the estimate of the target's risk, whose mean is that estimate.

    Args:
        losses: (n,) loss of each source item by a model that was fitted without it.
        weights: (n,) importance weights, on average about 1.

    Returns:
        (n,) wL + η(w - 1); without variance of the weights, wL.

    Examples:
        >>> losses, weights = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 1.5])
        >>> (losses * weights).mean().round(3), deep_embedded_validation(losses, weights).mean().round(3)
        (np.float64(1.333), np.float64(1.333))
        >>> deep_embedded_validation(losses, 2 * weights).mean().round(3)     # weights whose mean is not 1
        np.float64(-0.333)
    """
    weighted = weights * losses
    variance = float(np.var(weights))
    if variance == 0:
        return weighted
    covariance = float(np.mean((weighted - weighted.mean()) * (weights - weights.mean())))
    return np.asarray(weighted - covariance / variance * (weights - 1.0))
