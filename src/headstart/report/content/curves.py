"""What the diagrams of the page and the plots of a notebook both draw: points, lines and ranges from the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "LearningLines",
    "best_block",
    "decades",
    "learning_lines",
    "lowest_confidence",
    "operating_point",
    "precision_recall_points",
    "residuals",
    "risk_limit",
    "roc_points",
]

Point = tuple[float, float]

STEPS = 40  # of the drawn law
SETTLED = 0.3  # coverage from which the axis of the risk holds the whole interval


def roc_points(binary: Mapping[str, Any]) -> list[Point]:
    """The ROC curve from (0, 0) to (1, 1): share of false alarms and sensitivity.

    Args:
        binary: from `headstart.evaluate.diagrams.binary_curves`.

    Examples:
        >>> roc_points({"points": [{"specificity": 0.75, "sensitivity": 0.8}]})
        [(0.0, 0.0), (0.25, 0.8), (1.0, 1.0)]
    """
    inner = ((1 - one["specificity"], one["sensitivity"]) for one in binary["points"])
    return [(0.0, 0.0), *inner, (1.0, 1.0)]


def precision_recall_points(binary: Mapping[str, Any]) -> list[Point]:
    """The precision-recall curve: sensitivity (recall) and precision.

    Args:
        binary: as for `roc_points`.

    Examples:
        >>> precision_recall_points({"points": [{"precision": 0.75, "sensitivity": 0.8}]})
        [(0.0, 0.75), (0.8, 0.75)]
    """
    points = binary["points"]
    return [(0.0, points[0]["precision"]), *((one["sensitivity"], one["precision"]) for one in points)]


def operating_point(binary: Mapping[str, Any], x: str, y: str) -> tuple[float, float] | None:
    """Two rates at the threshold 0.5; None where one of them is undefined.

    Args:
        binary: as for `roc_points`.
        x: ``sensitivity``, ``specificity`` or ``precision``.
        y: another of them.

    Examples:
        >>> at = {"name": "0.5", "sensitivity": {"share": 0.8}, "precision": None}
        >>> operating_point({"thresholds": [at]}, "sensitivity", "precision")
    """
    half = next((one for one in binary["thresholds"] if one["name"] == "0.5"), None)
    if half is None or not half[x] or not half[y]:
        return None
    return half[x]["share"], half[y]["share"]


def lowest_confidence(bins: Sequence[Mapping[str, Any]]) -> float:
    """Where the axes of a reliability diagram begin: a multiple of 0.1, at most 0.9.

    Args:
        bins: from `headstart.evaluate.diagrams.reliability_bins`.

    Examples:
        >>> lowest_confidence([{"confidence": 0.57, "low": 0.42}])
        0.4
    """
    lowest = min([0.9, *(float(min(one["confidence"], one["low"])) for one in bins)])
    return max(0.0, lowest // 0.1 / 10)


def risk_limit(points: Sequence[Mapping[str, Any]]) -> float:
    """Where the axis of the risk ends; the wide intervals of the first few items do not count.

    Args:
        points: from `headstart.evaluate.diagrams.risk_coverage`.

    Examples:
        >>> risk_limit([{"coverage": 0.01, "risk": 0.0, "high": 0.9}, {"coverage": 1.0, "risk": 0.1, "high": 0.2}])
        0.2
    """
    ends = (one["high"] for one in points if one["coverage"] >= SETTLED)
    return float(min(1.0, max([0.02, *(1.15 * one["risk"] for one in points), *ends])))


@dataclass(frozen=True)
class LearningLines:
    """The measure by number of labels: measured points with their intervals, and the power law through the last one.

    Attributes:
        points: (labels, value, low, high) of each measured size.
        known: the law up to the labels of today.
        ahead: the law beyond them.

    Examples:
        >>> LearningLines(((10.0, 0.8, 0.7, 0.9),), ((10.0, 0.8),), ((20.0, 0.85),)).values
        [0.8, 0.7, 0.9, 0.8, 0.85]
    """

    points: tuple[tuple[float, float, float, float], ...]
    known: tuple[Point, ...]
    ahead: tuple[Point, ...]

    @property
    def values(self) -> list[float]:
        """Every value that is drawn, for the range of the axis."""
        return [value for _, *found in (*self.points, *self.known, *self.ahead) for value in found]


def learning_lines(curve: Mapping[str, Any]) -> LearningLines:
    """The points and the law of a learning curve.

    Args:
        curve: ``record["learning_curve"]``.

    Examples:
        >>> from headstart.report.content.example import CURVE
        >>> lines = learning_lines(CURVE)
        >>> lines.points[-1], [round(value, 2) for value in lines.ahead[-1]]
        ((100.0, 0.8, 0.75, 0.85), [300.0, 0.84])
    """
    sizes, law, last = curve["sizes"], curve["law"], curve["sizes"][-1]
    beyond = max([last * 2, *(last + one["more"] for one in curve["forecasts"])])
    # the law forecasts differences; it is drawn through the last point, which is the evaluation itself
    offset = curve["errors"][-1] - _error(law, last)
    return LearningLines(
        tuple(
            (size, 1 - error, 1 - worst, 1 - best)
            for size, error, best, worst in zip(sizes, curve["errors"], curve["low"], curve["high"], strict=True)
        ),
        tuple((size, 1 - offset - _error(law, size)) for size in _between(sizes[0], last)),
        tuple((size, 1 - offset - _error(law, size)) for size in _between(last, beyond)),
    )


def _error(law: Mapping[str, float], size: float) -> float:
    return float(law["floor"] + law["scale"] * size ** -law["exponent"])


def _between(first: float, last: float) -> Iterator[float]:
    """Sizes at equal distances on a logarithmic axis."""
    return (first * (last / first) ** (step / STEPS) for step in range(STEPS + 1))


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten within a range, for a logarithmic axis.

    Examples:
        >>> decades(8, 120)
        [10.0, 20.0, 50.0, 100.0]
    """
    power = 1.0
    found = []
    while power <= high:
        found += [power * factor for factor in (1, 2, 5) if low <= power * factor <= high]
        power *= 10
    return found


def best_block(profile: Mapping[str, Any]) -> int:
    """The place of the block with the least leave-one-out loss, from 0.

    Args:
        profile: ``record["profile"]``.

    Examples:
        >>> best_block({"blocks": [{"merit": 0.7, "loss": 0.6}, {"merit": 0.9, "loss": 0.3}]})
        1
    """
    blocks = profile["blocks"]
    return min(range(len(blocks)), key=lambda place: float(blocks[place]["loss"]))


def residuals(target: Mapping[str, Any]) -> list[float]:
    """Predicted minus true values.

    Args:
        target: from `headstart.evaluate.diagrams.residual_points`.

    Examples:
        >>> residuals({"truth": [1.0, 2.0], "predicted": [1.5, 1.0]})
        [0.5, -1.0]
    """
    return [guess - value for guess, value in zip(target["predicted"], target["truth"], strict=True)]
