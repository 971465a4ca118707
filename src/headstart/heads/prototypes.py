"""Class prototypes: several k-means centres per class, for classes with more than one cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans

from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.params import check_number
from headstart.types import Task

__all__ = ["PROTOTYPES", "ClassPrototypes", "PrototypesHead"]

Array = NDArray[np.float64]
ROWS_EACH = 3  # rows per prototype; a mean of fewer is mostly noise


class ClassPrototypes(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Mixture of spherical Gaussians with one shared variance around the k-means centres of each class.

    The score of a class is ln Σ_p π_p exp(-‖x - m_p‖² / 2v) over its prototypes m_p. π_p is the prototype's share of
    all rows. The variance v is the summed squared distance of rows to their prototypes, divided by the residual degrees
    of freedom and by the effective dimension of the rows.

    Args:
        prototypes: maximum per class, default 4; there is at most one for every three rows of the class.
        seed: of k-means, default 0.

    Attributes:
        classes_: (C,) sorted labels.
        prototypes_: (P, d).
        owner_: (P,) codes of their classes.
        share_: (P,) ln π_p.
        variance_: v.

    References:
        Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", 2009, section 13.2.1.

    Examples:
        >>> x = np.array([[0.0], [0.1], [0.2], [4.0], [4.1], [4.2], [2.0], [2.1], [2.2]])
        >>> head = ClassPrototypes(2).fit(x, [0, 0, 0, 0, 0, 0, 1, 1, 1])
        >>> head.predict([[0.3], [1.9], [4.4]]).tolist()
        [0, 1, 0]
    """

    def __init__(self, prototypes: int = 4, *, seed: int = 0) -> None:
        self.prototypes = prototypes
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        check_number(self.prototypes, "prototypes", type(self).__name__, low=1, integer=True)
        rows, codes = class_codes(self, X, y)
        rows = np.asarray(rows, dtype=np.float64)
        centres, owners, shares, spent = [], [], [], 0.0
        for c in range(len(self.classes_)):
            inside = rows[codes == c]
            found, part = _k_means(inside, min(self.prototypes, max(1, len(inside) // ROWS_EACH)), self.seed)
            spent += float(((inside - found[part]) ** 2).sum())
            centres.append(found)
            owners.append(np.full(len(found), c))
            shares.append(np.bincount(part, minlength=len(found)) / len(rows))
        self.prototypes_, self.owner_ = np.concatenate(centres), np.concatenate(owners)
        self.share_ = np.log(np.maximum(np.concatenate(shares), 1e-12))
        total = float(((rows - rows.mean(axis=0)) ** 2).sum())
        # each centre uses one degree of freedom
        degrees = max(len(rows) - len(self.prototypes_), 1)
        self.variance_ = max(spent / degrees / _effective_dimension(rows), 1e-6 * total / len(rows), 1e-12)
        return self

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Log-likelihoods (n, C) up to a constant per row."""
        rows = np.asarray(checked_rows(self, X), dtype=np.float64)
        # x·m - ½‖m‖² = -½‖x - m‖² + ½‖x‖², and ‖x‖² is the same for all prototypes
        reach = rows @ self.prototypes_.T - 0.5 * np.einsum("pd,pd->p", self.prototypes_, self.prototypes_)
        near = reach / self.variance_ + self.share_
        return np.column_stack([logsumexp(near[:, self.owner_ == c], axis=1) for c in range(len(self.classes_))])

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, C)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The most probable label of each row."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


def _k_means(rows: Array, count: int, seed: int) -> tuple[Array, NDArray[np.intp]]:
    """At most ``count`` centres (p, d), and the position of each row's centre (n,)."""
    count = min(count, len(np.unique(rows, axis=0)))
    if count == 1:
        return rows.mean(axis=0, keepdims=True), np.zeros(len(rows), dtype=np.intp)
    found = KMeans(count, n_init=2, random_state=seed).fit(rows)
    return np.asarray(found.cluster_centers_, dtype=np.float64), found.labels_.astype(np.intp)


def _effective_dimension(rows: Array) -> float:
    """Participation ratio (Σ s²)² / Σ s⁴ of the centred rows: the number of directions in which they really vary."""
    centred = rows - rows.mean(axis=0)
    # X̃ᵀX̃ and X̃X̃ᵀ have the same trace Σ s² and squared Frobenius norm Σ s⁴: take the smaller one
    gram = centred.T @ centred if len(rows) >= rows.shape[1] else centred @ centred.T
    square = float(np.sum(gram**2))
    return float(np.trace(gram) ** 2 / square) if square > 0 else 1.0


@dataclass(frozen=True)
class PrototypesHead:
    """Prototypes of each class; one model per label for multi-label tasks.

    Attributes:
        name: ``"prototypes"``.
        tasks: the task kinds it supports.
        complexity: 2.

    Examples:
        >>> PROTOTYPES.make(Task("classification", ("a", "b")), n=10, d=2, seed=0)
        ClassPrototypes()
    """

    name: str = "prototypes"
    tasks: frozenset[str] = frozenset({"classification", "multilabel"})
    complexity: int = 2

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return per_output(ClassPrototypes(seed=seed), task)


PROTOTYPES = PrototypesHead()
