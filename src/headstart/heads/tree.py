"""Decision tree: a classifier or regressor whose rules can be read.

Reference: Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984.
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from headstart.heads.estimator.protocols import Estimator
from headstart.tasks import is_regression
from headstart.types import Task

__all__ = ["TREE", "TreeHead"]


@dataclass(frozen=True)
class TreeHead:
    """scikit-learn's decision tree, with leaves of at least n/50 rows, bounded to 2 to 20.

    Attributes:
        name: ``"tree"``.
        tasks: the task kinds it supports.
        complexity: 2.

    References:
        Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984.

    Examples:
        >>> TREE.make(Task("classification", ("a", "b")), n=200, d=2, seed=0)
        DecisionTreeClassifier(min_samples_leaf=4, random_state=0)
    """

    name: str = "tree"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 2

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        kind = DecisionTreeRegressor if is_regression(task) else DecisionTreeClassifier
        estimator: Estimator = kind(min_samples_leaf=min(20, max(2, n // 50)), random_state=seed)
        return estimator


TREE = TreeHead()
