"""The scores of one item by the head without each training item, exactly, from one factorisation of the fit.

With A = X̃ᵀX̃+λ, κ_i(x) = w_i (1/Σw + (x-μ)ᵀA⁻¹(x_i-μ)) and h_i = κ_i(x_i), the ridge prediction without item i is
f(x) - κ_i(x)(y_i - f_i)/(1 - h_i); LDA follows from it (`headstart.linear.lda_without`). What the fit kept is used
where it is complete. Otherwise the moments give A where there are more items than features; with fewer, an
eigendecomposition gives residuals that stay accurate where the fit interpolates.

Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.explain.asking.query import Query
from headstart.explain.asking.training_rows import TrainingRows
from headstart.linear.checks import check_weights, chunks
from headstart.linear.lda_without import LDAWithout, within_residuals
from headstart.linear.leave_out import fitted, leave_one_out
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.predictions_without import RidgeWithout, kernel_of
from headstart.model.certainty import Certainty
from headstart.model.conformal.exact_fits import ExactFits

__all__ = ["scores_without"]

Array = NDArray[np.float64]


def scores_without(query: Query, training: TrainingRows) -> Array:
    """The head's scores of the item without each training item, (n, k); of LDA up to a constant per row.

    Args:
        query: of a model with a ridge or LDA head.
        training: the training rows.

    Raises:
        ParameterError: if the rows do not fit the head.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["low"] * 10 + ["high"] * 10)
        >>> query = ask(fit(data, verbose=False).model, rows[0], training=data)
        >>> scores_without(query, query.training_rows).shape
        (20, 2)
    """
    head, kept, moments = query.model.head, training.kept, training.moments
    if kept is not None and moments is not None and _all_known(kept):
        return np.asarray(ExactFits.of(training.task, head, moments, kept)(query.mapped[None])[0])
    through = _through_moments if moments is not None and len(training) > moments.num_features else _through_spectrum
    parts = through(query, training)
    return np.concatenate([part.scores(lda=head.head == "lda") for part in parts])


def _all_known(kept: Certainty) -> bool:
    """Whether the fit kept the leave-one-out prediction of every item, none of them left out with others."""
    return kept.solved is not None and kept.groups is None and len(kept.index) == len(kept.ids)


@dataclass(frozen=True, eq=False)
class _Part:
    """What is known about some training items, and about the item that is predicted.

    Attributes:
        targets: (m, k) of the training items.
        left_out: (m, k) their leave-one-out predictions.
        fitted: (m, k) their predictions by the fit.
        leverage: (m,) h.
        weights: (m,) in the fit.
        kernel: (1, m) κ.
        own: (1, k) the prediction of the item by the fit.
        within: (C, C) residuals Yᵀ(I-H)Y of the classes with items.
        counts: (C,) their weights.
        present: (k,) the classes with items.
    """

    targets: Array
    left_out: Array
    fitted: Array
    leverage: Array
    weights: Array
    kernel: Array
    own: Array
    within: Array
    counts: Array
    present: NDArray[np.bool_]

    def scores(self, *, lda: bool) -> Array:
        """The scores (m, k) of the item without each of these."""
        if not lda:
            return np.asarray(RidgeWithout(self.targets - self.left_out)(self.own, self.kernel)[0])
        there = self.present
        without = LDAWithout(
            self.within, self.counts, self.targets[:, there], self.left_out[:, there], self.fitted[:, there],
            self.leverage, self.weights,
        )  # fmt: skip
        scores = np.full(self.targets.shape, -np.inf)
        scores[:, there] = without(self.own[:, there], self.kernel)[0]
        return scores


def _through_moments(query: Query, training: TrainingRows) -> Iterator[_Part]:
    """From the moments of the fit, by a Cholesky factorisation: h_i is the squared norm of L⁻¹(x_i-μ), and so on."""
    from scipy.linalg import cholesky, solve_triangular

    moments = training.moments
    if moments is None:
        return
    lam = query.model.head.lam
    factor = cholesky(moments.scatter + lam * np.eye(moments.num_features), lower=True, overwrite_a=True)
    half_cross = solve_triangular(factor, moments.cross, lower=True)  # L⁻¹X̃ᵀỸ
    new = solve_triangular(factor, query.mapped - moments.mean, lower=True)
    present = moments.target_mean > NO_SHARE
    within = (moments.target_scatter - half_cross.T @ half_cross)[np.ix_(present, present)]
    own = (moments.target_mean + new @ half_cross)[None]
    for part in chunks(len(training)):
        rows = np.asarray(training.rows[part], np.float64) - moments.mean
        half = solve_triangular(factor, rows.T, lower=True, overwrite_b=True)  # (d, m)
        targets, weights = training.targets(part), _weights(training, part)
        leverage = weights * (1 / moments.w + np.einsum("ij,ij->j", half, half))
        fit = moments.target_mean + half.T @ half_cross
        left_out = targets - (targets - fit) / (1 - leverage)[:, None]
        kernel = weights * (1 / moments.w + new @ half)
        counts = moments.w * moments.target_mean[present]
        yield _Part(targets, left_out, fit, leverage, weights, kernel[None], own, within, counts, present)


def _through_spectrum(query: Query, training: TrainingRows) -> Iterator[_Part]:
    """From an eigendecomposition of the items, whose residuals stay accurate where the fit interpolates."""
    spectrum, new, lam = training.spectrum, query.mapped[None], query.model.head.lam
    present = spectrum.target_mean > NO_SHARE
    within = within_residuals(spectrum, lam, present)
    counts, own = spectrum.weight * spectrum.target_mean[present], fitted(spectrum, new, lam)
    for part in chunks(len(training)):
        rows, targets = np.asarray(training.rows[part], np.float64), training.targets(part)
        weights = _weights(training, part)
        (left,) = leave_one_out(spectrum, rows, targets, [lam], sample_weight=weights)
        kernel = kernel_of(spectrum, rows, new, lam, sample_weight=weights)
        yield _Part(
            targets, left.predictions, left.fitted, left.leverage, weights, kernel, own, within, counts, present
        )  # fmt: skip


def _weights(training: TrainingRows, part: slice) -> Array:
    given = None if training.weights is None else training.weights[part]
    return check_weights(given, len(training.ids[part]), "influence")
