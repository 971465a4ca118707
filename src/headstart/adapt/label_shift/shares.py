"""What the estimators of class shares have in common: their result, the checks of their inputs, and resampling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_matrix
from headstart.params import check_number

__all__ = ["Outputs", "Resampled", "ShareEstimate", "check_outputs", "draw_counts", "share_estimate"]

Array = NDArray[np.float64]
TOLERATED = 1e-4  # how far a row of probabilities may be from summing to 1: float32


@dataclass(frozen=True, eq=False)
class ShareEstimate:
    """Class shares of new items, as estimated without their labels.

    Attributes:
        method: the estimator, ``"bbse"`` or ``"em"``.
        source_shares: (C,) class shares of the labelled items.
        shares: (C,) estimated class shares of the new items; a class without labelled items has share 0.
        low: (C,) lower bounds of the interval, by the percentile bootstrap over labelled and new items. In simulations
            with 200 items on each side, intervals of 95% held the true share in 92% of the draws.
        high: (C,) upper bounds.
        coverage: of the interval.
        p_value: probability of a change of some share at least this large, in standard errors, if no share changed.
        condition: condition number of the confusion matrix by class; nan for EM, which inverts none.
        smallest_singular_value: of the joint confusion matrix, which bounds the error of BBSE; nan for EM.

    Examples:
        >>> half, quarter = np.array([0.5, 0.5]), np.array([0.25, 0.75])
        >>> ShareEstimate("em", half, quarter, quarter, quarter, 0.95, 0.01).weights
        array([0.5, 1.5])
    """

    method: str
    source_shares: Array
    shares: Array
    low: Array
    high: Array
    coverage: float
    p_value: float
    condition: float = math.nan
    smallest_singular_value: float = math.nan

    @property
    def weights(self) -> Array:
        """(C,) new share divided by the old one: the weight of a labelled item by its class; 0 without items."""
        known = self.source_shares > 0
        return np.divide(self.shares, self.source_shares, out=np.zeros_like(self.shares), where=known)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; None for nan."""
        numbers = {
            "p_value": self.p_value, "condition": self.condition,
            "smallest_singular_value": self.smallest_singular_value,
        }  # fmt: skip
        return {
            "method": self.method,
            "source_shares": self.source_shares.tolist(),
            "shares": self.shares.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "coverage": self.coverage,
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
        }


@dataclass(frozen=True, eq=False)
class Outputs:
    """Checked inputs of an estimator, for the K classes with labelled items.

    Attributes:
        left_out: (n, K) left-out probabilities of the labelled items.
        y: (n,) their codes, 0 to K - 1.
        new: (m, K) probabilities of the new items.
        present: (K,) positions of these classes among all C.
        classes: C.

    Examples:
        >>> inputs = Outputs(np.eye(2), np.array([0, 1]), np.eye(2), np.array([0, 2]), 3)
        >>> inputs.spread(inputs.shares)
        array([0.5, 0. , 0.5])
    """

    left_out: Array
    y: NDArray[np.intp]
    new: Array
    present: NDArray[np.intp]
    classes: int

    @property
    def shares(self) -> Array:
        """(K,) shares of the labelled items."""
        return np.bincount(self.y, minlength=len(self.present)) / len(self.y)

    def spread(self, shares: Array) -> Array:
        """Shares (..., K) as shares (..., C) of all classes."""
        out = np.zeros((*shares.shape[:-1], self.classes))
        out[..., self.present] = shares
        return out


@dataclass(frozen=True, eq=False)
class Resampled:
    """Estimates from resampled items.

    Attributes:
        shares: (B, K) estimated shares.
        source_shares: (B, K) shares of the resampled labelled items.
    """

    shares: Array
    source_shares: Array


def check_outputs(left_out: ArrayLike, y: ArrayLike, new: ArrayLike, owner: str) -> Outputs:
    """Check probabilities and labels; classes without labelled items are left out.

    Args:
        left_out: (n, C) left-out probabilities of labelled items.
        y: (n,) integer class codes below C.
        new: (m, C) probabilities of new items, by the same model.
        owner: the estimator, for messages.

    Raises:
        ParameterError: if shapes or codes are wrong, or rows are no probabilities.
        DataError: if there is no new item, or only one class has labelled items.

    Examples:
        >>> found = check_outputs([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], [0, 1], [[0.5, 0.5, 0.0]], "bbse")
        >>> found.present, found.shares
        (array([0, 1]), array([0.5, 0.5]))
    """
    rows = _probabilities(left_out, "left_out", owner)
    other = _probabilities(new, "new", owner, columns=rows.shape[1])
    codes = np.asarray(y)
    inside = codes.dtype.kind in "iu" and codes.shape == (len(rows),) and len(codes) > 0
    if not inside or codes.min() < 0 or codes.max() >= rows.shape[1]:
        raise ParameterError(
            f"The 'y' parameter of {owner} must hold one class code from 0 to {rows.shape[1] - 1} for each of "
            f"{len(rows)} rows. Got an array of shape {codes.shape} and type {codes.dtype} instead."
        )
    if not len(other):
        raise DataError(f"{owner} needs new items to estimate their class shares. Got none.")
    present, compact = np.unique(codes, return_inverse=True)
    if len(present) < 2:
        raise DataError(f"{owner} needs labelled items of two classes or more. Got items of {len(present)}.")
    own, others = rows[:, present], other[:, present]
    return Outputs(_normalised(own), compact.astype(np.intp), _normalised(others), present, rows.shape[1])


def _probabilities(value: ArrayLike, name: str, owner: str, *, columns: int | None = None) -> Array:
    rows = np.asarray(check_matrix(value, name, owner, columns=columns), dtype=np.float64)
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (abs(rows.sum(axis=1) - 1) < TOLERATED).all()):
        raise ParameterError(f"The '{name}' parameter of {owner} must hold probabilities, rows of sum 1.")
    return rows


def _normalised(rows: Array) -> Array:
    total = rows.sum(axis=1, keepdims=True)
    # an item that is given to an absent class alone says nothing about the others
    return np.where(total > 0, rows / np.where(total > 0, total, 1.0), 1.0 / rows.shape[1])


def draw_counts(rng: np.random.Generator, y: NDArray[np.intp], resamples: int) -> Array:
    """How often each item is drawn (B, n), with replacement within its class, so that no class loses all items.

    Args:
        rng: the generator.
        y: (n,) class codes 0 to K - 1.
        resamples: B.

    Examples:
        >>> counts = draw_counts(np.random.default_rng(0), np.array([0, 0, 1, 1, 1]), 4)
        >>> counts[:, :2].sum(axis=1), counts[:, 2:].sum(axis=1)
        (array([2., 2., 2., 2.]), array([3., 3., 3., 3.]))
    """
    counts = np.empty((resamples, len(y)))
    for code in range(int(y.max()) + 1):
        own = np.flatnonzero(y == code)
        counts[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=resamples)
    return counts


def share_estimate(
    method: str,
    inputs: Outputs,
    shares: Array,
    resampled: Resampled,
    coverage: float,
    *,
    condition: float = math.nan,
    smallest: float = math.nan,
) -> ShareEstimate:
    """The estimate with its percentile interval and the p-value of a change.

    The p-value compares the largest change of a share, in standard errors, with the largest deviation of the resampled
    changes from the estimated ones (a bootstrap of the maximum), so it holds for any number of classes.

    Args:
        method: of `ShareEstimate`.
        inputs: of the estimator.
        shares: (K,) estimated shares.
        resampled: estimates from resampled items.
        coverage: of the interval, in (0, 1).
        condition: condition number of the confusion matrix, where there is one.
        smallest: smallest singular value of the joint one.

    Examples:
        >>> inputs = check_outputs(np.eye(2), [0, 1], [[1.0, 0.0]], "bbse")
        >>> drawn = Resampled(np.array([[0.4, 0.6], [0.6, 0.4]]), np.full((2, 2), 0.5))
        >>> share_estimate("bbse", inputs, np.array([0.5, 0.5]), drawn, 0.5).low.round(2)
        array([0.45, 0.45])
    """
    check_number(coverage, "coverage", method, low=0, high=1, open_low=True)
    tail = (1 - coverage) / 2
    low, high = np.quantile(resampled.shares, [tail, 1 - tail], axis=0)
    change = shares - inputs.shares
    around = resampled.shares - resampled.source_shares - change
    error = np.maximum(around.std(axis=0), 1e-12)
    as_large = np.count_nonzero((abs(around) / error).max(axis=1) >= (abs(change) / error).max() - 1e-12)
    p_value = (1 + int(as_large)) / (1 + len(around))
    return ShareEstimate(
        method=method,
        source_shares=inputs.spread(inputs.shares),
        shares=inputs.spread(shares),
        low=inputs.spread(np.minimum(low, shares)),
        high=inputs.spread(np.maximum(high, shares)),
        coverage=coverage,
        p_value=p_value,
        condition=condition,
        smallest_singular_value=smallest,
    )
