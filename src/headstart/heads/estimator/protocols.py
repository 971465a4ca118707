"""What the estimator of a head has to do, and what it may do beside: small Protocols that are asked for at run time.

Every estimator fits. What else one of this package can do is said by the methods that it has, so that a new one is
served by being written, and one of scikit-learn, or of a user, is served as it is.
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
    """An estimator in scikit-learn's sense: it is fitted, and has one of the methods that `scoring` finds.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> isinstance(GaussianNB(), Estimator), isinstance("ridge", Estimator)
        (True, False)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Any:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels as in `Dataset`; gives the estimator itself."""
        ...


@runtime_checkable
class LeaveOneOutScores(Estimator, Protocol):
    """An estimator that knows what it would say of each row without that row, which spares the folds.

    Examples:
        >>> from headstart.heads.knn import KNearestNeighbours
        >>> from sklearn.naive_bayes import GaussianNB
        >>> isinstance(KNearestNeighbours(), LeaveOneOutScores), isinstance(GaussianNB(), LeaveOneOutScores)
        (True, False)
    """

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803
        """Fit, and give scores (n, c) of each row as if it, or its whole group, had not been fitted."""
        ...


@runtime_checkable
class ChoosesParameters(Estimator, Protocol):
    """An estimator that chooses parameters of its own (k, λ, ...), and says which, to fit more rows without a choice.

    Examples:
        >>> from headstart.heads.knn import KNearestNeighbours
        >>> KNearestNeighbours().fit([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]).chosen_params()
        {'k': 3}
    """

    def chosen_params(self) -> Mapping[str, Any]:
        """The chosen parameters by name, for ``set_params``; asked of a fitted estimator."""
        ...

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name, as every estimator of scikit-learn does."""
        ...


@runtime_checkable
class Linear(Estimator, Protocol):
    """An estimator whose scores are one linear map of the rows, and which is kept as that.

    Examples:
        >>> from headstart.heads.logistic import MultinomialLogisticRegression
        >>> head = MultinomialLogisticRegression(lam=0.1).fit([[0.0], [0.2], [2.0], [2.2]], [0, 0, 1, 1])
        >>> isinstance(head, Linear), head.linear_map(2)[0].shape
        (True, (1, 2))
    """

    def linear_map(self, num_outputs: int) -> tuple[Array, Array] | None:
        """Weight (d, num_outputs) and bias (num_outputs,) of the fitted estimator; None where it is not linear."""
        ...
