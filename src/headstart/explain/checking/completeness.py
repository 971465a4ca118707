"""Completeness: how far attributions are off the difference that they ought to sum to.

Reference: Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.
"""

from __future__ import annotations

import math

from headstart.attributions import Attribution

__all__ = ["relative_gap"]

LEAST = 0.1  # difference of the score, so that a gap of nothing is not divided by nothing


def relative_gap(attribution: Attribution) -> float:
    """|sum - (f(x) - f(x'))| relative to the difference (at least 0.1); nan for a method that promises no sum.

    Args:
        attribution: what a method found.

    Examples:
        >>> from headstart.attributions import ColumnShare, ColumnShares
        >>> shown = ColumnShares((ColumnShare("age", "61", 0.4),))
        >>> relative_gap(Attribution("m", "M", shown, "f", "score", 1.5, 1.0, "the mean", completeness=0.1))
        0.2
    """
    difference = abs(attribution.value - attribution.baseline)
    return attribution.completeness / max(difference, LEAST) if math.isfinite(difference) else math.nan
