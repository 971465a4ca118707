"""The registry of task kinds, and the protocol of what each kind provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.registry import Registry
from headstart.types import Task

__all__ = [
    "TASKS",
    "CalibratesTogether",
    "Calibration",
    "TaskMethods",
    "base_kind",
    "base_task",
    "is_classification",
    "is_multilabel",
    "is_regression",
    "task_methods",
]

Calibration = Mapping[str, NDArray[np.float64]]
Metric = Callable[[NDArray[np.float64], NDArray[Any], NDArray[np.float64]], NDArray[np.float64]]


@runtime_checkable
class TaskMethods(Protocol):
    """What a kind of task provides; one frozen dataclass per kind, registered in `TASKS`.

    Labels have one of three formats: a code per item, 0 or 1 for each label, or values. A kind of task has the format
    of its ``base``, and with it everything that depends on the format alone: how labels are read, stratified and
    counted, which heads and scores apply, and the usual metrics. Targets, calibration, outputs, loss, decoded labels
    and the main metric are its own.

    Attributes:
        base: ``"classification"``, ``"multilabel"`` or ``"regression"``, whose format of labels and outputs it shares.
        main_metric: the main metric, of which larger is better: one of the base's or of ``metrics``.
        metrics: further metrics by name, functions of outputs (n, k), ``y`` and weights (..., n) that give (...,)
            values, as those of `headstart.evaluate.metrics`; empty for none.
        problem_type: its name in the configurations of transformers.
        parameters: names of the parameters that ``calibrate`` gives.

    A head gives *scores* (n, k), one column per output; ``calibrate`` turns out-of-fold scores into a calibration, and
    ``outputs`` turns scores into what a user reads: probabilities or values.
    """

    base: str
    main_metric: str
    metrics: Mapping[str, Metric]
    problem_type: str
    parameters: tuple[str, ...]

    def encode(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> NDArray[Any]:
        """Labels as a user writes them, as the ``y`` of a `Dataset`; raises `DataError` for one that doesn't fit."""
        ...

    def check(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> None:
        """Raise `DataError` unless labels as a user writes them have the shape that the task requires."""
        ...

    def targets(self, y: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
        """The (n, k) matrix that a least-squares head is fitted to."""
        ...

    def calibrate(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Calibration:
        """Calibration parameters of ``outputs``, fitted to out-of-fold ``scores`` (n, k) with weights (n,) or None."""
        ...

    def outputs(self, scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
        """Calibrated probabilities or values (n, k)."""
        ...

    def loss(self, outputs: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """The proper loss of each item (n,); heads are chosen by its mean over held-out items."""
        ...

    def decode(self, outputs: NDArray[np.float64], task: Task) -> list[Any]:
        """The prediction for each item: a label, a list of labels, a number or a list of numbers."""
        ...


@runtime_checkable
class CalibratesTogether(Protocol):
    """A kind of task that calibrates many arrays of scores of the same items faster in one call."""

    def calibrate_each(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> list[Calibration]:
        """What ``calibrate`` gives for each of scores (L, n, k)."""
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


def base_kind(task: Task) -> str:
    """The base kind of a task: ``"classification"``, ``"multilabel"`` or ``"regression"``, whose formats it shares.

    Raises:
        UnknownNameError: if no such kind is registered.

    Examples:
        >>> base_kind(Task("regression", ("price",)))
        'regression'
    """
    return TASKS[task.kind].base


def base_task(task: Task) -> Task:
    """The task as one of its base kind, for what depends on the format of labels alone.

    Examples:
        >>> base_task(Task("regression", ("price",))).kind
        'regression'
    """
    base = base_kind(task)
    return task if task.kind == base else replace(task, kind=base)


def is_classification(task: Task) -> bool:
    """Whether an item has one label, as a code.

    Examples:
        >>> is_classification(Task("classification", ("ant", "bee")))
        True
    """
    return base_kind(task) == "classification"


def is_multilabel(task: Task) -> bool:
    """Whether an item has any number of labels, 0 or 1 each.

    Examples:
        >>> is_multilabel(Task("multilabel", ("beach", "sunset")))
        True
    """
    return base_kind(task) == "multilabel"


def is_regression(task: Task) -> bool:
    """Whether an item has values.

    Examples:
        >>> is_regression(Task("regression", ("price",)))
        True
    """
    return base_kind(task) == "regression"
