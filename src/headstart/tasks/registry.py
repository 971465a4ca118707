"""The registry of task kinds and what each of them has to provide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.registry import Registry
from headstart.types import Task

__all__ = ["TASKS", "Calibration", "TaskMethods", "task_methods"]

Calibration = Mapping[str, NDArray[np.float64]]


@runtime_checkable
class TaskMethods(Protocol):
    """What a kind of task provides; one frozen dataclass a kind, registered in `TASKS`.

    A head gives *scores* (n, k), one column an output; ``calibrate`` turns left-out scores into a calibration, and
    ``outputs`` turns scores into what a user reads: probabilities or values.
    """

    main_metric: str

    def targets(self, y: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
        """The (n, k) matrix that a least-squares head is fitted to."""
        ...

    def calibrate(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Calibration:
        """Parameters that make ``outputs`` of left-out ``scores`` (n, k) trustworthy."""
        ...

    def outputs(self, scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
        """Calibrated probabilities or values (n, k)."""
        ...

    def loss(self, outputs: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """The proper loss of each item (n,); heads are chosen by its mean over left-out items."""
        ...

    def decode(self, outputs: NDArray[np.float64], task: Task) -> list[Any]:
        """What to tell the user for each item: a label, a list of labels, a number or a list of numbers."""
        ...


TASKS: Registry[TaskMethods] = Registry("task")
TASKS.register("classification", "headstart.tasks.classification:CLASSIFICATION")
TASKS.register("multilabel", "headstart.tasks.multilabel:MULTILABEL")
TASKS.register("regression", "headstart.tasks.regression:REGRESSION")


def task_methods(task: Task) -> TaskMethods:
    """The methods of a task's kind.

    Raises:
        UnknownNameError: if no such kind is registered.

    Examples:
        >>> task_methods(Task("regression", ("price",))).main_metric
        'r2'
    """
    return TASKS[task.kind]
