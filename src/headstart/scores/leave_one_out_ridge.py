"""Leave-one-out ridge: how well a ridge head on frozen features predicts rows that were left out of its fit.

The leave-one-out prediction for row i is y_i - (y_i - f_i)/(1 - h_i) (Allen 1974), for every λ from one spectrum; a
group is left out as one. A temperature turns predictions into probabilities. The score is the mean leave-one-out
log-likelihood at the best λ; for regression, minus the squared error in units of the target's variance.

References: Allen, "The relationship between variable selection and data augmentation and a method for prediction",
Technometrics 1974; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.checks import check_targets
from headstart.linear.leave_out import LeftOut, leave_one_group_out, leave_one_out
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.scores.inputs import check_classes, check_groups, check_rows, class_spectrum, draw_rows, one_hot
from headstart.scores.registry import EVERY_TASK, RegisteredScore
from headstart.tasks import is_classification, is_multilabel, task_methods
from headstart.types import Task

__all__ = ["LEAVE_ONE_OUT_ACCURACY", "LEAVE_ONE_OUT_RIDGE", "LeaveOneOutRidge", "leave_one_out_ridge"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LeaveOneOutRidge:
    """Leave-one-out results of a ridge head, at the λ with the lowest loss.

    Attributes:
        lam: the penalty λ.
        log_likelihood: the score, minus the mean of ``losses``.
        accuracy: leave-one-out accuracy, averaged over labels for a multi-label task; None for regression.
        losses: (m,) loss of each row: log-loss in nats, or squared error in units of the target's variance.
        rows: (m,) positions of these rows among those given.
    """

    lam: float
    log_likelihood: float
    accuracy: float | None
    losses: Array
    rows: NDArray[np.intp]


def leave_one_out_ridge(
    x: ArrayLike,
    y: ArrayLike,
    task: Task,
    *,
    groups: ArrayLike | None = None,
    lambdas: Iterable[float] | None = None,
    max_rows: int = 5000,
    seed: int = 0,
) -> LeaveOneOutRidge:
    """Exact leave-one-out losses of a ridge head, at the λ with the lowest mean loss.

    Args:
        x: (n, d) features.
        y: labels as in `Dataset`: (n,) codes, or (n, k) zeros and ones, or (n, k) values.
        task: the label schema.
        groups: (n,) codes or names of rows that are left out together; None if every row is its own group.
        lambdas: penalties above 0; default: the 17 values of `lambda_grid`.
        max_rows: above this number of rows, losses are computed for a random subset of this size (or complete groups),
            each row predicted by the fit on all others. With the default of 5,000 the standard error of the mean loss
            is 1.4 percent of the losses' standard deviation.
        seed: of that subset, default 0.

    Raises:
        ParameterError: if shapes, types or penalties are wrong.
        DataError: if features or targets are not finite, or there is only one class or one group.

    Examples:
        >>> x = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]])
        >>> found = leave_one_out_ridge(x, np.array([0, 0, 0, 1, 1, 1]), Task("classification", ("low", "high")))
        >>> found.accuracy, len(found.losses)
        (1.0, 6)
    """
    owner = "leave_one_out_ridge"
    x = check_rows(x, "x", owner, minimum=3)
    together = check_groups(groups, len(x), owner)
    truth, classes = _truth(y, len(x), task, owner)
    spectrum = class_spectrum(x, truth, classes) if classes else Spectrum.from_rows(x, truth)
    # the spectrum is that of all rows; only the losses are computed on a subset
    rows = draw_rows(len(x), max_rows, seed, together)
    truth = truth[rows]
    targets = one_hot(truth, classes) if classes else truth
    penalties = lambda_grid(spectrum) if lambdas is None else lambdas
    if together is None:
        path = leave_one_out(spectrum, x[rows], targets, penalties)
    else:
        path = leave_one_group_out(spectrum, x[rows], targets, together[rows], penalties)
    return max((_result_at(left, truth, task, rows) for left in path), key=lambda found: found.log_likelihood)


def _truth(y: ArrayLike, n: int, task: Task, owner: str) -> tuple[NDArray[Any], int]:
    """Class codes and the number of classes; for other tasks targets (n, k) and 0."""
    if is_classification(task):
        return check_classes(y, n, owner)
    return check_targets(y, n, owner, columns=task.num_outputs), 0


def _result_at(left: LeftOut, truth: NDArray[Any], task: Task, rows: NDArray[np.intp]) -> LeaveOneOutRidge:
    methods = task_methods(task)
    # calibrated on the same predictions: one parameter (two per label) fitted on m rows, so hardly optimistic
    outputs = methods.outputs(left.predictions, methods.calibrate(left.predictions, truth))
    losses = methods.loss(outputs, truth)
    return LeaveOneOutRidge(left.lam, -float(losses.mean()), _accuracy(outputs, truth, task), losses, rows)


def _accuracy(outputs: Array, truth: NDArray[Any], task: Task) -> float | None:
    if is_classification(task):
        return float((outputs.argmax(axis=1) == truth).mean())
    return float(((outputs > 0.5) == (truth > 0.5)).mean()) if is_multilabel(task) else None


def _ridge(x: ArrayLike, y: ArrayLike, task: Task, groups: ArrayLike | None, seed: int) -> float:
    return leave_one_out_ridge(x, y, task, groups=groups, seed=seed).log_likelihood


def _ridge_accuracy(x: ArrayLike, y: ArrayLike, task: Task, groups: ArrayLike | None, seed: int) -> float:
    accuracy = leave_one_out_ridge(x, y, task, groups=groups, seed=seed).accuracy
    return float("nan") if accuracy is None else accuracy


LEAVE_ONE_OUT_RIDGE = RegisteredScore("leave_one_out_ridge", EVERY_TASK, _ridge)
LEAVE_ONE_OUT_ACCURACY = RegisteredScore("leave_one_out_accuracy", EVERY_TASK - {"regression"}, _ridge_accuracy)
