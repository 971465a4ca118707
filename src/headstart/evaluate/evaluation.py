"""All metrics of a set of predictions, each with its 95% interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError
from headstart.evaluate import metrics
from headstart.evaluate.formatting import figure
from headstart.evaluate.intervals.analytic import analytic_bounds, exact_names
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import base_kind, is_classification, is_regression, task_methods
from headstart.types import Task, TaskKind

__all__ = ["RANKING_RESAMPLES", "Evaluation", "Metric", "check_outputs", "evaluate_predictions"]

Array = NDArray[np.float64]
Table = Callable[[Array], dict[str, Array]]

RANKING_RESAMPLES = 200
"""Bootstrap resamples for ROC-AUC and average precision, which cost a sum over sorted items for each class."""

_NO_WIDTH = 1e-12  # a narrower interval has no width, except for rounding
_PER_CLASS = ("precision", "recall", "f1")
_PER_TARGET = ("r2", "mae", "rmse", "spearman")


@dataclass(frozen=True)
class Metric:
    """A value with its 95% interval.

    Attributes:
        value: the metric on all items; nan where it is undefined.
        low: lower bound.
        high: upper bound.

    Examples:
        >>> Metric(0.9, 0.8, 0.95).to_dict()
        {'value': 0.9, 'low': 0.8, 'high': 0.95}
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The value with its interval."""
        return figure(self.value, self.low, self.high)

    def to_dict(self) -> dict[str, float | None]:
        """Plain values for JSON; None for nan."""
        return {"value": _plain(self.value), "low": _plain(self.low), "high": _plain(self.high)}


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a set of predictions.

    Attributes:
        task: the kind of task.
        n: number of evaluated items.
        metrics: metrics by name; the main metric is first.
        per_class: for each label, precision, recall and F1 as metrics and ``support`` (its number of items); for each
            target of a regression, its R², MAE, RMSE and Spearman correlation.
        confusion: (C, C) counts by true class (row) and predicted class (column); None unless classification.
        labels: names of the classes, labels or targets.

    Examples:
        >>> Evaluation("regression", 2, {"r2": Metric(0.5, 0.1, 0.8)}, {}, None, ("price",)).main
        'r2'
    """

    task: TaskKind
    n: int
    metrics: Mapping[str, Metric]
    per_class: Mapping[str, Mapping[str, Metric | float]]
    confusion: NDArray[np.int64] | None = field(compare=False)
    labels: tuple[str, ...]

    @property
    def main(self) -> str:
        """Name of the main metric."""
        return next(iter(self.metrics))

    def __repr__(self) -> str:
        """The metrics, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = [(name.replace("_", " "), str(metric)) for name, metric in self.metrics.items()]
        return f"Evaluation: {self.task} on {self.n:,} items", shown

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for nan."""
        per_class = {
            label: {name: m.to_dict() if isinstance(m, Metric) else _plain(m) for name, m in row.items()}
            for label, row in self.per_class.items()
        }
        return {
            "task": self.task,
            "n": self.n,
            "metrics": {name: metric.to_dict() for name, metric in self.metrics.items()},
            "per_class": per_class,
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "labels": list(self.labels),
        }


def evaluate_predictions(
    task: Task,
    y: ArrayLike,
    outputs: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Evaluation:
    """Compute every metric of the task, each with a 95% interval.

    Shares of counts (accuracy, the precision, recall and F1 of a class, and for multi-label the subset accuracy,
    Hamming loss and micro F1) have Wilson's interval, with groups for the effective number of items. All other metrics
    have the percentile bootstrap over items, or over groups where they are given (ROC-AUC and average precision with
    `RANKING_RESAMPLES` resamples). A bootstrap interval is widened to contain the value itself and the bounds that
    follow from counts (`analytic_bounds`), so that a model without mistakes on a few items also has an interval. An
    interval without width is nan.

    Args:
        task: the label schema.
        y: truth: integer codes (n,), 0/1 (n, labels) or values (n, targets).
        outputs: (n, k) probabilities or values, one column for each of ``task.labels``.
        groups: (n,) names or codes of items that belong together (patient, speaker, near duplicates).
        seed: seed of the bootstrap; default 0.
        resamples: bootstrap resamples; default 1000.

    Returns:
        The evaluation.

    Raises:
        DataError: if the shapes do not fit or a number is not finite.

    Examples:
        >>> task = Task("classification", ("ant", "bee"))
        >>> proba = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.6, 0.4]]
        >>> evaluation = evaluate_predictions(task, [0, 0, 1, 1], proba)
        >>> evaluation.main, evaluation.metrics["accuracy"].value, round(evaluation.metrics["accuracy"].low, 3)
        ('accuracy', 0.75, 0.301)
        >>> evaluation.confusion
        array([[2, 0],
               [1, 1]])
    """
    truth, scores = check_outputs(task, y, outputs)
    kind, methods = base_kind(task), task_methods(task)
    cheap, costly = _TABLES[kind](scores, truth)
    results = _with_intervals(cheap, len(truth), groups, resamples, seed)
    results |= _with_intervals(costly, len(truth), groups, min(resamples, RANKING_RESAMPLES), seed)
    results |= _with_intervals(_own_table(task, scores, truth), len(truth), groups, resamples, seed)
    _widen(results, analytic_bounds(kind, scores, truth, groups), exact_names(kind))
    names = dict.fromkeys([methods.main_metric, *_ORDER[kind], *methods.metrics])
    return Evaluation(
        task=task.kind,
        n=len(truth),
        metrics={name: results[name][0] for name in names},
        per_class=_per_class(task, truth, results),
        confusion=metrics.confusion_matrix(scores, truth) if is_classification(task) else None,
        labels=task.labels,
    )


def check_outputs(task: Task, y: ArrayLike, outputs: ArrayLike) -> tuple[NDArray[Any], Array]:
    """Truth and outputs as arrays that fit the task and each other.

    Args:
        task: the label schema.
        y: truth as in `Dataset`.
        outputs: (n, k) probabilities or values; (n,) for a single target.

    Returns:
        Truth, codes as int64 (n,) or float64 (n, k), and outputs as float64 (n, k).

    Raises:
        DataError: if the shapes do not fit or a number is not finite.

    Examples:
        >>> check_outputs(Task("regression", ("price",)), [1.0], [2.0])
        (array([[1.]]), array([[2.]]))
    """
    scores, truth = np.asarray(outputs, np.float64), np.asarray(y)
    width = task.num_outputs
    if is_regression(task):
        scores, truth = (a[:, None] if a.ndim == 1 else a for a in (scores, truth))
    expected = (len(truth),) if is_classification(task) else (len(truth), width)
    if not len(truth) or truth.shape != expected or scores.shape != (len(truth), width):
        raise DataError(
            f"A {task.kind} with {width} outputs needs at least one item, one row of outputs for each item and "
            f"{width} columns; the truth has the shape {truth.shape} and the outputs {scores.shape}."
        )
    if not (np.isfinite(scores).all() and np.isfinite(truth.astype(np.float64)).all()):
        raise DataError("The truth and the outputs must be finite numbers. Got NaN or infinite ones among them.")
    if not is_classification(task):
        return truth.astype(np.float64), scores
    if truth.min() < 0 or truth.max() >= width:
        raise DataError(f"Class codes must lie in 0..{width - 1}. Got codes {truth.min()}..{truth.max()} instead.")
    return truth.astype(np.int64), scores


def _classification_tables(scores: Array, y: NDArray[Any]) -> tuple[Table, Table]:
    count, calibration_error = metrics.class_counter(scores, y), metrics.calibration_meter(scores, y)
    items = (metrics.hits(scores, y), metrics.item_log_loss(scores, y), metrics.item_brier(scores, y))
    every = np.stack(items, axis=1)  # (n, 3): one matrix product with the weights (..., n) averages all three

    def cheap(weights: Array) -> dict[str, Array]:
        counts, means = count(weights), metrics.weighted_mean(every, weights)
        return {
            "accuracy": means[..., 0],
            "balanced_accuracy": metrics.mean_defined(counts.recall),
            **_macro_table(counts, ("precision", "f1")),
            "log_loss": means[..., 1],
            "brier": means[..., 2],
            "ece": calibration_error(weights),
        }

    return cheap, _ranking_table(scores, y)


def _multilabel_tables(scores: Array, y: NDArray[Any]) -> tuple[Table, Table]:
    count = metrics.class_counter(scores, y)
    wrong = (scores >= 0.5) != (y > 0)
    items = (~wrong.any(axis=1), wrong.mean(axis=1), metrics.item_log_loss(scores, y), metrics.item_brier(scores, y))
    every = np.stack(items, axis=1)

    def cheap(weights: Array) -> dict[str, Array]:
        counts, means = count(weights), metrics.weighted_mean(every, weights)
        return {
            "micro_f1": counts.micro_f1,
            **_macro_table(counts, _PER_CLASS),
            "subset_accuracy": means[..., 0],
            "hamming_loss": means[..., 1],
            "log_loss": means[..., 2],
            "brier": means[..., 3],
        }

    return cheap, _ranking_table(scores, y)


def _regression_tables(values: Array, y: NDArray[Any]) -> tuple[Table, Table]:
    functions = {name: getattr(metrics, name) for name in _PER_TARGET}

    def cheap(weights: Array) -> dict[str, Array]:
        rows = {name: function(values, y, weights, per_target=True) for name, function in functions.items()}
        return {name: metrics.mean_defined(row) for name, row in rows.items()} | _prefixed(rows)

    return cheap, lambda _: {}


def _macro_table(counts: metrics.ClassCounts, names: tuple[str, ...]) -> dict[str, Array]:
    rows = {name: getattr(counts, name) for name in _PER_CLASS}
    return {f"macro_{name}": counts.macro(rows[name]) for name in names} | _prefixed(rows)


def _ranking_table(scores: Array, y: NDArray[Any]) -> Table:
    rank = metrics.class_ranker(scores, y)

    def table(weights: Array) -> dict[str, Array]:
        area, precision = rank(weights)
        return {"roc_auc": metrics.macro_area(area, y.ndim), "average_precision": metrics.mean_defined(precision)}

    return table


def _own_table(task: Task, scores: Array, y: NDArray[Any]) -> Table:
    """The metrics that only this kind of task has."""
    own = task_methods(task).metrics
    return lambda weights: {name: metric(scores, y, weights) for name, metric in own.items()}


def _prefixed(rows: dict[str, Array]) -> dict[str, Array]:
    return {f"each {name}": row for name, row in rows.items()}


_TABLES: Mapping[str, Callable[[Array, NDArray[Any]], tuple[Table, Table]]] = {
    "classification": _classification_tables,
    "multilabel": _multilabel_tables,
    "regression": _regression_tables,
}
_ORDER: Mapping[str, tuple[str, ...]] = {
    "classification": (
        *("accuracy", "balanced_accuracy", "macro_precision", "macro_f1"),  # macro recall is balanced accuracy
        *("log_loss", "brier", "ece", "roc_auc", "average_precision"),
    ),
    "multilabel": (
        *("average_precision", "roc_auc", "micro_f1", "macro_f1", "macro_precision", "macro_recall"),
        *("subset_accuracy", "hamming_loss", "log_loss", "brier"),
    ),
    "regression": _PER_TARGET,
}


def _with_intervals(
    table: Table, n: int, groups: ArrayLike | None, resamples: int, seed: int
) -> dict[str, list[Metric]]:
    """Each entry of the table, as one metric per column, from a single pass over the resamples."""
    exact = {name: np.atleast_1d(value) for name, value in table(np.ones(n)).items()}
    if not exact:
        return {}

    def columns(weights: Array) -> Array:
        # all entries side by side (resamples, columns), so that every metric is of the same resamples
        return np.column_stack(list(table(weights).values()))

    low, high = bootstrap(columns, n, groups=groups, resamples=resamples, seed=seed)
    values = np.concatenate(list(exact.values()))
    bounds = zip(values, np.minimum(low, values), np.maximum(high, values), strict=True)  # nan on either side stays nan
    every = [Metric(float(value), float(low), float(high)) for value, low, high in bounds]
    ends = np.cumsum([len(value) for value in exact.values()])
    return {name: every[end - len(value) : end] for (name, value), end in zip(exact.items(), ends, strict=True)}


def _widen(results: dict[str, list[Metric]], bounds: Mapping[str, tuple[Array, Array]], exact: tuple[str, ...]) -> None:
    """Replace bootstrap bounds by analytic ones (``exact``), or widen them to contain these; no width becomes nan."""
    for name, found in results.items():
        low, high = bounds.get(name, (np.full(len(found), np.nan),) * 2)
        results[name] = [
            _interval(Metric(m.value, a, b) if name in exact else _wider(m, a, b))
            for m, a, b in zip(found, low.tolist(), high.tolist(), strict=True)
        ]


def _wider(metric: Metric, low: float, high: float) -> Metric:
    """The interval, widened to contain ``low`` and ``high``, unless it is undefined."""
    if math.isnan(metric.low):
        return metric
    return Metric(metric.value, float(np.fmin(metric.low, low)), float(np.fmax(metric.high, high)))


def _interval(metric: Metric) -> Metric:
    low, high = min(metric.low, metric.value), max(metric.high, metric.value)  # nan on the left stays nan
    return (
        Metric(metric.value, low, high)
        if high - low > _NO_WIDTH * max(1.0, abs(high))
        else Metric(metric.value, math.nan, math.nan)
    )


def _per_class(task: Task, y: NDArray[Any], results: dict[str, list[Metric]]) -> dict[str, dict[str, Metric | float]]:
    names = _PER_TARGET if is_regression(task) else _PER_CLASS
    rows: dict[str, dict[str, Metric | float]] = {
        label: {name: results[f"each {name}"][c] for name in names} for c, label in enumerate(task.labels)
    }
    if not is_regression(task):
        support = np.bincount(y, minlength=len(rows)) if y.ndim == 1 else y.sum(axis=0)
        for row, count in zip(rows.values(), support, strict=True):
            row["support"] = int(count)
    return rows


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
