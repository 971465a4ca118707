"""Outputs of several models for the same items, and the differences of any two of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.evaluate import metrics
from headstart.evaluate.intervals.bootstrap import expanded_bounds, expanded_tail, resampled
from headstart.evaluate.intervals.combined import combined_bounds
from headstart.evaluate.intervals.paired_tests import holm, sign_flip, swap_test
from headstart.evaluate.intervals.shares import paired_shares
from headstart.evaluate.metrics.main_metric import main_meter
from headstart.evaluate.pairs.result import ALPHA, ClassDifference, Difference, Pair
from headstart.tasks import is_classification, is_multilabel, is_regression, task_methods
from headstart.types import Task, group_codes

__all__ = ["PairedOutputs"]

Array = NDArray[np.float64]
Bounds = tuple[float, float]

RESAMPLES, MOST_RESAMPLES, BEYOND = 2_000, 10_000, 20  # BEYOND: resamples outside of each bound
_NO_WIDTH = 1e-12
_CLASS_PAIRS = 2_000  # of models times models times classes, beyond which classes are not compared


@dataclass(frozen=True, eq=False)
class PairedOutputs:
    """Outputs of m models for n items, with the bootstrap draws that their pairs share.

    Attributes:
        task: the label schema.
        truth: as `headstart.evaluate.evaluation.check_outputs` returns it.
        outputs: for each model (n, k) probabilities or values.
        groups: (n,) codes of items that belong together; None where all are independent.
        seed: of the draws.
        units: number of items or groups that are independent of each other.
        losses: (n, m) loss of each item; absolute error for a regression.
        parts: (n, m) values whose mean is the main metric; None for a metric that is no mean over items.
        right: (n, m) whether the answer is right; None for a regression.
        draws: (resamples, 2m) main metric and mean loss of each model on each resample.

    Examples:
        >>> y, sure = np.arange(20) % 2, np.eye(2)[np.arange(20) % 2]
        >>> sides = PairedOutputs.of(Task("classification", ("a", "b")), y, [sure, 1 - sure], None, 0)
        >>> sides.test, sides.p_values(0, 1)[0] < 1e-5
        ("McNemar's exact test", True)
    """

    task: Task
    truth: NDArray[Any]
    outputs: Sequence[Array]
    groups: NDArray[np.int64] | None
    seed: int
    units: int
    losses: Array
    parts: Array | None
    right: NDArray[np.bool_] | None
    draws: Array

    @classmethod
    def of(
        cls, task: Task, truth: NDArray[Any], outputs: Sequence[Array], groups: ArrayLike | None, seed: int
    ) -> PairedOutputs:
        """Compute what the pairs share."""
        n, count = len(truth), len(outputs)
        codes = None if groups is None else group_codes(groups, n)
        if codes is not None and codes.max() + 1 == n:
            codes = None
        units = n if codes is None else int(codes.max()) + 1
        losses = np.column_stack([_loss(task, one, truth) for one in outputs])
        meters = [main_meter(task, one, truth) for one in outputs]

        def statistic(weights: Array) -> Array:
            means = weights @ losses / weights.sum(axis=-1, keepdims=True)
            return np.column_stack([*(meter(weights) for meter in meters), means])

        pairs = count * (count - 1) // 2
        wanted = math.ceil(BEYOND / max(expanded_tail(units, 1 - ALPHA / pairs), 1e-9))
        draws, _ = resampled(
            statistic, n, groups=codes, resamples=min(max(RESAMPLES, wanted), MOST_RESAMPLES), seed=seed
        )
        return cls(
            task, truth, outputs, codes, seed, units, losses, _parts(task, outputs, truth),
            _right(task, outputs, truth), draws,
        )  # fmt: skip

    @property
    def loss_name(self) -> str:
        """What the loss is."""
        return "mean absolute error" if is_regression(self.task) else "loss"

    @property
    def test(self) -> str:
        """The test of the main metric, in words."""
        if self.parts is None:
            return "paired permutation test, which exchanges the outputs of both models"
        if self.right is None or not is_classification(self.task):
            return "paired permutation test"
        return "McNemar's exact test" if self.groups is None else "exact paired permutation test of groups"

    def p_values(self, i: int, j: int) -> tuple[float, float]:
        """Of the main metric and of the loss."""
        lost = sign_flip(self.losses[:, j] - self.losses[:, i], self.groups, seed=self.seed)
        if self.parts is not None:
            return sign_flip(self.parts[:, j] - self.parts[:, i], self.groups, seed=self.seed), lost
        both, twice = np.concatenate([self.outputs[i], self.outputs[j]]), np.concatenate([self.truth, self.truth])
        meter = main_meter(self.task, both, twice)
        return swap_test(meter, len(self.truth), self.groups, seed=self.seed), lost

    def pair(self, i: int, j: int, p: Sequence[float], p_holm: Sequence[float], margin: float) -> Pair:
        """Everything about two models, with the p-values of the main metric and of the loss."""
        count = len(self.outputs)
        pairs = count * (count - 1) // 2
        same = bool(np.array_equal(self.outputs[i], self.outputs[j]))
        value, lost = self._main(j) - self._main(i), float((self.losses[:, j] - self.losses[:, i]).mean())
        within = self._bounds(i, j, value, 1 - 2 * ALPHA / pairs)
        return Pair(
            i, j,
            Difference(value, *self._bounds(i, j, value, 1 - ALPHA), p[0], p_holm[0]),
            self._bounds(i, j, value, 1 - ALPHA / pairs),
            within,
            -margin < within[0] and within[1] < margin,
            Difference(lost, *self._drawn(count + i, count + j, lost, 1 - ALPHA), p[1], p_holm[1]),
            same,
            *self._only(i, j),
            None if self.parts is None else _fewest(self.parts[:, j] - self.parts[:, i]),
            self._classes(i, j),
        )  # fmt: skip

    def _main(self, k: int) -> float:
        return float(main_meter(self.task, self.outputs[k], self.truth)(np.ones(len(self.truth))))

    def _bounds(self, i: int, j: int, value: float, level: float) -> Bounds:
        if np.array_equal(self.outputs[i], self.outputs[j]):
            return 0.0, 0.0
        if self.right is not None and is_classification(self.task) and self.parts is not None:
            return paired_shares(self.right[:, j], self.right[:, i], self.groups, level)
        low, high = self._drawn(i, j, value, level)
        if high - low <= _NO_WIDTH:
            low, high = combined_bounds(self.task, self.truth, (self.outputs[j], self.outputs[i]), self.groups)
            low, high = (value + (bound - value) * _reach(level) for bound in (low, high))  # they are of level 0.95
        return low, high

    def _drawn(self, i: int, j: int, value: float, level: float) -> Bounds:
        """Bounds of the difference of two columns of the draws."""
        low, high = expanded_bounds(self.draws[:, j] - self.draws[:, i], self.units, level)
        return float(np.minimum(low, value)), float(np.maximum(high, value))

    def _only(self, i: int, j: int) -> tuple[int, int]:
        if self.right is None:
            lower = np.sign(self.losses[:, j] - self.losses[:, i])
            return int((lower > 0).sum()), int((lower < 0).sum())
        first, second = self.right[:, i], self.right[:, j]
        return int((first & ~second).sum()), int((second & ~first).sum())

    def _classes(self, i: int, j: int) -> tuple[ClassDifference, ...]:
        """Recall of each class, or the share of right decisions on each label; none for a regression."""
        labels = self.task.labels
        if is_regression(self.task) or len(labels) * len(self.outputs) ** 2 > _CLASS_PAIRS or self.right is None:
            return ()
        found = []
        for code in range(len(labels)):
            if is_multilabel(self.task):
                own = np.arange(len(self.truth))
                first, second = (((self.outputs[k][:, code] >= 0.5) == (self.truth[:, code] > 0)) for k in (i, j))
            else:
                own = np.flatnonzero(self.truth == code)
                first, second = self.right[own, i], self.right[own, j]
            if len(own):
                groups = None if self.groups is None else self.groups[own]
                change = second.astype(np.float64) - first
                low, high = paired_shares(second, first, groups)
                count = int((self.truth[:, code] > 0).sum()) if is_multilabel(self.task) else len(own)
                p = sign_flip(change, groups, seed=self.seed)
                found.append((labels[code], count, float(change.mean()), low, high, p))
        corrected = holm([one[5] for one in found]).tolist()
        return tuple(
            ClassDifference(value, low, high, p, p_holm, label, count)
            for (label, count, value, low, high, p), p_holm in zip(found, corrected, strict=True)
        )


def _loss(task: Task, outputs: Array, truth: NDArray[Any]) -> Array:
    if is_regression(task):
        return np.asarray(np.abs(outputs - truth).mean(axis=1))
    return task_methods(task).loss(outputs, truth)


def _parts(task: Task, outputs: Sequence[Array], truth: NDArray[Any]) -> Array | None:
    """(n, models) values whose mean over the items is the main metric; None for a metric that is no such mean."""
    name = task_methods(task).main_metric
    if name == "accuracy":
        return np.column_stack([metrics.hits(one, truth) for one in outputs]).astype(np.float64)
    if name != "r2" or is_classification(task) or is_multilabel(task):
        return None
    defined = ~np.isnan(metrics.r2(outputs[0], truth, per_target=True))
    if not defined.any():
        return None
    # R² = mean over items of 1 - e² / variance, averaged over targets
    variance = truth[:, defined].var(axis=0)
    return np.column_stack([1.0 - ((one - truth)[:, defined] ** 2 / variance).mean(axis=1) for one in outputs])


def _right(task: Task, outputs: Sequence[Array], truth: NDArray[Any]) -> NDArray[np.bool_] | None:
    if is_classification(task):
        return np.column_stack([metrics.hits(one, truth) > 0 for one in outputs])
    if is_multilabel(task):
        return np.column_stack([((one >= 0.5) == (truth > 0)).all(axis=1) for one in outputs])
    return None


def _fewest(differences: Array) -> int:
    """The least number of items without which the sum of the differences would be zero or of the other sign."""
    total = float(differences.sum())
    favouring = np.sort(differences * math.copysign(1.0, total))[::-1]
    if abs(total) <= _NO_WIDTH * len(differences):
        return 0
    left = abs(total) - np.cumsum(favouring)
    return int(np.argmax(left <= _NO_WIDTH * len(differences))) + 1


def _reach(level: float) -> float:
    """Half the width of a normal interval of this level, in units of that of 95%."""
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2) / ndtri(1 - ALPHA / 2))
