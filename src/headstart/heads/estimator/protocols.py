"""Protocols of estimators: the required interface, and optional abilities that are checked at run time.

Every estimator has ``fit``. Optional abilities are recognised by their methods, so a new estimator needs no
registration, and estimators of scikit-learn or of users work unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ChoosesParameters", "Estimator", "LeaveOneOutScores", "Linear"]

Array = NDArray[np.float64]


@runtime_checkable
class Estimator(Protocol):
    """An estimator in scikit-learn's sense: it has ``fit``, and one of the methods that `scoring` looks for.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> isinstance(GaussianNB(), Estimator), isinstance("ridge", Estimator)
        (True, False)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Any:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels as in `Dataset`; returns the estimator itself."""
        ...


@runtime_checkable
class LeaveOneOutScores(Estimator, Protocol):
    """An estimator that computes its own leave-one-out (or cross-validated) scores, so that no folds are needed.

    Examples:
        >>> from headstart.heads.knn import KNearestNeighbours
        >>> from sklearn.naive_bayes import GaussianNB
        >>> isinstance(KNearestNeighbours(), LeaveOneOutScores), isinstance(GaussianNB(), LeaveOneOutScores)
        (True, False)
    """

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803
        """Fit, and return scores (n, c) of each row as if it, or its group, had not been in the training data."""
        ...


@runtime_checkable
class ChoosesParameters(Estimator, Protocol):
    """An estimator that chooses its own hyperparameters (k, λ, ...) and reports them, for a refit without a search.

    Examples:
        >>> from headstart.heads.knn import KNearestNeighbours
        >>> KNearestNeighbours().fit([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]).chosen_params()
        {'k': 3}
    """

    def chosen_params(self) -> Mapping[str, Any]:
        """The chosen parameters by name, for ``set_params``; only of a fitted estimator."""
        ...

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name, as every estimator of scikit-learn does."""
        ...


@runtime_checkable
class Linear(Estimator, Protocol):
    """An estimator whose scores are a linear map of the rows, and which is stored as weight and bias.

    Examples:
        >>> from headstart.heads.logistic import MultinomialLogisticRegression
        >>> head = MultinomialLogisticRegression(lam=0.1).fit([[0.0], [0.2], [2.0], [2.2]], [0, 0, 1, 1])
        >>> isinstance(head, Linear), head.linear_map(2)[0].shape
        (True, (1, 2))
    """

    def linear_map(self, num_outputs: int) -> tuple[Array, Array] | None:
        """Weight (d, num_outputs) and bias (num_outputs,) of the fitted estimator; None if it is not linear."""
        ...
