"""Analytic intervals: Wilson's for shares of counts, and minimum widths for metrics that depend on such shares.

A bootstrap resamples only the items at hand: where a model makes no mistake on forty items, no resample holds one, and
the interval has no width. Wilson's interval of a share does not have this fault. So shares have Wilson's interval, and
the bootstrap interval of any other metric is widened to what the intervals of the shares behind it allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.evaluate import metrics
from headstart.evaluate.intervals.shares import auc_interval, effective_size, f1_bounds, mean_bounds, share_bounds
from headstart.evaluate.intervals.wilson import wilson
from headstart.types import TaskKind, group_codes

__all__ = ["analytic_bounds", "exact_names"]

Array = NDArray[np.float64]
Bounds = tuple[Array, Array]
Groups = NDArray[np.intp] | None

ROUNDING = 1e-9
_EACH = ("each precision", "each recall", "each f1")
_EXACT: Mapping[str, tuple[str, ...]] = {
    "classification": ("accuracy", *_EACH),
    "multilabel": ("subset_accuracy", "hamming_loss", "micro_f1", *_EACH),
    "regression": (),
}


def exact_names(kind: TaskKind) -> tuple[str, ...]:
    """The metrics that are shares of counts, whose interval is analytic.

    Args:
        kind: of the task.

    Examples:
        >>> exact_names("classification")
        ('accuracy', 'each precision', 'each recall', 'each f1')
    """
    return _EXACT[kind]


def analytic_bounds(
    kind: TaskKind, outputs: Array, y: NDArray[Any], groups: ArrayLike | None = None
) -> dict[str, Bounds]:
    """Bounds of the metrics that follow from counts.

    - Shares have Wilson's interval, with groups for the effective number of items. F1 is a monotone function of a share
      and has the bounds of that share.
    - Means over classes combine the bounds of the classes (MOVER). Precision and recall of different classes are of
      different items, hence uncorrelated. For F1, ROC-AUC and average precision a mistake costs two of the C classes,
      so any two of them have the correlation 1 / (C - 1).
    - Average precision is treated as a share of the positives (Boyd et al. 2013).
    - Log-loss and Brier score change by the cost of as many mistakes, more or fewer, as accuracy's interval allows. The
      calibration error is bounded by the gaps between the mean confidence and the bounds of accuracy.
    - For regression, a target that is predicted exactly may still be predicted no better than by the mean on the share
      of items that Wilson's interval allows.

    Args:
        kind: of the task.
        outputs: (n, k) probabilities or values, as `check_outputs` gives them.
        y: truth as `check_outputs` gives it.
        groups: (n,) names or codes of items that belong together, or None.

    Returns:
        Lower and upper bounds (m,) by name: m is 1, or the number of labels for the names that begin with ``each``.

    References:
        Boyd, Eng & Page (2013), Area under the Precision-Recall Curve: Point Estimates and Confidence Intervals.

    Examples:
        >>> found = analytic_bounds("classification", np.eye(2)[[0, 1] * 20], np.array([0, 1] * 20))
        >>> [(name, found[name][0].round(3).tolist()) for name in ("accuracy", "macro_f1", "each recall")]
        [('accuracy', [0.912]), ('macro_f1', [0.912]), ('each recall', [0.839, 0.839])]
    """
    codes = None if groups is None else group_codes(groups, len(y))
    if codes is not None and codes.max() + 1 == len(codes):
        codes = None
    if kind == "regression":
        return _regression(outputs, y, codes)
    has, decided = _has_and_decided(kind, outputs, y)
    every = [_of_class(has[:, c], decided[:, c], outputs[:, c], codes) for c in range(outputs.shape[1])]
    found = {f"each {name}": _column(every, name) for name in ("precision", "recall", "f1")}
    return found | _means(kind, every) | _of_items(kind, outputs, y, codes)


def _has_and_decided(kind: TaskKind, outputs: Array, y: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if kind == "multilabel":
        return y > 0, outputs >= 0.5
    classes = np.arange(outputs.shape[1])
    return y[:, None] == classes, outputs.argmax(axis=1)[:, None] == classes


def _of_class(has: NDArray[np.bool_], decided: NDArray[np.bool_], score: Array, codes: Groups) -> dict[str, Any]:
    """Values and bounds of one class; nan where undefined."""
    own = partial(_part, codes)
    either, hit = has | decided, has & decided
    total = float(either.sum())
    area, precision = (float(value) for value in _rankings(has, score))
    positives, negatives = _units(has, codes), _units(~has, codes)
    return {
        "occurs": total > 0,
        "has items": bool(has.any()),
        "precision": (_mean(hit[decided]), share_bounds(hit[decided], own(decided))),
        "recall": (_mean(hit[has]), share_bounds(hit[has], own(has))),
        "f1": (_f1(hit, either), f1_bounds(float(hit.sum()), total, effective_size(hit[either], own(either)))),
        "roc_auc": (area, auc_interval(area, positives, negatives)),
        "average_precision": (precision, _share_of(precision, positives)),
    }


def _part(codes: Groups, chosen: NDArray[np.bool_]) -> Groups:
    return None if codes is None else codes[chosen]


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _f1(hit: NDArray[np.bool_], either: NDArray[np.bool_]) -> float:
    share = _mean(hit[either])
    return 2 * share / (1 + share)


def _units(chosen: NDArray[np.bool_], codes: Groups) -> float:
    """The number of chosen items, or of groups among them."""
    return float(chosen.sum()) if codes is None else float(len(np.unique(codes[chosen])))


def _rankings(has: NDArray[np.bool_], score: Array) -> tuple[Array, Array]:
    area, precision = metrics.class_rankings(score[:, None], has[:, None].astype(float))
    return area[..., 0], precision[..., 0]


def _share_of(value: float, units: float) -> tuple[float, float]:
    return (float("nan"),) * 2 if np.isnan(value) or units == 0 else wilson(min(value, 1.0) * units, units)


def _column(every: list[dict[str, Any]], name: str) -> Bounds:
    low, high = np.array([one[name][1] for one in every]).T
    return low, high


def _means(kind: TaskKind, every: list[dict[str, Any]]) -> dict[str, Bounds]:
    """Bounds of the means over classes; each mean is over the classes for which it is defined."""
    together = 1 / max(len(every) - 1, 1)
    occurs, present = [one for one in every if one["occurs"]], [one for one in every if one["has items"]]
    found = {
        "balanced_accuracy": _average(present, "recall", 0.0),
        "macro_recall": _average(occurs, "recall", 0.0),
        "macro_precision": _average(occurs, "precision", 0.0),
        "macro_f1": _average(occurs, "f1", together),
        "average_precision": _average(present, "average_precision", together),
    }
    if kind == "classification" and len(every) == 2:  # the area is the same for both classes
        return found | {"roc_auc": _average(every[1:], "roc_auc", 0.0)}
    return found | {"roc_auc": _average([one for one in every if not np.isnan(one["roc_auc"][0])], "roc_auc", together)}


def _average(every: list[dict[str, Any]], name: str, correlation: float) -> Bounds:
    values = np.nan_to_num([one[name][0] for one in every])  # in a mean, 0/0 counts as 0
    lows, highs = np.array([one[name][1] for one in every]).reshape(-1, 2).T
    return _one(mean_bounds(values, lows, highs, correlation))


def _of_items(kind: TaskKind, outputs: Array, y: NDArray[Any], codes: Groups) -> dict[str, Bounds]:
    """Bounds of shares of items, of losses and of the calibration error."""
    if kind == "classification":
        right = metrics.hits(outputs, y)
        confidence = float(outputs.max(axis=1).mean())
        accuracy = share_bounds(right, codes)
        gaps = [abs(confidence - bound) for bound in accuracy]
        known = not accuracy[0] <= confidence <= accuracy[1]  # then a gap of zero is excluded
        found = {"accuracy": _one(accuracy), "ece": _one((min(gaps) if known else np.nan, max(gaps)))}
        return found | _losses(outputs, y, accuracy, {"log_loss": 1.0, "brier": 1.0})
    n, labels = outputs.shape
    cells = np.repeat(np.arange(n) if codes is None else codes, labels)
    has, decided = y.ravel() > 0, outputs.ravel() >= 0.5
    either, right = has | decided, has == decided
    share = share_bounds(right, cells)
    size = effective_size((has & decided)[either], cells[either])
    both = np.column_stack([1 - outputs.ravel(), outputs.ravel()])
    return {
        "subset_accuracy": _one(share_bounds(right.reshape(n, labels).all(axis=1), codes)),
        "hamming_loss": _one((1 - share[1], 1 - share[0])),
        "micro_f1": _one(f1_bounds(float((has & decided).sum()), float(either.sum()), size)),
        **_losses(both, has.astype(np.intp), share, {"log_loss": 1.0, "brier": 0.5}),
    }


def _one(bounds: tuple[float, float]) -> Bounds:
    return np.array([bounds[0]]), np.array([bounds[1]])


def _losses(
    outputs: Array, y: NDArray[Any], accuracy: tuple[float, float], scale: Mapping[str, float]
) -> dict[str, Bounds]:
    """Bounds of mean losses, with as many mistakes as the bounds of accuracy allow, each at its mean cost."""
    best = outputs.argmax(axis=1)
    rest = outputs.copy()
    rest[np.arange(len(rest)), best] = -np.inf
    runner_up, right = rest.argmax(axis=1), best == y
    share = float(right.mean())
    found = {}
    for name, loss in (("log_loss", metrics.item_log_loss), ("brier", metrics.item_brier)):
        mean = float(loss(outputs, y).mean())
        cost = loss(outputs, runner_up) - loss(outputs, best)  # (n,) what a mistake adds to the loss of each item
        added = float(cost[right].mean()) if right.any() else 0.0
        saved = float(np.minimum(cost, loss(outputs, y) - loss(outputs, best))[~right].mean()) if share < 1 else 0.0
        low, high = mean - (accuracy[1] - share) * saved, mean + (share - accuracy[0]) * added
        found[name] = _one((max(0.0, low) * scale[name], high * scale[name]))
    return found


def _regression(values: Array, y: Array, codes: Groups) -> dict[str, Bounds]:
    """Bounds for exactly predicted targets: as many items as Wilson's interval allows may have the error of the mean.

    They are nan for other targets, whose errors the bootstrap can resample.
    """
    units = len(y) if codes is None else int(codes.max()) + 1
    hidden = 1 - share_bounds(np.ones(units))[0]
    spread, away = y.std(axis=0), np.abs(y - y.mean(axis=0)).mean(axis=0)
    exact = np.abs(values - y).max(axis=0) <= ROUNDING * spread
    pairs = share_bounds(np.ones(max(1, units // 2)))[0]  # share of pairs of items in the right order
    # Kendall's τ = 2 pairs - 1 of a bivariate normal to its Spearman correlation: 6/π arcsin(sin(πτ/2) / 2)
    order = 6 / np.pi * np.arcsin(np.sin(np.pi * (2 * pairs - 1) / 2) / 2)
    sorted_as = metrics.spearman(values, y, per_target=True)
    none = np.full(y.shape[1], np.nan)
    each = {
        "r2": (np.where(exact, 1 - hidden, np.nan), none),
        "mae": (none, np.where(exact, hidden * away, np.nan)),
        "rmse": (none, np.where(exact, np.sqrt(hidden) * spread, np.nan)),
        "spearman": (
            np.where(sorted_as >= 1 - ROUNDING, order, np.nan),
            np.where(sorted_as <= -1 + ROUNDING, -order, np.nan),
        ),
    }
    means = {name: (np.array([low.mean()]), np.array([high.mean()])) for name, (low, high) in each.items()}
    return means | {f"each {name}": bounds for name, bounds in each.items()}
