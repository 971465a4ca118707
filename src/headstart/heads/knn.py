"""k nearest neighbours: by cosine similarity, with closer neighbours weighted more; leave-one-out chooses k."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data

from headstart.heads.estimator.inputs import FLOATS, checked_rows
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.scores import accuracy_or_r2
from headstart.linear.checks import unit_rows
from headstart.tasks import base_kind
from headstart.types import Task

__all__ = ["KNN", "KNearestNeighbours", "KNearestNeighboursHead"]

Array = NDArray[np.float64]
COUNTS = (1, 3, 5, 10, 20, 50, 100, 200)  # DINOv2 uses 10 to 200; smaller ones are for a few rows per class
TEMPERATURE = 0.07  # of the weights exp(cos/0.07), as in DINO and DINOv2
CHUNK = 1024
SMOOTHING = 1e-3  # weight of the class frequencies, so that k = 1 does not give probability 1


class KNearestNeighbours(BaseEstimator):  # type: ignore[misc]
    """Weighted class frequencies, or weighted means, of the k rows with the largest cosine similarity.

    Args:
        k: number of neighbours; ``"auto"`` picks the one of 1 to 200 with the lowest leave-one-out loss.
        temperature: of the weights exp(cos / temperature), default 0.07.
        kind: ``"classification"``, ``"multilabel"`` or ``"regression"``; ``"auto"`` infers it from y (non-integer
            numbers mean regression).

    Attributes:
        classes_: (C,) sorted labels of a classification, else None.
        k_: number of neighbours used.

    References:
        Cover & Hart, "Nearest neighbor pattern classification", 1967; Wu et al., "Unsupervised Feature Learning via
        Non-Parametric Instance Discrimination", CVPR 2018 (the weights).

    Examples:
        >>> head = KNearestNeighbours(k=2).fit([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], ["a", "a", "b", "b"])
        >>> head.predict([[2.0, 0.1], [0.0, 3.0]]).tolist()
        ['a', 'b']
    """

    classes_: Any
    targets_: NDArray[Any]

    def __init__(self, k: int | str = "auto", *, temperature: float = TEMPERATURE, kind: str = "auto") -> None:
        self.k = k
        self.temperature = temperature
        self.kind = kind

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Store rows (n, d) with labels (n,), 0/1 columns (n, k) or values (n, k)."""
        self._remember(X, y)
        if self.k == "auto":
            self._choose(None)
        else:
            self.k_ = int(self.k)
        return self

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Fit, and return the scores of each row from its neighbours without itself and without its group."""
        self._remember(X, y)
        return self._choose(groups)

    def chosen_params(self) -> dict[str, Any]:
        """The chosen parameters, for a refit on more rows without a new search."""
        return {"k": self.k_}

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Log-probabilities of the classes, log-odds of the labels, or values."""
        return self._scored(self._means(checked_rows(self, X), [self.k_], None)[self.k_])

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Smoothed probabilities (n, C) of the classes or labels."""
        return self._smoothed(self._means(checked_rows(self, X), [self.k_], None)[self.k_])

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Labels (n,), 0/1 columns, or values."""
        means = self._means(checked_rows(self, X), [self.k_], None)[self.k_]
        if self._kind == "classification":
            return np.asarray(self.classes_[means.argmax(axis=1)])
        if self._kind == "multilabel":
            return np.asarray(means >= 0.5, dtype=int)
        return means[:, 0] if means.shape[1] == 1 else means

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803 (scikit-learn's name)
        """Accuracy, or R² of a regression."""
        return accuracy_or_r2(self._kind, y, self.predict(X))

    def _remember(self, X: ArrayLike, y: ArrayLike) -> None:  # noqa: N803
        rows, labels = validate_data(self, X, y, dtype=FLOATS, multi_output=True)
        self._kind = _kind_of(labels) if self.kind == "auto" else self.kind
        if self._kind == "classification":
            self.classes_, codes = np.unique(labels, return_inverse=True)
            self.targets_ = np.eye(len(self.classes_), dtype=np.float32)[codes.ravel()]
        else:
            self.classes_ = None
            self.targets_ = np.asarray(labels, dtype=np.float64).reshape(len(rows), -1)
        self.rows_ = unit_rows(rows)

    def _choose(self, groups: ArrayLike | None) -> Array:
        n = len(self.rows_)
        alone = np.arange(n) if groups is None else np.asarray(groups)
        counts = [int(self.k)] if self.k != "auto" else [k for k in COUNTS if k < n] or [1]
        # one search for the largest k serves all smaller ones
        found = self._means(self.rows_, counts, alone)
        scores = {k: self._scored(means) for k, means in found.items()}
        self.k_ = min(counts, key=lambda k: self._loss(found[k]))
        return scores[self.k_]

    def _means(self, rows: NDArray[Any], counts: list[int], alone: NDArray[Any] | None) -> dict[int, Array]:
        found = {k: np.empty((len(rows), self.targets_.shape[1])) for k in counts}
        for start, near, weight in self._neighbours(unit_rows(rows), max(counts), alone):
            for k in counts:
                # (m, k) weights of the k nearest, of sum 1; targets_[near] is (m, k, C)
                share = weight[:, :k] / weight[:, :k].sum(axis=1, keepdims=True)
                found[k][start : start + len(near)] = np.einsum("nk,nkc->nc", share, self.targets_[near[:, :k]])
        return found

    def _neighbours(
        self, rows: NDArray[Any], most: int, alone: NDArray[Any] | None
    ) -> Iterator[tuple[int, NDArray[np.intp], Array]]:
        """For each chunk of queries: its start, the (m, most) nearest rows in order of distance, and their weights."""
        most = min(most, len(self.rows_))
        for start in range(0, len(rows), CHUNK):
            cosine = (rows[start : start + CHUNK] @ self.rows_.T).astype(np.float64)
            if alone is not None:
                # exclude the row itself and its group
                cosine[alone[start : start + CHUNK, None] == alone] = -np.inf
            # partition for the largest k, then sort only those: every smaller k is a prefix
            near = np.argpartition(-cosine, most - 1, axis=1)[:, :most]
            value = np.take_along_axis(cosine, near, axis=1)
            order = np.argsort(-value, axis=1, kind="stable")
            near, value = np.take_along_axis(near, order, axis=1), np.take_along_axis(value, order, axis=1)
            # a row whose group holds all rows has no finite cosine: all its neighbours then weigh the same
            top = np.where(np.isfinite(value[:, :1]), value[:, :1], 0.0)
            # subtracting the largest cosine avoids overflow; 1e-300 keeps the sum of weights above zero
            yield start, near, np.exp((value - top) / self.temperature) + 1e-300

    def _smoothed(self, means: Array) -> Array:
        # mix in the overall class frequencies
        return np.asarray((1 - SMOOTHING) * means + SMOOTHING * self.targets_.mean(axis=0))

    def _scored(self, means: Array) -> Array:
        if self._kind == "regression":
            return means
        share = np.clip(self._smoothed(means), 1e-9, 1 - 1e-9)
        return np.asarray(np.log(share) if self._kind == "classification" else np.log(share) - np.log1p(-share))

    def _loss(self, means: Array) -> float:
        """Mean squared error of values; log-loss of probabilities."""
        if self._kind == "regression":
            return float(np.mean((means - self.targets_) ** 2))
        share = np.clip(self._smoothed(means), 1e-9, 1 - 1e-9)
        # targets are one-hot rows or 0/1 columns
        hit = -(self.targets_ * np.log(share)).sum(axis=1)
        if self._kind == "multilabel":
            hit = hit - ((1 - self.targets_) * np.log1p(-share)).sum(axis=1)
        return float(np.mean(hit))


def _kind_of(labels: NDArray[Any]) -> str:
    kind = type_of_target(labels)
    if kind.startswith("continuous"):
        return "regression"
    return "multilabel" if kind == "multilabel-indicator" else "classification"


@dataclass(frozen=True)
class KNearestNeighboursHead:
    """k nearest neighbours by cosine similarity, for every kind of task.

    Attributes:
        name: ``"knn"``.
        tasks: the task kinds it supports.
        complexity: 2.

    Examples:
        >>> KNN.make(Task("regression", ("price",)), n=10, d=2, seed=0)
        KNearestNeighbours(kind='regression')
    """

    name: str = "knn"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 2

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return KNearestNeighbours(kind=base_kind(task))

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        return f"it would store all {n} rows" if n > 100_000 else ""


KNN = KNearestNeighboursHead()
