"""Ordinal regression: the proportional-odds model for ordered labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin

from headstart.errors import DataError
from headstart.heads.estimator.cross_fitting import five_folds
from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.protocols import Estimator
from headstart.linear.spectrum import Spectrum
from headstart.types import Task

__all__ = ["ORDINAL", "OrdinalHead", "ProportionalOdds"]

Array = NDArray[np.float64]
STEPS = np.arange(0.0, -5.5, -1.0)  # decades of λ below the largest eigenvalue
TINY = 1e-12


class ProportionalOdds(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """P(y ≤ k | x) = expit(θ_k - w·x) with θ_1 < … < θ_{K-1} and an L2 penalty λ/2 ‖w‖².

    Args:
        order: the labels from lowest to highest; default: sorted.
        lam: λ; None takes the one with the lowest log-loss in five-fold cross-validation.
        seed: of the folds, default 0.

    Attributes:
        classes_: (K,) sorted labels, the columns of probabilities.
        order_: (K,) positions in ``classes_`` from the lowest label to the highest.
        coef_: (d,) w.
        thresholds_: (K - 1,) θ.
        lam_: the λ used.

    References:
        McCullagh, "Regression Models for Ordinal Data", JRSS B 1980.

    Examples:
        >>> x = np.arange(12.0)[:, None]
        >>> head = ProportionalOdds(lam=0.1).fit(x, np.repeat([1, 2, 3], 4))
        >>> head.predict([[0.0], [5.5], [11.0]])
        array([1, 2, 3])
    """

    def __init__(self, order: Sequence[Any] | None = None, lam: float | None = None, *, seed: int = 0) -> None:
        self.order = order
        self.lam = lam
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        rows, codes = class_codes(self, X, y)
        self.order_ = self._positions()
        ranks = np.argsort(self.order_)[codes]
        classes = len(self.classes_)
        spectrum = Spectrum.from_rows(rows, np.eye(classes)[codes])
        rotated = spectrum.project(rows)
        self.lam_ = _best(rotated, ranks, spectrum.values, classes, self.seed) if self.lam is None else float(self.lam)
        weight, thresholds = _fit(rotated, ranks, spectrum.values, classes, lam=self.lam_)
        self.coef_ = spectrum.vectors @ weight
        self.thresholds_ = thresholds + self.coef_ @ spectrum.mean
        return self

    def _positions(self) -> NDArray[np.intp]:
        if self.order is None:
            return np.arange(len(self.classes_))
        place = {label: i for i, label in enumerate(self.order)}
        missing = [label for label in self.classes_.tolist() if label not in place]
        if missing:
            raise DataError(f"The order of the labels lacks {missing[0]!r}; list every label from lowest to highest.")
        return np.argsort([place[label] for label in self.classes_.tolist()])

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, K) in the order of ``classes_``."""
        ranked = _probabilities(checked_rows(self, X) @ self.coef_, self.thresholds_)
        found = np.empty_like(ranked)
        found[:, self.order_] = ranked
        return found

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The most probable label of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def _probabilities(score: Array, thresholds: Array) -> Array:
    # P(y ≤ k) for k = 1 ... K-1; differences, with 0 and 1 at the ends, are the class probabilities
    below = expit(thresholds - score[:, None])
    return np.diff(below, axis=1, prepend=0.0, append=1.0)


def _fit(
    rows: Array, ranks: NDArray[np.intp], values: Array, classes: int, *, lam: float, tol: float = 1e-6
) -> tuple[Array, Array]:
    """Weights and thresholds, by L-BFGS over weights in the eigenbasis, θ_1, and the log gaps between thresholds."""
    # preconditioning: the curvature of the logistic loss is at most ¼ S² + λ in each direction
    scale = np.sqrt(0.25 * values + lam)
    width = rows.shape[1]

    def unpack(flat: Array) -> tuple[Array, Array, Array]:
        # θ_k = θ_1 + Σ exp(gap) is increasing for any parameters; clipped because a line search could overflow it
        gaps = np.exp(np.clip(flat[width + 1 :], -30, 30))
        return flat[:width] / scale, flat[width] + np.concatenate([[0.0], np.cumsum(gaps)]), gaps

    def loss(flat: Array) -> tuple[float, Array]:
        weight, thresholds, gaps = unpack(flat)
        score = rows @ weight
        below = np.column_stack([np.zeros(len(rows)), expit(thresholds - score[:, None]), np.ones(len(rows))])
        high, low = below[np.arange(len(rows)), ranks + 1], below[np.arange(len(rows)), ranks]
        chance = np.maximum(high - low, TINY)
        # derivative of ln(high - low): +rise in the upper threshold, -fall in the lower one
        rise, fall = high * (1 - high) / chance, low * (1 - low) / chance
        slope_weight = rows.T @ (rise - fall) + lam * weight
        # gradient of the loss in θ_k, stored at k; positions 0 and K are the fixed ends -∞ and +∞
        slope = np.zeros(classes + 1)
        np.add.at(slope, ranks + 1, -rise)
        np.add.at(slope, ranks, fall)
        inner = slope[1:-1]
        # a gap shifts all thresholds above it, so its gradient is a cumulative sum from the end
        later = np.cumsum(inner[::-1])[::-1]
        gradient = np.concatenate([slope_weight / scale, later[:1], later[1:] * gaps])
        return float(-np.log(chance).sum() + 0.5 * lam * weight @ weight), gradient

    # start at the logits of the cumulative class frequencies, with half a row added to each class
    share = np.cumsum(np.bincount(ranks, minlength=classes) + 0.5)[:-1] / (len(ranks) + 0.5 * classes)
    first = np.log(share) - np.log1p(-share)
    start = np.concatenate([np.zeros(width), first[:1], np.log(np.diff(first))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": tol, "ftol": 1e-12})
    weight, thresholds, _ = unpack(found.x)
    return weight, thresholds


def _best(rows: Array, ranks: NDArray[np.intp], values: Array, classes: int, seed: int) -> float:
    """The λ with the lowest log-loss in five-fold cross-validation."""
    parts = five_folds(ranks, "classification", None, seed)
    grid = (float(values[0]) if len(values) else 1.0) * 10.0**STEPS

    def loss(lam: float) -> float:
        total = 0.0
        for train, test in parts:
            weight, thresholds = _fit(rows[train], ranks[train], values, classes, lam=lam, tol=1e-3)
            chance = _probabilities(rows[test] @ weight, thresholds)[np.arange(len(test)), ranks[test]]
            total -= float(np.log(np.maximum(chance, TINY)).sum())
        return total

    return float(min(grid, key=loss))


@dataclass(frozen=True)
class OrdinalHead:
    """Proportional odds, for classification tasks whose labels are numbers.

    Attributes:
        name: ``"ordinal"``.
        tasks: the task kinds it supports.
        complexity: 1, linear.

    Examples:
        >>> ORDINAL.make(Task("classification", ("1", "10", "2")), n=10, d=2, seed=0)
        ProportionalOdds(order=(0, 2, 1))
    """

    name: str = "ordinal"
    tasks: frozenset[str] = frozenset({"classification"})
    complexity: int = 1

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator; raises `DataError` where labels are not numbers."""
        values = _numbers(task.labels)
        if values is None:
            raise DataError(
                "The 'ordinal' head takes the order of the classes from labels that are numbers, such as 1 to 5. Got "
                f"{task.labels[0]!r}; choose another head or number the labels."
            )
        return ProportionalOdds(tuple(int(i) for i in np.argsort(values, kind="stable")), seed=seed)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        if _numbers(task.labels) is None:
            return "the labels are not numbers"
        return "with two labels, order adds nothing" if task.num_outputs < 3 else ""


def _numbers(labels: Sequence[str]) -> list[float] | None:
    try:
        values = [float(label) for label in labels]
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


ORDINAL = OrdinalHead()
