"""The accuracy matrix of a stream of tasks, and the metrics of continual learning with their intervals.

References: Lopez-Paz & Ranzato 2017, "Gradient Episodic Memory for Continual Learning" (average accuracy, backward
transfer); Chaudhry et al. 2018, "Riemannian Walk for Incremental Learning" (forgetting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.evaluate.evaluation import Metric
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.evaluate.intervals.wilson import wilson

__all__ = ["AccuracyMatrix", "average_accuracy", "backward_transfer", "forgetting_of_tasks"]

Array = NDArray[np.float64]


def average_accuracy(matrix: Array) -> Array:
    """Mean accuracy over all tasks after the last step: ACC = 1/T Σ_i R[T, i].

    Args:
        matrix: (..., T, T); entry [t, i] is the accuracy on the test items of task i after step t.

    Examples:
        >>> float(average_accuracy(np.array([[0.9, np.nan], [0.7, 0.8]])))
        0.75
    """
    return np.asarray(matrix[..., -1, :].mean(axis=-1))


def backward_transfer(matrix: Array) -> Array:
    """How much later steps changed the accuracy on earlier tasks: BWT = 1/(T-1) Σ_{i<T} (R[T, i] - R[i, i]).

    Args:
        matrix: as in `average_accuracy`.

    Returns:
        The mean change, negative where tasks were forgotten; nan for a single task.

    Examples:
        >>> round(float(backward_transfer(np.array([[0.9, np.nan], [0.7, 0.8]]))), 6)
        -0.2
    """
    first = np.diagonal(matrix, axis1=-2, axis2=-1)[..., :-1]
    return _mean(matrix[..., -1, :-1] - first)


def forgetting_of_tasks(matrix: Array) -> Array:
    """How far the accuracy on each earlier task is below its best: f_i = max_{i <= t < T} R[t, i] - R[T, i].

    Args:
        matrix: as in `average_accuracy`.

    Returns:
        (..., T - 1); their mean is the forgetting of the stream. Negative where a task is better than ever before.

    Examples:
        >>> found = forgetting_of_tasks(np.array([[0.9, np.nan, np.nan], [0.95, 0.8, np.nan], [0.7, 0.9, 0.6]]))
        >>> found.round(6).tolist()
        [0.25, -0.1]
    """
    steps = matrix.shape[-1]
    seen = np.tril(np.ones((steps, steps), dtype=bool))
    before = np.where(seen, matrix, -np.inf)[..., :-1, :-1]
    return np.asarray(before.max(axis=-2, initial=-np.inf) - matrix[..., -1, :-1])


@dataclass(frozen=True, eq=False)
class AccuracyMatrix:
    """Right and wrong answers for the test items of each task, after each step of a stream.

    Intervals come from a bootstrap over the test items of all tasks; an item's answers after all steps stay together,
    since steps are compared on the same items. Accuracies of one step have Wilson's interval. An interval without width
    is nan.

    Attributes:
        tasks: T names, in the order of the stream.
        hits: for each step t its answers: for each task i <= t, (n_i,) 1 for a right answer and 0 for a wrong one.

    Raises:
        DataError: if a task has no test items, or answers are missing.

    Examples:
        >>> found = AccuracyMatrix(("a", "b"), [[np.array([1, 1, 1, 1])], [np.array([1, 1, 0, 0]), np.array([1, 0])]])
        >>> found.matrix.tolist()
        [[1.0, nan], [0.5, 0.5]]
        >>> {name: metric.value for name, metric in found.metrics().items()}
        {'average_accuracy': 0.5, 'backward_transfer': -0.5, 'forgetting': 0.5}
    """

    tasks: tuple[str, ...]
    hits: Sequence[Sequence[NDArray[Any]]]

    def __post_init__(self) -> None:
        sizes = [len(part) for part in self.hits[-1]] if self.hits else []
        whole = len(self.hits) == len(self.tasks) and all(
            [len(part) for part in step] == sizes[: t + 1] for t, step in enumerate(self.hits)
        )
        if not whole or not sizes or 0 in sizes:
            raise DataError(
                f"An accuracy matrix needs the answers for the test items of every task so far after each of "
                f"{len(self.tasks)} steps. Got {[[len(part) for part in step] for step in self.hits]} answers; give "
                "every task test items, the same after each step."
            )

    @property
    def matrix(self) -> Array:
        """R (T, T): [t, i] is the accuracy on task i after step t; nan where i comes after t."""
        found = np.full((len(self.tasks), len(self.tasks)), np.nan)
        for t, step in enumerate(self.hits):
            found[t, : t + 1] = [float(np.mean(part)) for part in step]
        return found

    def metrics(self, *, seed: int = 0, resamples: int = 1000) -> dict[str, Metric]:
        """Average accuracy, backward transfer and forgetting, each with its 95% interval.

        The last two are nan for a single task.

        Args:
            seed: of the bootstrap.
            resamples: its number of resamples.
        """
        value = _stream_metrics(self.matrix[None])[0]
        low, high = bootstrap(
            lambda weights: _stream_metrics(self._resampled(weights)), self._items, resamples=resamples, seed=seed
        )
        names = ("average_accuracy", "backward_transfer", "forgetting")
        return {name: _metric(*row) for name, *row in zip(names, value, low, high, strict=True)}

    def per_task(self, *, seed: int = 0, resamples: int = 1000) -> dict[str, dict[str, Metric]]:
        """For each task its accuracy when it was learnt and after the last step, and its forgetting, with intervals.

        Args:
            seed: of the bootstrap.
            resamples: its number of resamples.
        """
        matrix, last = self.matrix, len(self.tasks) - 1
        found: dict[str, dict[str, Metric]] = {}
        if last:
            value = forgetting_of_tasks(matrix)
            low, high = bootstrap(
                lambda weights: forgetting_of_tasks(self._resampled(weights)), self._items, resamples=resamples,
                seed=seed,
            )  # fmt: skip
        for i, name in enumerate(self.tasks):
            found[name] = {"learnt": self._accuracy(i, i), "last": self._accuracy(last, i)}
            if i < last:
                found[name]["forgetting"] = _metric(value[i], low[i], high[i])
        return found

    def after(self, step: int) -> Metric:
        """The accuracy on the test items of all tasks so far after a step, each item counted once.

        Args:
            step: from 0.
        """
        return _share(np.concatenate([np.asarray(part) for part in self.hits[step]]))

    @property
    def _items(self) -> int:
        return sum(len(part) for part in self.hits[-1])

    def _accuracy(self, step: int, task: int) -> Metric:
        return _share(np.asarray(self.hits[step][task]))

    def _resampled(self, weights: Array) -> Array:
        """R (b, T, T) on resamples, given multiplicities (b, items); nan where a resample holds no item of a task."""
        sizes = [len(part) for part in self.hits[-1]]
        parts = np.split(weights, np.cumsum(sizes)[:-1], axis=1)
        found = np.full((len(weights), len(self.tasks), len(self.tasks)), np.nan)
        for t, step in enumerate(self.hits):
            for i, answers in enumerate(step):
                with np.errstate(invalid="ignore"):
                    found[:, t, i] = parts[i] @ np.asarray(answers, np.float64) / parts[i].sum(axis=1)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for nan."""
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in self.matrix]
        return {
            "tasks": list(self.tasks),
            "items": [len(part) for part in self.hits[-1]],
            "matrix": rows,
            "after": [self.after(t).to_dict() for t in range(len(self.tasks))],
            "metrics": {name: metric.to_dict() for name, metric in self.metrics().items()},
            "per_task": {
                task: {name: metric.to_dict() for name, metric in row.items()} for task, row in self.per_task().items()
            },
        }


def _stream_metrics(matrix: Array) -> Array:
    """(b, 3) of R (b, T, T)."""
    forgotten = _mean(forgetting_of_tasks(matrix))
    return np.stack([average_accuracy(matrix), backward_transfer(matrix), forgotten], axis=-1)


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(axis=-1)) if values.shape[-1] else np.full(values.shape[:-1], np.nan)


def _metric(value: float, low: float, high: float) -> Metric:
    return Metric(float(value), float(low), float(high)) if high > low else Metric(float(value), np.nan, np.nan)


def _share(hits: NDArray[Any]) -> Metric:
    low, high = wilson(float(hits.sum()), len(hits))
    return Metric(float(hits.mean()), float(low), float(high))
