"""Leave-one-out LDA: exact log-posterior scores of rows from the fit without the row, or without its group.

It is not enough to apply the discriminants of all rows to leave-one-out ridge predictions: those discriminants depend
on the row's own label, which matters with many classes, few rows or many features. Three facts give the exact scores
without refitting:

- the LDA map is the inverse of W + ccᵀ/n for the within-class residuals W = Yᵀ(I-H)Y and the class counts c;
- without a group of weights Ω, W decreases by EᵀΩẼ, where E are the residuals of the fit and Ẽ the leave-group-out
  residuals; for a single row of weight w this is w(1-h)·ẽẽᵀ;
- so a row costs a rank-one update (Sherman & Morrison 1950), and a group one C x C inverse.

Let c be the weights summed by class, n the total weight, m the weight of the group B, p = (c - Σ_B wy)/(n-m), and G the
inverse without B. Then

    score_c = (n-m) (f-p)ᵀG_c + ln p_c - ½ ((n-m) G_cc - 1/p_c),   up to a constant per row.

References: Hastie, Tibshirani & Buja, "Flexible Discriminant Analysis by Optimal Scoring", JASA 1994; Cook & Weisberg,
"Residuals and Influence in Regression", 1982.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.checks import check_weights
from headstart.linear.lda_without import NOTHING_LEFT, GroupDiscriminants, RowDiscriminants, within_residuals
from headstart.linear.leave_out import LeftOut
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.spectrum import Spectrum
from headstart.types import group_codes

__all__ = ["left_out_scores", "left_out_scores_each"]

Array = NDArray[np.float64]


def left_out_scores(
    spectrum: Spectrum,
    left_out: LeftOut,
    targets: Array,
    groups: NDArray[np.int64] | None = None,
    *,
    sample_weight: ArrayLike | None = None,
) -> Array:
    """Exact leave-one-out scores (n, C) of LDA: each row is scored by the fit without it, or without its group.

    A row whose class has no other rows gets the log class frequencies.

    Args:
        spectrum: of the training rows, with one-hot targets.
        left_out: from `leave_one_out`, or from `leave_one_group_out` with the same ``groups``.
        targets: (n, C) one-hot targets of these rows.
        groups: (n,) integer codes of rows that are left out together; None if every row is its own group.
        sample_weight: (n,) the weights of these rows in the spectrum; default: ones.

    Returns:
        Log-posterior scores up to a constant per row; minus infinity for classes without rows.

    Examples:
        >>> from headstart.linear.leave_out import leave_one_out
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> (left_out,) = leave_one_out(spectrum, x, y, [1.0])
        >>> left_out_scores(spectrum, left_out, y).argmax(axis=1)
        array([0, 0, 1, 1])
    """
    return np.asarray(left_out_scores_each(spectrum, [left_out], targets, groups, sample_weight=sample_weight)[0])


def left_out_scores_each(
    spectrum: Spectrum,
    several: Sequence[LeftOut],
    targets: Array,
    groups: NDArray[np.int64] | None = None,
    *,
    sample_weight: ArrayLike | None = None,
) -> Array:
    """The scores (L, n, C) at L penalties, as by `left_out_scores`, which is faster in one call.

    Args:
        spectrum: of the training rows, with one-hot targets.
        several: leave-one-out predictions of the same rows at each penalty.
        targets: (n, C) one-hot targets of these rows.
        groups: (n,) integer codes of rows that are left out together; None if every row is its own group.
        sample_weight: (n,) the weights of these rows in the spectrum; default: ones.

    Examples:
        >>> from headstart.linear.leave_out import leave_one_out
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> found = left_out_scores_each(spectrum, list(leave_one_out(spectrum, x, y, [1.0, 2.0])), y)
        >>> found.argmax(axis=2)
        array([[0, 0, 1, 1],
               [0, 0, 1, 1]])
    """
    present = spectrum.target_mean > NO_SHARE
    counts = spectrum.weight * spectrum.target_mean[present]
    within = np.stack([within_residuals(spectrum, one.lam, present) for one in several])
    y = targets if present.all() else targets[:, present]
    weights = check_weights(sample_weight, len(targets), "left_out_scores")
    if groups is None and present.all():  # without a copy of each array
        return _rows(within, counts, several, y, weights)
    out = np.full((len(several), *targets.shape), -np.inf)
    alone, groups_of_rows = _partition(groups, len(y))
    classes = np.flatnonzero(present)
    if len(alone):
        parts = [_part(one, alone, present) for one in several]
        out[:, alone[:, None], classes] = _rows(within, counts, parts, y[alone], weights[alone])
    for rows in groups_of_rows:
        for k, one in enumerate(several):
            scores = _group(within[k], counts, _part(one, rows, present), y[rows], weights[rows])
            out[k, rows[:, None], classes] = scores
    return out


def _partition(groups: NDArray[np.int64] | None, n: int) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Positions of rows that are their own group, and the positions of each larger group."""
    if groups is None:
        return np.arange(n), []
    codes = group_codes(groups, n)
    counts = np.bincount(codes)
    together = np.flatnonzero(counts[codes] > 1)
    order = together[np.argsort(codes[together], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []
    return np.flatnonzero(counts[codes] == 1), parts


def _part(left_out: LeftOut, rows: NDArray[np.intp], present: NDArray[np.bool_]) -> LeftOut:
    return LeftOut(
        left_out.lam,
        left_out.predictions[np.ix_(rows, present)],
        left_out.leverage[rows],
        left_out.fitted[np.ix_(rows, present)],
    )


def _rows(within: Array, counts: Array, several: Sequence[LeftOut], y: Array, weights: Array) -> Array:
    """Scores (L, n, C) of single rows: each a rank-one update of one inverse."""
    predictions = np.stack([one.predictions for one in several])
    leverage = np.stack([one.leverage for one in several])
    found = RowDiscriminants.of(within, counts, y, predictions=predictions, leverage=leverage, weights=weights)
    with np.errstate(invalid="ignore"):  # infinite offsets for the only row of a class; set below
        scores = found.scores(predictions)
    scores[:, _alone_in_class(counts - weights[:, None] * y, counts, y)] = np.log(counts / counts.sum())
    return scores


def _group(within: Array, counts: Array, left_out: LeftOut, y: Array, weights: Array) -> Array:
    """Scores of the rows of one group, from the inverse without the group."""
    found = GroupDiscriminants.of(
        within, counts, y, fitted=left_out.fitted, predictions=left_out.predictions, weights=weights
    )
    scores = found.scores(left_out.predictions)
    scores[_alone_in_class(counts - weights @ y, counts, y)] = np.log(counts / counts.sum())
    return scores


def _alone_in_class(rest: Array, counts: Array, y: Array) -> NDArray[np.bool_]:
    """Rows (n,) whose class has no remaining weight; ``rest`` is the remaining weight of each class."""
    return np.asarray(((rest - NOTHING_LEFT * counts) * y).sum(axis=1) <= 0)
