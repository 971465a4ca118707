"""Multilayer perceptron: on standardised principal components."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.neural_network import MLPClassifier, MLPRegressor

from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.principal_components import on_principal_components
from headstart.heads.estimator.protocols import Estimator
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["MLP", "MultilayerPerceptronHead"]

COMPONENTS = 128
EPOCHS = 100


@dataclass(frozen=True)
class MultilayerPerceptronHead:
    """scikit-learn's perceptron with one hidden layer of 128 ReLU units, on at most 128 principal components.

    Attributes:
        name: ``"mlp"``.
        tasks: the task kinds it supports.
        complexity: 3.

    References:
        Rumelhart, Hinton & Williams, 1986; Kingma & Ba, "Adam", ICLR 2015.

    Examples:
        >>> MLP.make(Task("classification", ("a", "b")), n=200, d=2, seed=0)["head"].hidden_layer_sizes
        (128,)
    """

    name: str = "mlp"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:
        """An unfitted estimator."""
        kind = MLPRegressor if is_regression(task) else MLPClassifier
        # few rows need more weight decay; below 300 rows "auto" makes one or two batches per epoch
        head = kind(
            hidden_layer_sizes=(128,), alpha=1.0 if n < 1000 else 0.1, batch_size=64 if n >= 300 else "auto",
            learning_rate_init=2e-3, max_iter=EPOCHS, random_state=seed,
        )  # fmt: skip
        return per_output(on_principal_components(head, n=n, d=d, most=COMPONENTS, seed=seed), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        fits = 1 if is_classification(task) else task.num_outputs
        return f"{EPOCHS} epochs over {n} rows for {fits} networks are slow" if n * fits > 50_000 else ""


MLP = MultilayerPerceptronHead()
