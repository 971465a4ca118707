"""Siamese metric learning: a projection in which rows of the same class are close, then k nearest neighbours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.principal_components import on_principal_components
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.knn import KNearestNeighbours
from headstart.linear.checks import unit_rows
from headstart.tasks import is_multilabel
from headstart.types import Task

__all__ = ["SIAMESE", "SiameseHead", "SiameseMetric"]

Array = NDArray[np.float64]
COMPONENTS = 64
MOST_ROWS = 1500  # the loss is over all pairs of rows
STEPS = 30


class SiameseMetric(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Neighbourhood components analysis on principal components, then k nearest neighbours by cosine.

    Both rows of a pair go through the same projection, trained so that the neighbours of a row have its class.

    Args:
        width: output columns of the projection, default 32.
        seed: of the optimiser, and of the training subset if there are more than 1,500 rows; default 0.

    Attributes:
        classes_: (C,) sorted labels.
        projection_: the fitted pipeline.
        neighbours_: the fitted `KNearestNeighbours` on projected rows.

    References:
        Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", 1993; Goldberger et al.,
        "Neighbourhood Components Analysis", NeurIPS 2004.

    Examples:
        >>> x = np.array([[0.0, 5.0], [0.2, -4.0], [0.1, 1.0], [2.0, 4.0], [2.2, -5.0], [2.1, 0.0]])
        >>> head = SiameseMetric().fit(x, ["low"] * 3 + ["high"] * 3)
        >>> head.similarity(x[:1], x[1:2]) > head.similarity(x[:1], x[3:4])
        array([ True])
    """

    def __init__(self, width: int = 32, *, seed: int = 0) -> None:
        self.width = width
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        rows, codes = class_codes(self, X, y)
        n, d = rows.shape
        few = np.sort(np.random.default_rng(self.seed).permutation(n)[:MOST_ROWS])
        width = max(1, min(self.width, d, len(few) // 2))
        learnt = NeighborhoodComponentsAnalysis(width, init="pca", max_iter=STEPS, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.projection_: Pipeline = on_principal_components(
                learnt, n=len(few), d=d, most=COMPONENTS, seed=self.seed
            ).fit(rows[few], codes[few])
        self.neighbours_ = KNearestNeighbours(kind="classification").fit(self.projection_.transform(rows), codes)
        return self

    def transform(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Projected rows (n, width)."""
        return np.asarray(self.projection_.transform(checked_rows(self, X)), dtype=np.float64)

    def similarity(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Cosine similarity (n,) of n pairs of rows (n, d) after the projection, from -1 to 1."""
        check_is_fitted(self)
        left, right = self.transform(a), self.transform(b)
        return np.asarray(np.einsum("nd,nd->n", unit_rows(left), unit_rows(right)))

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Log-probabilities (n, C) of the classes among the neighbours."""
        return self.neighbours_.decision_function(self.transform(X))

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Weighted class frequencies (n, C) among the neighbours."""
        return self.neighbours_.predict_proba(self.transform(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The label with the largest weight among the neighbours."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


@dataclass(frozen=True)
class SiameseHead:
    """Siamese head; one model per label for multi-label tasks.

    Attributes:
        name: ``"siamese"``.
        tasks: the task kinds it supports.
        complexity: 3.

    Examples:
        >>> SIAMESE.make(Task("classification", ("a", "b")), n=10, d=2, seed=0)
        SiameseMetric()
    """

    name: str = "siamese"
    tasks: frozenset[str] = frozenset({"classification", "multilabel"})
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return per_output(SiameseMetric(seed=seed), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        return f"its loss over all pairs of {n} rows is slow" if n > 3000 or (is_multilabel(task) and n > 500) else ""


SIAMESE = SiameseHead()
