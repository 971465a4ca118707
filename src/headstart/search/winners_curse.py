"""The winner's curse: how much better than its true loss the best of k equally good tries looks on average."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from headstart.params import check_number

__all__ = ["expected_maximum"]


def expected_maximum(k: int) -> float:
    """The mean of the largest of k independent standard normal numbers, ∫ 1 - Φ(x)ᵏ - Φ(-x)ᵏ dx over x > 0.

    It is a mean: the largest number is above it in nearly half of all cases. Tries of a search see the same items, so
    that their noise is correlated; for normal numbers of the same variance this makes the mean of the largest smaller
    (Slepian's inequality). For tries that were chosen by the losses of earlier ones it is a guide, and for tries that
    were fitted to the items, as by gradients, it is none.

    Args:
        k: number of tries, 1 or more.

    References:
        David & Nagaraja, "Order statistics", 2003.

    Examples:
        >>> round(expected_maximum(1), 6) + 0.0, round(expected_maximum(2), 6), round(expected_maximum(100), 3)
        (0.0, 0.56419, 2.508)
    """
    check_number(k, "k", "expected_maximum", low=1, integer=True)
    x = np.linspace(0.0, 12.0, 24_001)
    above = -np.expm1(k * log_ndtr(x)) - np.exp(k * log_ndtr(-x))
    return float(np.trapezoid(above, x))
