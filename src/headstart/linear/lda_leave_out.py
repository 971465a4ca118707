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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.checks import check_weights
from headstart.linear.leave_out import LeftOut
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.spectrum import Spectrum
from headstart.types import group_codes

__all__ = ["left_out_scores"]

Array = NDArray[np.float64]


# A remaining share of a class's weight below this is rounding: no rows of the class are left.
NOTHING_LEFT = 1e-9


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
    present = spectrum.target_mean > NO_SHARE
    counts = spectrum.weight * spectrum.target_mean[present]
    within = _within(spectrum, left_out.lam, present)
    y, weights = targets[:, present], check_weights(sample_weight, len(targets), "left_out_scores")
    out = np.full(targets.shape, -np.inf)
    alone, groups_of_rows = _partition(groups, len(y))
    if len(alone):
        out[np.ix_(alone, present)] = _rows(within, counts, _part(left_out, alone, present), y[alone], weights[alone])
    for rows in groups_of_rows:
        out[np.ix_(rows, present)] = _group(within, counts, _part(left_out, rows, present), y[rows], weights[rows])
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


def _within(spectrum: Spectrum, lam: float, present: NDArray[np.bool_]) -> Array:
    """W = Yᵀ(I-H)Y (C, C): the least-squares residual (zero if it interpolates) plus a part due to λ."""
    cross = spectrum.cross[:, present]
    # Ỹᵀ(H₀ - H_λ)Ỹ = λ QᵀGQ with Q = VᵀX̃ᵀỸ and G = 1/(s²(s²+λ)): no cancellation as λ → 0
    within = lam * (cross.T / (spectrum.values * (spectrum.values + lam))) @ cross
    if not spectrum.interpolates:
        shares = spectrum.target_mean[present]
        within += spectrum.weight * (np.diag(shares) - np.outer(shares, shares)) - (cross.T / spectrum.values) @ cross
    return np.asarray(within)


def _rows(within: Array, counts: Array, left_out: LeftOut, y: Array, weights: Array) -> Array:
    """Scores of single rows: each a rank-one update of one inverse."""
    # (W + ccᵀ/n)⁻¹ once for all rows; each row then adds rank-one terms
    inverse = np.linalg.inv(within + np.outer(counts, counts) / counts.sum())
    residual, weight = y - left_out.predictions, weights[:, None]
    # removing a row subtracts w(1-h)·ẽẽᵀ from W, where ẽ is its leave-one-out residual
    keep = weights * (1 - left_out.leverage)
    along = residual @ inverse
    rest = counts - weight * y
    n = counts.sum() - weight
    shares = rest / n
    with np.errstate(divide="ignore", invalid="ignore"):  # division by zero for the only row of a class; set below
        # Sherman-Morrison: (A - kẽẽᵀ)⁻¹ = A⁻¹ + κ A⁻¹ẽẽᵀA⁻¹ with κ = k/(1 - kẽᵀA⁻¹ẽ), for all rows at once (n, 1)
        kappa = (keep / (1 - keep * (residual * along).sum(axis=1)))[:, None]
        # A1 = c gives A⁻¹c = 1, so A⁻¹(c - wy)/(n-w) = (1 - wA⁻¹y)/(n-w); the rank-one part follows
        onto_shares = (1 - weight * (y @ inverse)) / n
        onto_shares += kappa * (along * shares).sum(axis=1, keepdims=True) * along
        diagonal = np.diag(inverse) + kappa * along**2
        offset = left_out.predictions - shares
        mapped = offset @ inverse + kappa * (offset * along).sum(axis=1, keepdims=True) * along
        scores = n * mapped + np.log(shares) - 0.5 * (n * (diagonal - 2 * onto_shares) - 1 / shares)
    scores[_alone_in_class(rest, counts, y)] = np.log(counts / counts.sum())
    return np.asarray(scores)


def _group(within: Array, counts: Array, left_out: LeftOut, y: Array, weights: Array) -> Array:
    """Scores of the rows of one group, from the inverse without the group."""
    rest = counts - weights @ y
    n = rest.sum()
    there = rest > NOTHING_LEFT * counts
    shares = rest[there] / n
    # W - EᵀΩẼ, with the residuals E of the fit and the leave-group-out residuals Ẽ
    without = within - (weights[:, None] * (y - left_out.fitted)).T @ (y - left_out.predictions)
    inverse = np.linalg.inv(without[np.ix_(there, there)] + np.outer(rest[there], rest[there]) / n)
    scores = np.full(y.shape, -np.inf)
    offsets = np.log(shares) - 0.5 * (n * np.diag(inverse) - 1 / shares)
    scores[:, there] = n * (left_out.predictions[:, there] - shares) @ inverse + offsets
    scores[_alone_in_class(rest, counts, y)] = np.log(counts / counts.sum())
    return scores


def _alone_in_class(rest: Array, counts: Array, y: Array) -> NDArray[np.bool_]:
    """Rows (n,) whose class has no remaining weight; ``rest`` is the remaining weight of each class."""
    return np.asarray(((rest - NOTHING_LEFT * counts) * y).sum(axis=1) <= 0)
