"""Diagrams of a report as plain values: reliability, risk and coverage, ROC, precision-recall, residuals, groups.

All are computed from held-out outputs, with Wilson's intervals, and bounded in size: they are part of ``metrics.json``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.wilson import wilson
from headstart.evaluate.metrics import mae, r2
from headstart.tasks import is_classification, is_multilabel, is_regression, task_methods
from headstart.types import Task

__all__ = ["binary_curves", "diagrams", "reliability_bins", "residual_points", "risk_coverage", "subgroups"]

Array = NDArray[np.float64]

BINS = 10
POINTS = 100  # of a curve
MOST_POINTS = 500  # of a scatter plot
MOST_TARGETS = 12
WANTED = (0.9, 0.95)  # sensitivities and specificities at which operating points are listed
MOST_GROUPS = 200
FEW_OF_A_GROUP = 2  # values whose R² is defined


def diagrams(task: Task, y: NDArray[Any], outputs: Array) -> dict[str, Any]:
    """The values of all diagrams that suit the task.

    Args:
        task: the label schema.
        y: (n, ...) truth as in `Dataset`.
        outputs: (n, k) held-out probabilities or values.

    Returns:
        Plain JSON values by diagram: ``reliability`` and ``risk_coverage`` of a classification, ``binary`` where there
        are two classes, ``reliability`` of labels, ``residuals`` of a regression.

    Examples:
        >>> task = Task("classification", ("ant", "bee"))
        >>> found = diagrams(task, np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.6, 0.4]]))
        >>> sorted(found), found["risk_coverage"]["aurc"]
        (['binary', 'reliability', 'risk_coverage'], 0.0625)
    """
    if is_regression(task):
        return {"residuals": residual_points(task, y, outputs)}
    if is_multilabel(task):
        return {"reliability": reliability_bins(outputs.ravel(), (np.asarray(y) > 0).ravel())}
    if not is_classification(task):
        return {}
    codes = np.asarray(y, dtype=np.intp)
    sure, right = outputs.max(axis=1), outputs.argmax(axis=1) == codes
    found: dict[str, Any] = {
        "reliability": reliability_bins(sure, right),
        "risk_coverage": risk_coverage(sure, right),
    }
    if task.num_outputs == 2 and 0 < codes.sum() < len(codes):
        found["binary"] = binary_curves(outputs[:, 1], codes == 1, task.labels[1])
    return found


def reliability_bins(sure: Array, right: NDArray[np.bool_], bins: int = BINS) -> list[dict[str, float]]:
    """The bins of a reliability diagram: mean confidence and the share that is right, with Wilson's 95% interval.

    The bins hold equally many items (Nguyen & O'Connor, EMNLP 2015), so that none rests on a few; items of equal
    confidence stay in one bin.

    Args:
        sure: (n,) probabilities.
        right: (n,) whether what they are the probability of is true.
        bins: the largest number of bins; default 10.

    Examples:
        >>> found = reliability_bins(np.array([0.6, 0.6, 0.9, 0.9]), np.array([True, False, True, True]), bins=2)
        >>> [(one["confidence"], one["share"], one["count"]) for one in found]
        [(0.6, 0.5, 2), (0.9, 1.0, 2)]
    """
    order = np.argsort(sure, kind="stable")
    sorted_sure = sure[order]
    # a border between two bins moves up to the next item whose confidence is another
    borders = np.linspace(0, len(sure), min(bins, len(sure)) + 1).round().astype(np.intp)[1:-1]
    starts = np.unique(np.searchsorted(sorted_sure, sorted_sure[borders], side="left")) if len(borders) else borders
    parts = [part for part in np.split(order, starts[starts > 0]) if len(part)]
    return [_bin(sure[part], right[part]) for part in parts]


def _bin(sure: Array, right: NDArray[np.bool_]) -> dict[str, float]:
    return {"confidence": float(sure.mean()), **_share(int(right.sum()), len(right)), "count": len(right)}


def _share(successes: int, n: int) -> dict[str, float]:
    low, high = wilson(successes, n)
    return {"share": successes / n, "low": low, "high": high}


def risk_coverage(sure: Array, right: NDArray[np.bool_]) -> dict[str, Any]:
    """The risk-coverage curve: the share of mistakes among the most certain items, by how many of them are answered.

    Reference: El-Yaniv & Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010; the area below
    it (AURC): Geifman, Uziel & El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019.

    Args:
        sure: (n,) confidence in the prediction of each item.
        right: (n,) whether it is right.

    Returns:
        ``points``, each with ``coverage``, the ``threshold`` of confidence, ``risk`` and its interval; and ``aurc``,
        the mean risk over all coverages, where items of equal confidence count as answered together.

    Examples:
        >>> found = risk_coverage(np.array([0.9, 0.8, 0.6, 0.5]), np.array([True, True, False, True]))
        >>> [(one["coverage"], round(one["risk"], 2)) for one in found["points"]]
        [(0.25, 0.0), (0.5, 0.0), (0.75, 0.33), (1.0, 0.25)]
    """
    order = np.argsort(-sure, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(sure[order]) != 0, True))  # the last item of each confidence
    wrong = np.cumsum(~right[order])[ends]
    risk = wrong / (ends + 1)
    aurc = float(np.repeat(risk, np.diff(np.append(-1, ends))).mean())
    chosen = np.unique(np.linspace(0, len(ends) - 1, min(POINTS, len(ends))).round().astype(np.intp))
    points = []
    for place in chosen.tolist():
        answered = int(ends[place]) + 1
        share = _share(int(wrong[place]), answered)
        points.append(
            {
                "coverage": answered / len(sure),
                "threshold": float(sure[order][ends[place]]),
                "risk": share["share"],
                "low": share["low"],
                "high": share["high"],
            }
        )
    return {"points": points, "aurc": aurc}


def binary_curves(score: Array, positive: NDArray[np.bool_], label: str) -> dict[str, Any]:
    """ROC and precision-recall curves of two classes, and sensitivity and specificity at chosen thresholds.

    Args:
        score: (n,) probability of the positive class.
        positive: (n,) whether an item belongs to it; both classes occur.
        label: the name of the positive class.

    Returns:
        ``points`` of the curves (threshold, sensitivity, specificity, precision), and ``thresholds``: the operating
        points with Wilson's 95% intervals. Thresholds other than 0.5 are chosen on these same items.

    Examples:
        >>> found = binary_curves(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, False, True, False]), "ill")
        >>> [(one["threshold"], one["sensitivity"], one["specificity"]) for one in found["points"]][:3]
        [(0.9, 0.5, 1.0), (0.8, 0.5, 0.5), (0.3, 1.0, 0.5)]
    """
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    hits = np.cumsum(positive[order])[ends]
    alarms = ends + 1 - hits
    many, others = int(positive.sum()), int((~positive).sum())
    chosen = np.unique(np.linspace(0, len(ends) - 1, min(2 * POINTS, len(ends))).round().astype(np.intp))
    thresholds = score[order][ends]
    points = [
        {
            "threshold": float(thresholds[i]),
            "sensitivity": float(hits[i] / many),
            "specificity": float(1 - alarms[i] / others),
            "precision": float(hits[i] / (ends[i] + 1)),
        }
        for i in chosen.tolist()
    ]
    operating = list(_operating_points(thresholds, hits / many, 1 - alarms / others))
    return {
        "positive": label,
        "share": many / len(score),
        "points": points,
        "thresholds": [{"name": name, **_rates(score >= at, positive), "threshold": at} for name, at in operating],
    }


def _operating_points(thresholds: Array, sensitivity: Array, specificity: Array) -> Iterator[tuple[str, float]]:
    """Names and thresholds of the operating points that are listed."""
    yield "0.5", 0.5
    yield "largest sensitivity + specificity", float(thresholds[int((sensitivity + specificity).argmax())])
    for wanted in WANTED:
        yield f"sensitivity at least {wanted:.0%}", float(thresholds[int((sensitivity >= wanted).argmax())])
    for wanted in WANTED:
        met = np.flatnonzero(specificity >= wanted)
        if len(met):
            yield f"specificity at least {wanted:.0%}", float(thresholds[met[-1]])


def _rates(called: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, Any]:
    pairs = {"sensitivity": (called, positive), "specificity": (~called, ~positive), "precision": (positive, called)}
    rates: dict[str, Any] = {}
    for name, (hit, among) in pairs.items():
        count = int(among.sum())
        rates[name] = _share(int((hit & among).sum()), count) if count else None
    return rates


def residual_points(task: Task, y: NDArray[Any], values: Array) -> list[dict[str, Any]]:
    """True and predicted values of each target, at most 500 items, evenly spaced in the order of the truth.

    Args:
        task: the label schema.
        y: (n, targets) true values.
        values: (n, targets) predictions.

    Examples:
        >>> task = Task("regression", ("price",))
        >>> residual_points(task, np.array([[3.0], [1.0]]), np.array([[2.5], [1.5]]))
        [{'target': 'price', 'truth': [1.0, 3.0], 'predicted': [1.5, 2.5], 'count': 2}]
    """
    truth = task_methods(task).targets(y, task.num_outputs)
    found = []
    for column, target in enumerate(task.labels[:MOST_TARGETS]):
        order = np.argsort(truth[:, column], kind="stable")
        shown = order[np.unique(np.linspace(0, len(order) - 1, min(MOST_POINTS, len(order))).round().astype(np.intp))]
        found.append(
            {
                "target": target,
                "truth": truth[shown, column].tolist(),
                "predicted": values[shown, column].tolist(),
                "count": len(order),
            }
        )
    return found


def subgroups(
    task: Task, y: NDArray[Any], outputs: Array, groups: Sequence[str] | NDArray[np.str_]
) -> dict[str, Any] | None:
    """The main figure of each group, such as each patient or site, the lowest first; None for a single group.

    Classification: accuracy with Wilson's interval. Several labels: the share of labels that are right. Regression: the
    mean absolute error, and R² where it is defined; the largest error comes first.

    Args:
        task: the label schema.
        y: (n, ...) truth.
        outputs: (n, k) held-out outputs.
        groups: (n,) names of groups.

    Examples:
        >>> task = Task("classification", ("ant", "bee"))
        >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        >>> found = subgroups(task, np.array([0, 1, 1]), proba, ["a", "a", "b"])
        >>> found["measure"], [(one["group"], one["items"], one["value"]) for one in found["rows"]]
        ('accuracy', [('a', 2, 0.5), ('b', 1, 1.0)])
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return None
    rows = [_group(task, y[codes == code], outputs[codes == code], str(name)) for code, name in enumerate(names)]
    worst = -1.0 if is_regression(task) else 1.0
    rows.sort(key=lambda row: (worst * row["value"], row["group"]))
    measure = "mae" if is_regression(task) else "accuracy" if is_classification(task) else "label_accuracy"
    return {"measure": measure, "groups": len(rows), "rows": rows[:MOST_GROUPS]}


def _group(task: Task, y: NDArray[Any], outputs: Array, name: str) -> dict[str, Any]:
    if is_regression(task):
        own = float(r2(outputs, y)) if len(y) >= FEW_OF_A_GROUP else math.nan
        found: Mapping[str, Any] = {"value": float(mae(outputs, y)), "r2": own if math.isfinite(own) else None}
    else:
        right = outputs.argmax(axis=1) == y if is_classification(task) else (outputs >= 0.5) == (np.asarray(y) > 0)
        share = _share(int(right.sum()), right.size)
        # labels of one item are not independent, so only single labels have an interval
        ends = {key: share[key] for key in ("low", "high")} if is_classification(task) else {}
        found = {"value": share["share"], **ends}
    return {"group": name, "items": len(y), **found}
