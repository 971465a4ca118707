"""ROC and precision-recall curves of two classes on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headstart.report.content.curves import operating_point, precision_recall_points, roc_points
from headstart.report.figures.canvas import MODEL, OTHER, WRONG, new_axes, percentages, shown_names, text_options

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_precision_recall", "draw_roc"]

Binary = Mapping[str, Any]


def draw_roc(binary: Binary, ax: Axes | None = None) -> Axes:
    """Sensitivity against the share of false alarms; dashed: chance. The mark is the threshold 0.5.

    Args:
        binary: from `headstart.evaluate.diagrams.binary_curves`.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> point = {"threshold": 0.9, "sensitivity": 0.8, "specificity": 0.9, "precision": 0.7}
        >>> draw_roc({"positive": "ill", "share": 0.5, "points": [point], "thresholds": []}).get_title()
        'ROC curve of ill'
    """
    ax = _square(ax, f"ROC curve of {_name(binary)}")
    ax.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1)
    ax.plot(*zip(*roc_points(binary), strict=True), color=MODEL, linewidth=2, drawstyle="steps-post")
    half = operating_point(binary, "specificity", "sensitivity")
    if half is not None:
        _mark(ax, 1 - half[0], half[1])
    ax.set(xlabel="false alarms (1 - specificity)", ylabel="sensitivity")
    return ax


def draw_precision_recall(binary: Binary, ax: Axes | None = None) -> Axes:
    """Precision against sensitivity (recall); dashed: the share of the positive class. The mark is the threshold 0.5.

    Args:
        binary: as for `draw_roc`.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> point = {"threshold": 0.9, "sensitivity": 0.8, "specificity": 0.9, "precision": 0.7}
        >>> draw_precision_recall({"positive": "ill", "share": 0.5, "points": [point], "thresholds": []}).get_xlabel()
        'sensitivity (recall)'
    """
    ax = _square(ax, f"Precision and recall of {_name(binary)}")
    ax.axhline(binary["share"], color=OTHER, linestyle="--", linewidth=1)
    ax.plot(*zip(*precision_recall_points(binary), strict=True), color=MODEL, linewidth=2)
    half = operating_point(binary, "sensitivity", "precision")
    if half is not None:
        _mark(ax, *half)
    ax.set(xlabel="sensitivity (recall)", ylabel="precision")
    return ax


def _name(binary: Binary) -> str:
    return shown_names([binary["positive"]])[0]


def _square(ax: Axes | None, title: str) -> Axes:
    ax = new_axes(5.2, 4.8) if ax is None else ax
    ax.set_title(title, **text_options([title]))
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    percentages(ax.xaxis)
    percentages(ax.yaxis)
    return ax


def _mark(ax: Axes, x: float, y: float) -> None:
    ax.plot([x], [y], marker="o", markersize=8, color=WRONG, linestyle="none", label="threshold 0.5")
    ax.legend(loc="lower right" if y > 0.5 else "upper right")
