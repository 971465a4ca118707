"""Proxy A-distance: how well a ridge classifier tells new rows from reference rows, each row left out in turn.

PAD = 2 (1 - 2ε), where ε is the mean of the shares of errors in both samples: 0 where they cannot be told apart, 2
where every row can. Of the ridge fit with hat matrix H, the prediction for row i without it is exact, ŷ₋ᵢ = yᵢ - (yᵢ -
ŷᵢ) / (1 - hᵢᵢ), and for a group of rows e₋g = (I - H_gg)⁻¹ e_g; nothing is trained on the rows that are predicted. λ is
the one of least squared left-out error. A row counts as new where its prediction lies above the middle of both samples'
means, so the sizes of the samples do not matter.

Reference: Ben-David, Blitzer, Crammer, Kulesza, Pereira and Wortman Vaughan, "A Theory of Learning from Different
Domains", Machine Learning 2010; Lopez-Paz & Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017.
Command: headstart drift RUN NEW
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.shares import mean_bounds, share_bounds
from headstart.evaluate.shift.pooled import Pooled

__all__ = ["ADistance", "left_out_domain_scores", "proxy_a_distance"]

Array = NDArray[np.float64]
PENALTIES = 10.0 ** np.arange(-2, 3)
"""The λ that are compared, in units of the mean squared singular value of the rows."""


@dataclass(frozen=True)
class ADistance:
    """The proxy A-distance of two samples.

    Attributes:
        value: between 0 (no row can be told) and 2 (every row can).
        low: lower bound of its 95% interval.
        high: upper bound.
        error: the left-out error ε, the mean over both samples; about 0.5 without a shift.

    Examples:
        >>> ADistance(1.2, 0.9, 1.5, 0.2).value
        1.2
    """

    value: float
    low: float
    high: float
    error: float


def proxy_a_distance(pooled: Pooled) -> ADistance:
    """The proxy A-distance with its interval.

    The interval combines Wilson's of the errors in each sample. It describes this classifier; whether there is a shift
    at all is for a permutation test to say, because left-out predictions are a little worse than chance without one.

    Args:
        pooled: the rows of both samples.

    Examples:
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(100, 4))
        >>> found = proxy_a_distance(pooled_rows(rows[:60], rows[60:] + [2, 0, 0, 0]))
        >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
        (1.42, 1.06, 1.62)
    """
    new = pooled.new
    scores, _ = left_out_domain_scores(pooled, new[:, None].astype(np.float64))
    said = scores[:, 0] > (scores[new, 0].mean() + scores[~new, 0].mean()) / 2
    wrong = [(said != new)[side].astype(np.float64) for side in (~new, new)]
    units = [None if pooled.units is None else pooled.units[side] for side in (~new, new)]
    error = float(np.mean([one.mean() for one in wrong]))
    bounds = [share_bounds(one, unit) for one, unit in zip(wrong, units, strict=True)]
    low, high = mean_bounds([one.mean() for one in wrong], [one[0] for one in bounds], [one[1] for one in bounds])
    return ADistance(_distance(error), _distance(high), _distance(low), error)


def left_out_domain_scores(pooled: Pooled, sides: Array) -> tuple[Array, Array]:
    """Left-out predictions of the side of each row, for many assignments of the rows to two samples at once.

    Args:
        pooled: n rows.
        sides: (n, b) of 0 and 1, one assignment a column.

    Returns:
        The predictions (n, b), and the mean squared left-out error (b,) of the best λ of each assignment.

    Examples:
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> found = pooled_rows([[0.0], [1.0], [2.0]], [[10.0], [11.0], [12.0]])
        >>> left_out_domain_scores(found, found.new[:, None] * 1.0)[0][:, 0].round(1)
        array([-0.1,  0. ,  0.2,  0.8,  1. ,  1.1])
    """
    left, squares = pooled.directions
    mean = sides.mean(axis=0)
    inside = left.T @ sides
    best, chosen = np.full(sides.shape[1], np.inf), np.zeros_like(sides)
    for penalty in PENALTIES * (squares.mean() if len(squares) else 1.0):
        shrunk = left * (squares / (squares + penalty))
        wrong = _left_out(sides - mean - shrunk @ inside, left, shrunk, pooled.units)
        loss = np.mean(wrong**2, axis=0)
        better = loss < best
        best[better] = loss[better]
        chosen[:, better] = (sides - wrong)[:, better]
    return chosen, best


def _left_out(residuals: Array, left: Array, shrunk: Array, units: NDArray[np.int64] | None) -> Array:
    """Residuals (n, b) of fits without each row, or without its unit."""
    n = len(residuals)
    leverage = 1 / n + np.einsum("ij,ij->i", left, shrunk)
    wrong: Array = residuals / np.maximum(1 - leverage, 1e-12)[:, None]
    if units is None:
        return wrong
    order = np.argsort(units, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(units[order])) + 1):
        if 1 < len(members) < n:
            hat = 1 / n + left[members] @ shrunk[members].T
            wrong[members] = np.linalg.solve(np.eye(len(members)) - hat, residuals[members])
    return wrong


def _distance(error: float) -> float:
    return float(np.clip(2 * (1 - 2 * error), 0.0, 2.0))
