"""Errors of heads that are solved on subsamples of the training rows, each item judged by fits without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.curves.subsamples import NestedOrder
from headstart.heads import FeatureMap, SpectralHead
from headstart.heads.contenders.contender import Contender
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.problem import Problem
from headstart.heads.spectral.class_weights import row_weights
from headstart.rows import take_rows
from headstart.tasks import is_classification, is_regression, task_methods
from headstart.types import Rows, Task

__all__ = [
    "PENALTIES",
    "JudgedItems",
    "SizeErrors",
    "Subject",
    "errors_at",
    "item_errors",
    "judge_items",
    "solved_on",
]

Array = NDArray[np.float64]

PENALTIES = 9  # λ in the grid, one per decade: a curve needs many fits, and their loss is flat around the best λ


@dataclass(frozen=True, eq=False)
class Subject:
    """The training rows of a head, and how it is solved.

    Attributes:
        rows: (n, d) source rows.
        y: their labels as in `Dataset`.
        task: the label schema.
        feature_map: from source rows to head rows.
        head: the closed-form head.
        groups: (n,) codes of rows that are left out together; None if each row is its own group.
        class_weight: ``"balanced"`` or None.
        prior: (C, d) source rows of the class names, or None.
        seed: of the sample on which λ is chosen if there are more than 5,000 rows.
    """

    rows: Rows
    y: NDArray[Any]
    task: Task
    feature_map: FeatureMap
    head: SpectralHead
    groups: NDArray[np.int64] | None = None
    class_weight: str | None = None
    prior: NDArray[Any] | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class JudgedItems:
    """The items on which errors are counted.

    Attributes:
        rows: (N, num_features) their head rows.
        y: their labels.
        index: (N,) their positions among the training rows; None for held-out items.
        units: (N,) codes of items that are not independent; None if each is its own unit.
    """

    rows: NDArray[Any]
    y: NDArray[Any]
    index: NDArray[np.intp] | None = None
    units: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class SizeErrors:
    """Errors of the fits on subsamples of one size.

    Attributes:
        size: mean number of rows.
        draws: number of subsamples.
        errors: (N, p) mean error of each judged item over the fits without it; nan if every fit had it.
        spread: (1 + k,) variance of the mean error from subsample to subsample, over all items and for each class,
            label or target; nan for a single subsample.
    """

    size: float
    draws: int
    errors: Array
    spread: Array


def item_errors(outputs: Array, y: NDArray[Any], task: Task, variance: Array | None = None) -> Array:
    """The error of each item (N, p): 0 or 1 of a class, of each label, or the squared error of each target.

    Args:
        outputs: (N, k) calibrated outputs.
        y: labels as in `Dataset`.
        task: the label schema.
        variance: (k,) unit of the squared errors; default: the variance of ``y``, so that 1 - mean error is R².

    Examples:
        >>> item_errors(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), Task("classification", ("a", "b")))
        array([[0.],
               [1.]])
    """
    if is_classification(task):
        return np.asarray(outputs.argmax(axis=1) != y, dtype=np.float64)[:, None]
    targets = task_methods(task).targets(y, task.num_outputs)
    if not is_regression(task):
        return np.asarray((outputs >= 0.5) != (targets > 0.5), dtype=np.float64)
    unit = targets.var(axis=0) if variance is None else variance
    return np.asarray((outputs - targets) ** 2 / np.where(unit > 0, unit, 1.0))


def solved_on(subject: Subject, index: NDArray[np.intp]) -> Contender:
    """The head on some of the rows, at the λ (and weight of the class names) of their least leave-one-out loss.

    Args:
        subject: rows, labels and head.
        index: (m,) positions of the rows.

    Examples:
        >>> from headstart.heads.ridge import RIDGE
        >>> x, y = np.arange(8.0)[:, None], np.arange(8.0)[:, None]
        >>> subject = Subject(x, y, Task("regression", ("y",)), FeatureMap("rows", ((0, 1),), "none"), RIDGE)
        >>> solved_on(subject, np.arange(4)).solve().weight.round(3)
        array([[1.]])
    """
    y, groups = subject.y[index], None if subject.groups is None else subject.groups[index]
    weights = row_weights(y, subject.task, subject.class_weight)
    rows = take_rows(subject.rows, index)
    problem = Problem(rows, y, subject.task, (), groups, subject.seed, weights, subject.prior)
    found, _ = spectral_contenders(problem, [subject.feature_map], [subject.head], penalties=PENALTIES)
    return min(found, key=lambda contender: contender.candidate.loss)


def errors_at(
    subject: Subject, judged: JudgedItems, orders: Sequence[NestedOrder], size: int, variance: Array | None = None
) -> SizeErrors:
    """Errors of the fits on the first ``size`` rows of each order, for the judged items that the fit has not seen.

    Args:
        subject: rows, labels and head.
        judged: the items.
        orders: nested orders of the training rows.
        size: wanted number of rows.
        variance: as in `item_errors`.

    Examples:
        >>> from headstart.heads.ridge import RIDGE
        >>> x, y = np.arange(8.0)[:, None], np.arange(8.0)[:, None]
        >>> subject = Subject(x, y, Task("regression", ("y",)), FeatureMap("rows", ((0, 1),), "none"), RIDGE)
        >>> orders = [NestedOrder(np.arange(8), np.arange(1, 9))]
        >>> errors_at(subject, JudgedItems(x[6:], y[6:]), orders, 4).errors.round(3).ravel()
        array([0., 0.])
    """
    counted, sizes = [], []
    for order in orders:
        index = order.prefix(size)
        own = _errors_without(subject, index, judged, variance)
        if judged.index is not None:
            own[np.isin(judged.index, index)] = np.nan
        counted.append(own)
        sizes.append(len(index))
    every = np.stack(counted)  # (draws, N, p)
    seen = (~np.isnan(every)).sum(axis=0)
    errors = np.where(seen > 0, np.nansum(every, axis=0) / np.maximum(seen, 1), np.nan)
    # deviations from each item's own mean: which items a draw judges makes no difference
    means = np.array([_part_means(one - errors, judged.y, subject.task) for one in every])
    judges = float(seen.max())  # fits behind each item's mean
    spread = np.full(1 + subject.task.num_outputs, np.nan)
    if len(orders) > 1 and judges > 1:
        spread = np.square(means).mean(axis=0) * judges / (judges - 1)
    return SizeErrors(float(np.mean(sizes)), len(orders), errors, spread)


def _errors_without(subject: Subject, index: NDArray[np.intp], judged: JudgedItems, variance: Array | None) -> Array:
    if is_classification(subject.task):
        present = np.unique(subject.y[index])
        if len(present) == 1:  # nothing to tell apart: every item gets the only class
            return np.asarray(judged.y != present[0], dtype=np.float64)[:, None]
    return judge_items(subject, solved_on(subject, index), judged, variance)


def judge_items(subject: Subject, found: Contender, judged: JudgedItems, variance: Array | None = None) -> Array:
    """The error of each judged item (N, p) under a solved head.

    Args:
        subject: of which the head was solved.
        found: the solved head.
        judged: the items.
        variance: as in `item_errors`.

    Examples:
        >>> from headstart.heads.ridge import RIDGE
        >>> x, y = np.arange(8.0)[:, None], np.arange(8.0)[:, None]
        >>> subject = Subject(x, y, Task("regression", ("y",)), FeatureMap("rows", ((0, 1),), "none"), RIDGE)
        >>> judge_items(subject, solved_on(subject, np.arange(4)), JudgedItems(x[6:], y[6:])).round(3).ravel()
        array([0., 0.])
    """
    solution = found.solve()
    # in the type of the rows: float64 for rows of a fused or standardised source, else without a copy of them
    scores = judged.rows @ solution.weight.astype(judged.rows.dtype) + solution.bias
    outputs = task_methods(subject.task).outputs(scores, found.calibration)
    return item_errors(outputs, judged.y, subject.task, variance)


def _part_means(values: Array, y: NDArray[Any], task: Task) -> Array:
    """The mean over all items, and over those of each class, or of each column; 0 for a part without items."""
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    if is_classification(task):
        k = task.num_outputs
        sums, counts = np.bincount(y, filled[:, 0], k), np.bincount(y, seen[:, 0], k)
    else:
        sums, counts = filled.sum(axis=0), seen.sum(axis=0)
    every = filled.sum() / max(int(seen.sum()), 1)
    return np.append(every, sums / np.maximum(counts, 1))
