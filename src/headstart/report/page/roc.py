"""ROC and precision-recall curves of two classes, and the table of operating points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.curves import operating_point, precision_recall_points, roc_points
from headstart.report.content.words import shortened
from headstart.report.page.axes import Axes, nice_ticks, svg
from headstart.report.page.elements import table

__all__ = ["operating_table", "precision_recall_plot", "roc_plot"]

Binary = Mapping[str, Any]
TICKS = [(value, f"{value:.0%}") for value, _ in nice_ticks(0, 1)]


def roc_plot(binary: Binary) -> str:
    """Sensitivity against the share of false alarms; the dashed line is chance, the mark the threshold 0.5.

    Args:
        binary: from `headstart.evaluate.diagrams.binary_curves`.

    Examples:
        >>> point = {"threshold": 0.9, "sensitivity": 0.8, "specificity": 0.9, "precision": 0.7}
        >>> roc_plot({"positive": "ill", "share": 0.5, "points": [point], "thresholds": []}).count('class="curve"')
        1
    """
    axes = Axes((0.0, 1.0), (0.0, 1.0))
    half = operating_point(binary, "specificity", "sensitivity")
    parts = [
        axes.frame(TICKS, TICKS, "false alarms (1 - specificity)", "sensitivity"),
        axes.path([(0.0, 0.0), (1.0, 1.0)], "ideal"),
        axes.path(roc_points(binary), steps=True),
        axes.dot(1 - half[0], half[1], "mark", 5, "threshold 0.5") if half else "",
    ]
    return svg(parts, "ROC curve", f"sensitivity for {shortened(binary['positive'])} against the share of false alarms")


def precision_recall_plot(binary: Binary) -> str:
    """Precision against sensitivity (recall); the dashed line is the share of the positive class.

    Args:
        binary: as for `roc_plot`.

    Examples:
        >>> point = {"threshold": 0.9, "sensitivity": 0.8, "specificity": 0.9, "precision": 0.7}
        >>> plot = precision_recall_plot({"positive": "ill", "share": 0.5, "points": [point], "thresholds": []})
        >>> plot.count('class="ideal"')
        1
    """
    axes = Axes((0.0, 1.0), (0.0, 1.0))
    half = operating_point(binary, "sensitivity", "precision")
    parts = [
        axes.frame(TICKS, TICKS, "sensitivity (recall)", "precision"),
        axes.path([(0.0, binary["share"]), (1.0, binary["share"])], "ideal"),
        axes.path(precision_recall_points(binary)),
        axes.dot(*half, "mark", 5, "threshold 0.5") if half else "",
    ]
    return svg(parts, "Precision-recall curve", f"precision for {shortened(binary['positive'])} against sensitivity")


def operating_table(binary: Binary) -> str:
    """Sensitivity, specificity and precision at chosen thresholds, with 95% intervals.

    Args:
        binary: as for `roc_plot`.

    Examples:
        >>> share = {"share": 0.9, "low": 0.8, "high": 0.95}
        >>> point = {"name": "0.5", "threshold": 0.5, "sensitivity": share, "specificity": share, "precision": None}
        >>> "90.0% (80.0% to 95.0%)" in operating_table({"positive": "ill", "thresholds": [point]})
        True
    """
    rows = [
        (
            one["name"],
            f"{one['threshold']:.3f}",
            *(_rate(one[key]) for key in ("sensitivity", "specificity", "precision")),
        )
        for one in binary["thresholds"]
    ]
    header = ("Operating point", "Threshold", "Sensitivity", "Specificity", "Precision")
    return table("Operating points, with Wilson's 95% intervals", header, rows, numeric=(1, 2, 3, 4))


def _rate(share: Mapping[str, float] | None) -> str:
    if share is None:
        return "undefined"
    return f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})"
