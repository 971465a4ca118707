"""Gradient boosting: histogram-based boosted trees on principal components.

References: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 2001; Ke et
al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NIPS 2017 (histograms).
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.principal_components import on_principal_components
from headstart.heads.estimator.protocols import Estimator
from headstart.tasks import is_regression
from headstart.types import Task

__all__ = ["BOOSTING", "BoostingHead"]

COMPONENTS = 64


@dataclass(frozen=True)
class BoostingHead:
    """scikit-learn's histogram gradient boosting on at most 64 principal components.

    Attributes:
        name: ``"boosting"``.
        tasks: the task kinds it supports.
        complexity: 3.

    References:
        Friedman, "Greedy function approximation: a gradient boosting machine", 2001; Ke et al., "LightGBM", 2017.

    Examples:
        >>> BOOSTING.make(Task("classification", ("a", "b")), n=200, d=2, seed=0)["head"].max_iter
        60
    """

    name: str = "boosting"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:
        """An unfitted estimator."""
        kind = HistGradientBoostingRegressor if is_regression(task) else HistGradientBoostingClassifier
        # the smallest leaf scales with n, so that a few dozen rows can still be split; no early stopping, which would
        # hold out a tenth of the rows
        head = kind(
            max_iter=60,
            max_leaf_nodes=15,
            min_samples_leaf=min(20, max(3, n // 30)),
            early_stopping=False,
            random_state=seed,
        )
        return per_output(on_principal_components(head, n=n, d=d, most=COMPONENTS, seed=seed), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        slow = task.num_outputs > 30 and n > 3000
        return f"one tree per round for each of {task.num_outputs} outputs on {n} rows is slow" if slow else ""


BOOSTING = BoostingHead()
