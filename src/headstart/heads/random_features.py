"""Random Fourier features: an RBF kernel in closed form, with a principal projection in front where asked for.

Rows z become φ(z) = √(2/D) cos(Ωz/s + u), with Ω normal, u uniform on [0, 2π) and s the bandwidth times the median
distance between rows, so that φ(z)ᵀφ(z') approximates exp(-‖z - z'‖²/2s²). The head on top is ridge or LDA with exact
leave-one-out, logistic regression, or nearest neighbours. Neither the projection nor the features see a label, so
leave-one-out has an error of order 1/n only through the projection, the median and the mean.

Command: headstart fit DATA --head random_features

References: Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from headstart.heads.contenders.closed_form import ClosedForm
from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.scores import accuracy_or_r2
from headstart.heads.knn import KNearestNeighbours
from headstart.heads.logistic import MultinomialLogisticRegression
from headstart.linear.checks import CHUNK
from headstart.params import check_choice, check_number
from headstart.tasks import base_kind
from headstart.types import Task, TaskKind

__all__ = ["RANDOM_FEATURES", "RandomFeatures", "RandomFeaturesHead"]

Array = NDArray[np.float64]
FEATURES = 1024
PAIRED = 500  # rows whose distances give the median
INNER = ("ridge", "lda", "logistic", "knn")


class RandomFeatures(BaseEstimator):  # type: ignore[misc]
    """A head on principal components, random Fourier features, or both.

    Args:
        head: ``"ridge"``, ``"lda"``, ``"logistic"`` or ``"knn"``; logistic and lda only for classification.
        projection: number of principal components that are kept; 0 for all columns.
        features: number of random features; 0 for none.
        bandwidth: of the kernel, as a multiple of the median distance between rows; default 1.
        kind: ``"classification"``, ``"multilabel"`` or ``"regression"``.
        seed: of the features, default 0.

    Attributes:
        classes_: (C,) sorted labels of a classification, else None.
        mean_: (d,) of the rows.
        components_: (d, r) principal directions; empty (0, 0) without a projection.
        frequencies_, phases_: (r or d, D) and (D,), with the bandwidth in them; empty without random features.
        inner_: the fitted head.

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)      # a circle, which no linear head can draw
        >>> head = RandomFeatures("ridge", features=256).fit(x, y)
        >>> float((head.predict(x) == y).mean()) > 0.95
        True
    """

    classes_: Any

    def __init__(
        self,
        head: str = "ridge",
        *,
        projection: int = 0,
        features: int = FEATURES,
        bandwidth: float = 1.0,
        kind: TaskKind = "classification",
        seed: int = 0,
    ) -> None:
        self.head = head
        self.projection = projection
        self.features = features
        self.bandwidth = bandwidth
        self.kind = kind
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,), 0/1 columns (n, k) or values (n,) or (n, k)."""
        self.inner_ = self._inner().fit(self._expanded(X, y), y)
        return self

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Fit, and return the leave-one-out (or leave-one-group-out) scores (n, k)."""
        inner, rows = self._inner(), self._expanded(X, y)
        if isinstance(inner, ClosedForm):
            scores = inner.fit_left_out(rows, y, groups)
        else:
            scores = inner.left_out_scores(rows, y, groups)
        self.inner_ = inner
        return scores

    def _inner(self) -> ClosedForm | KNearestNeighbours | MultinomialLogisticRegression:
        check_choice(self.head, "head", "RandomFeatures", INNER)
        if self.head == "knn":
            return KNearestNeighbours(kind=self.kind)
        if self.head == "logistic":
            check_choice(self.kind, "kind", "RandomFeatures with a logistic head", ("classification",))
            return MultinomialLogisticRegression(seed=self.seed)
        return ClosedForm(self.head, self.kind)

    def _expanded(self, X: ArrayLike, y: ArrayLike) -> Array:  # noqa: N803
        """Draw projection and features for rows, and map them."""
        check_number(self.projection, "projection", "RandomFeatures", low=0, integer=True)
        check_number(self.features, "features", "RandomFeatures", low=0, integer=True)
        check_number(self.bandwidth, "bandwidth", "RandomFeatures", low=0, open_low=True)
        if self.kind == "classification":
            rows, _ = class_codes(self, X, y)
        else:
            rows, self.classes_ = np.asarray(X), None
            self.n_features_in_ = rows.shape[1]
        rows = rows.astype(np.float64)
        self.mean_ = rows.mean(axis=0)
        centred = rows - self.mean_
        self.components_ = _principal(centred, self.projection) if self.projection else np.empty((0, 0))
        reduced = centred @ self.components_ if self.projection else centred
        rng = np.random.default_rng(self.seed)
        width = self.features
        spread = _median_distance(reduced) * self.bandwidth if width else 1.0
        self.frequencies_ = rng.normal(size=(reduced.shape[1] if width else 0, width)) / spread
        self.phases_ = rng.uniform(0, 2 * np.pi, width)
        return self._mapped(reduced)

    def _mapped(self, reduced: Array) -> Array:
        if not self.phases_.size:
            return reduced
        return np.asarray(np.cos(reduced @ self.frequencies_ + self.phases_) * np.sqrt(2 / self.phases_.size))

    def transform(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """The rows (n, r or D) that the inner head sees."""
        check_is_fitted(self)
        centred = checked_rows(self, X) - self.mean_
        return self._mapped(centred @ self.components_ if self.components_.size else centred)

    def fit_transform(self, X: ArrayLike, y: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Draw projection and features for rows, and map them; no head is fitted."""
        return self._expanded(X, y)

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Scores (n, k) of the inner head."""
        rows = np.asarray(X)
        parts = [self.inner_.decision_function(self.transform(rows[i : i + CHUNK])) for i in range(0, len(rows), CHUNK)]
        return np.concatenate(parts)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Labels (n,), 0/1 columns or values."""
        return np.asarray(self.inner_.predict(self.transform(X)))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803 (scikit-learn's name)
        """Accuracy, or R² of a regression."""
        return accuracy_or_r2(self.kind, y, self.predict(X))

    def chosen_params(self) -> dict[str, Any]:
        """The parameters, for a refit on other rows."""
        names = ("head", "projection", "features", "bandwidth")
        return dict(zip(names, (self.head, self.projection, self.features, self.bandwidth), strict=True))


def _principal(centred: Array, count: int) -> Array:
    """The first principal directions (d, r), each with its largest entry above 0; r is at most the rank."""
    n, d = centred.shape
    if n < d:
        values, left = np.linalg.eigh(centred @ centred.T)
        keep = [k for k in range(n - 1, -1, -1) if values[k] > values[-1] * 1e-12][:count]
        vectors = centred.T @ left[:, keep] / np.sqrt(values[keep])
    else:
        values, right = np.linalg.eigh(centred.T @ centred)
        keep = [k for k in range(d - 1, -1, -1) if values[k] > values[-1] * 1e-12][:count]
        vectors = right[:, keep]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return np.asarray(vectors * signs)


def _median_distance(rows: Array) -> float:
    """The median Euclidean distance between two of at most 500 rows; 1 where all are equal."""
    some = rows[:: max(1, len(rows) // PAIRED)][:PAIRED]
    squares = (some**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * some @ some.T, 0.0))
    apart = distances[np.triu_indices(len(some), 1)]
    return float(np.median(apart)) or 1.0 if apart.size else 1.0


@dataclass(frozen=True)
class RandomFeaturesHead:
    """Ridge on random Fourier features; an architecture search chooses the numbers.

    Attributes:
        head: the head on top.
        projection: number of principal components that are kept; 0 for all columns.
        features: number of random features; 0 for none.
        bandwidth: as a multiple of the median distance between rows.
        name: ``"random_features"``.
        tasks: the task kinds it supports.
        complexity: 2.

    Examples:
        >>> RANDOM_FEATURES.make(Task("regression", ("y",)), n=50, d=3, seed=1).features
        1024
    """

    head: str = "ridge"
    projection: int = 0
    features: int = FEATURES
    bandwidth: float = 1.0
    name: str = "random_features"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 2

    def make(self, task: Task, *, n: int, d: int, seed: int) -> RandomFeatures:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return RandomFeatures(
            self.head, projection=self.projection, features=self.features, bandwidth=self.bandwidth,
            kind=base_kind(task), seed=seed,
        )  # fmt: skip

    def like(self, fitted: Estimator) -> RandomFeaturesHead:
        """The head with the structure of a fitted estimator."""
        return replace(self, **fitted.chosen_params()) if isinstance(fitted, RandomFeatures) else self

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head: it approximates the kernel of another one."""
        return "the head 'svm' has the same kernel; name it, or 'headstart search' tries it"


RANDOM_FEATURES = RandomFeaturesHead()
