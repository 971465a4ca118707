"""The fits without each training item, or without each group of them, from what a saved model keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.heads import FittedHead
from headstart.linear.lda_without import LDAWithout
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.predictions_without import RidgeWithout
from headstart.model.certainty import Certainty
from headstart.tasks import task_methods
from headstart.types import Task

__all__ = ["EXACT_HEADS", "ExactFits"]

Array = NDArray[np.float64]
TINY = 1e-300

EXACT_HEADS = ("ridge", "lda")
"""Heads whose fit without an item follows from the fit on all items."""


@dataclass(frozen=True, eq=False)
class ExactFits:
    """Scores of new rows by the fit without each training item, or group: one factorisation of X̃ᵀX̃+λ.

    Attributes:
        mean: (d,) μ.
        target_mean: (k,) ȳ.
        onto_rows: (d, m) (X̃ᵀX̃+λ)⁻¹(x_i-μ).
        onto_targets: (d, k) the least-squares coefficients.
        weights: (m,) of the training rows.
        total: Σw.
        without: ridge or LDA without each unit.
        present: (k,) classes with rows.
        factor: (d, d) Cholesky factor of X̃ᵀX̃+λ, upper triangle.
        leverage: (m,) h_i of the training rows.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.linspace(0, 1, 8)[:, None], np.linspace(0, 2, 8)[:, None] ** 2
        >>> task, moments = Task("regression", ("area",)), Moments.from_rows(x, y)
        >>> head = select_head(x, y, task)
        >>> fits = ExactFits.of(task, head, moments, certainty_of(x, y, task, head, ids=list("abcdefgh")))
        >>> fits(head.feature_map(np.array([[0.5]]))).shape      # the prediction without each of the eight rows
        (1, 8, 1)
    """

    mean: Array
    target_mean: Array
    onto_rows: Array
    onto_targets: Array
    weights: Array
    total: float
    without: RidgeWithout | LDAWithout
    present: NDArray[np.bool_]
    factor: Array
    leverage: Array

    @classmethod
    def of(cls, task: Task, head: FittedHead, moments: Moments, kept: Certainty) -> ExactFits:
        """From the moments of the fit and what it kept; the certainty must have rows and least-squares predictions.

        Args:
            task: the label schema.
            head: a ridge or LDA head.
            moments: of its rows.
            kept: with ``rows`` and ``solved``.
        """
        from scipy.linalg import cho_factor, cho_solve

        if kept.rows is None or kept.solved is None or kept.leverage is None:
            raise ParameterError("The fits without each item need the rows of the training items.")
        system = moments.scatter + head.lam * np.eye(len(moments.scatter))
        factor = cho_factor(system, lower=False, overwrite_a=True, check_finite=False)
        centred = np.asarray(kept.rows[kept.index], dtype=np.float64) - moments.mean
        onto_rows = cho_solve(factor, centred.T, check_finite=False)
        coefficients = cho_solve(factor, moments.cross, check_finite=False)
        weights = np.ones(len(kept.index)) if kept.weights is None else kept.weights
        targets = task_methods(task).targets(kept.labels, task.num_outputs)
        present = np.ones(task.num_outputs, bool)
        groups = kept.scored_groups
        without: RidgeWithout | LDAWithout = RidgeWithout(targets - kept.solved, groups)
        if head.head == "lda" and kept.within is not None:
            present = moments.target_mean > NO_SHARE
            fitted = moments.target_mean + centred @ coefficients
            without = LDAWithout(
                kept.within, moments.w * moments.target_mean[present], targets[:, present], kept.solved[:, present],
                fitted[:, present], kept.leverage, weights, groups,
            )  # fmt: skip
        return cls(
            moments.mean, moments.target_mean, onto_rows, coefficients, weights, moments.w, without, present,
            factor[0], kept.leverage,
        )  # fmt: skip

    @property
    def numbers(self) -> int:
        """Numbers of memory for each new row."""
        return max(1, len(self.weights) * len(self.present))

    def __call__(self, mapped: NDArray[Any]) -> Array:
        """Scores (m, G, k) of mapped rows (m, d) under each fit; minus infinity for classes without rows."""
        centred = np.asarray(mapped, dtype=np.float64) - self.mean
        kernel = self.weights * (1 / self.total + centred @ self.onto_rows)
        fitted = self.target_mean + centred @ self.onto_targets
        if self.present.all():
            return self.without(fitted, kernel)
        out = np.full((len(mapped), self.without.count, len(self.present)), -np.inf)
        out[:, :, self.present] = self.without(fitted[:, self.present], kernel)
        return out

    def spread(self, mapped: NDArray[Any]) -> Array:
        """How uncertain each new row is relative to each training row, both without that training row, (m, n).

        Under the fit without row i, a prediction has the variance (1 + h⁻ⁱ(x)) σ², with the leverage h⁻ⁱ(x) = h(x) +
        κ_i(x)²/(1-h_i) of a new row, and 1 + h⁻ⁱ(x_i) = 1/(1-h_i) of row i itself. The result is the root of the ratio.

        Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.

        Args:
            mapped: (m, d) mapped rows.
        """
        from scipy.linalg import solve_triangular

        centred = np.asarray(mapped, dtype=np.float64) - self.mean
        kernel = 1 / self.total + centred @ self.onto_rows
        half = solve_triangular(self.factor, centred.T, trans=1, check_finite=False)
        leverage = 1 / self.total + (half**2).sum(axis=0)
        rest = np.maximum(1 - self.leverage, TINY)
        return np.asarray(np.sqrt((1 + leverage[:, None] + kernel**2 / rest) * rest))
