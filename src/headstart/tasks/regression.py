"""Regression: one or several numbers per item; the scores are the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.tasks.registry import Calibration, Metric
from headstart.types import Task

__all__ = ["REGRESSION", "Regression"]


@dataclass(frozen=True)
class Regression:
    """One or several numbers per item.

    Attributes:
        base: its own name.
        main_metric: ``"r2"``, the coefficient of determination.

    Examples:
        >>> REGRESSION.decode(np.array([[1.5]]), Task("regression", ("price",)))
        [1.5]
        >>> REGRESSION.loss(np.array([[1.0], [3.0]]), np.array([[1.0], [5.0]]))
        array([0., 1.])
    """

    main_metric: str = "r2"
    base: str = "regression"
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    problem_type: str = "regression"
    parameters: tuple[str, ...] = ()

    def encode(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> NDArray[Any]:
        """Values (n, targets)."""
        self.check(labels, task)
        return np.asarray(labels, dtype=np.float64).reshape(len(labels), task.num_outputs)

    def check(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> None:
        """Raise unless there are as many finite numbers for each item as targets."""
        try:
            values = np.asarray(labels, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"The values of a regression must be numbers. Got {labels!r:.80} instead.") from None
        if values.size != len(labels) * task.num_outputs or not np.isfinite(values).all():
            raise DataError(
                f"A regression with {task.num_outputs} targets needs that many finite numbers for each of "
                f"{len(labels)} items. Got an array of shape {values.shape} instead."
            )

    def targets(self, y: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
        """The values (n, targets)."""
        return np.asarray(y, dtype=np.float64).reshape(len(y), num_outputs)

    def calibrate(
        self,
        scores: NDArray[np.float64],  # noqa: ARG002 (one contract)
        y: NDArray[Any],  # noqa: ARG002
        sample_weight: NDArray[np.float64] | None = None,  # noqa: ARG002
    ) -> Calibration:
        """Nothing: least-squares values need no calibration."""
        return {}

    def outputs(self, scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:  # noqa: ARG002
        """The values themselves (n, targets)."""
        return scores

    def loss(self, outputs: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Squared error of each item in units of each target's variance, averaged over targets."""
        targets = self.targets(y, outputs.shape[1])
        variance = targets.var(axis=0)
        return np.asarray(((outputs - targets) ** 2 / np.where(variance > 0, variance, 1.0)).mean(axis=1))

    def decode(self, outputs: NDArray[np.float64], task: Task) -> list[Any]:
        """A number, or a list of numbers where there are several targets."""
        return [float(row[0]) if len(task.labels) == 1 else [float(v) for v in row] for row in outputs]


REGRESSION = Regression()
