"""Numbers, intervals, metric names and labels as text for readers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from headstart.evaluate.formatting import bounds
from headstart.reporting.text import visible

__all__ = ["METRICS", "MetricWords", "defined", "interval", "metric_words", "number", "one_line", "series", "shortened"]

ROUNDING = 1e-12


@dataclass(frozen=True)
class MetricWords:
    """The name of a metric and what it measures.

    Attributes:
        name: its name within a sentence.
        meaning: what it measures, in one clause, and which direction is better.

    Examples:
        >>> METRICS["ece"].name, METRICS["ece"].title
        ('calibration error', 'Calibration error')
    """

    name: str
    meaning: str

    @property
    def title(self) -> str:
        """Its name in a column header or at the start of a sentence."""
        return self.name if self.name.startswith("mIoU") else self.name[:1].upper() + self.name[1:]


METRICS: Mapping[str, MetricWords] = {
    "accuracy": MetricWords("accuracy", "share of items whose class is predicted correctly; higher is better"),
    "balanced_accuracy": MetricWords("balanced accuracy", "mean recall of the classes; higher is better"),
    "precision": MetricWords("precision", "share of predictions of this label that are correct; higher is better"),
    "recall": MetricWords("recall", "share of the items of this label that are found; higher is better"),
    "f1": MetricWords("F1", "harmonic mean of precision and recall; higher is better"),
    "macro_precision": MetricWords("macro precision", "mean precision of the labels; higher is better"),
    "macro_recall": MetricWords("macro recall", "mean recall of the labels; higher is better"),
    "macro_f1": MetricWords("macro F1", "mean F1 of the labels; higher is better"),
    "micro_f1": MetricWords("micro F1", "F1 over all labels together; higher is better"),
    "subset_accuracy": MetricWords("subset accuracy", "share of items with every label correct; higher is better"),
    "hamming_loss": MetricWords("Hamming loss", "share of individual labels that are wrong; lower is better"),
    "log_loss": MetricWords("log-loss", "mean negative log-likelihood of the truth, in nats; lower is better"),
    "brier": MetricWords("Brier score", "mean squared error of the probabilities; lower is better"),
    "ece": MetricWords("calibration error", "mean gap between confidence and accuracy; lower is better"),
    "roc_auc": MetricWords("ROC-AUC", "probability that a positive item ranks above a negative one; higher is better"),
    "average_precision": MetricWords("average precision", "area under the precision-recall curve; higher is better"),
    "r2": MetricWords("R²", "share of the variance explained; 1 is perfect, 0 equals the mean; higher is better"),
    "mae": MetricWords("mean absolute error", "in the units of the target; lower is better"),
    "rmse": MetricWords("root mean squared error", "in the units of the target; lower is better"),
    "spearman": MetricWords("Spearman correlation", "rank correlation of values and truth; higher is better"),
    "span_f1": MetricWords("span F1", "F1 of spans with the right bounds and type; higher is better"),
    "span_precision": MetricWords("span precision", "share of marked spans that are right; higher is better"),
    "span_recall": MetricWords("span recall", "share of labelled spans that are found; higher is better"),
    "partial_f1": MetricWords("partial F1", "F1 of spans in which an overlap counts one half; higher is better"),
    "type_f1": MetricWords("type F1", "F1 of spans that overlap and have the right type; higher is better"),
    "surface_f1": MetricWords("surface F1", "F1 of the different texts that are marked; higher is better"),
    "ap50": MetricWords("AP50", "average precision at an overlap of at least one half; higher is better"),
    "ap75": MetricWords("AP75", "average precision at an overlap of at least 0.75; higher is better"),
    "map": MetricWords("mAP", "mean average precision over overlaps from 0.5 to 0.95; higher is better"),
    "ar": MetricWords("average recall", "mean recall over overlaps from 0.5 to 0.95; higher is better"),
    "miou": MetricWords("mIoU", "mean over classes of intersection over union of pixels; higher is better"),
    "iou": MetricWords("IoU", "intersection over union of the pixels of the class; higher is better"),
    "dice": MetricWords("Dice", "F1 of the pixels; higher is better"),
    "boundary_f1": MetricWords("boundary F1", "F1 of the outlines within a few pixels; higher is better"),
    "instance_f1": MetricWords("instance F1", "F1 of objects that overlap by more than one half; higher is better"),
    "instance_map": MetricWords("instance mAP", "hits among objects over overlaps from 0.5 to 0.95; higher is better"),
    "support": MetricWords("items", "number of evaluated items that have this label"),
}
"""Name and meaning of every metric of a record, by its key."""


def metric_words(key: str) -> MetricWords:
    """Name and meaning of a metric of a record; for an unknown one, its key as the name.

    Args:
        key: the metric's key in the record.

    Examples:
        >>> metric_words("macro_f1").name, metric_words("word_error_rate").name
        ('macro F1', 'word error rate')
    """
    return METRICS.get(key) or MetricWords(one_line(key.replace("_", " ")), "")


def defined(value: float | None) -> TypeGuard[float]:
    """Whether a value of a record is a number: neither None nor nan.

    Args:
        value: a number or None.

    Examples:
        >>> defined(0.0), defined(None), defined(float("nan"))
        (True, False, False)
    """
    return value is not None and not math.isnan(value)


def number(value: float | None) -> str:
    """A number with three decimals; large ones without decimals, tiny ones with four significant digits.

    A tiny negative one is rounding error, since what has a unit, as an error has, is not negative: it is shown as 0.

    Args:
        value: a number, or None or nan where it is undefined.

    Examples:
        >>> [number(value) for value in (0.93464, 12345.678, 0.00001234, 2048, None, -6.9e-18)]
        ['0.935', '12,346', '1.234e-05', '2,048', 'undefined', '0.000']
    """
    if not defined(value):
        return "undefined"
    if isinstance(value, int):
        return f"{value:,}"
    value = 0.0 if -ROUNDING < value <= 0 else value
    if 1e4 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value == 0 or 5e-4 <= abs(value) < 1e4 else f"{value:.4g}"


def interval(metric: Mapping[str, Any]) -> str:
    """The bounds of a metric, with enough digits to tell them apart; empty where there are none.

    Args:
        metric: an object with ``low`` and ``high``.

    Examples:
        >>> interval({"value": 0.9, "low": 0.8, "high": 0.95}), interval({"value": 0.9, "low": None, "high": None})
        ('0.800 to 0.950', '')
    """
    low, high = metric.get("low"), metric.get("high")
    if not (defined(low) and defined(high) and low < high):
        return ""
    shown = number(low), number(high)
    return " to ".join(shown if shown[0] != shown[1] else bounds(low, high) or shown)


def one_line(text: object) -> str:
    r"""Text in one line: runs of white space become one space, unprintable characters the replacement character.

    Args:
        text: a label, a file name or any other untrusted text.

    Examples:
        >>> one_line("a\nb\x00"), one_line("")
        ('a b\ufffd', '(empty)')
    """
    return visible(" ".join(str(text).split())) or "(empty)"


def shortened(text: object, limit: int = 60) -> str:
    """Text in one line of at most ``limit`` characters.

    Args:
        text: a label, a file name or any other untrusted text.
        limit: the largest number of characters; default 60.

    Examples:
        >>> shortened("abcdefgh", 5)
        'abcd…'
    """
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def series(names: Iterable[str], limit: int = 12) -> str:
    """Names as a list in a sentence, with the number of those omitted.

    Args:
        names: the names to list.
        limit: the largest number of names; default 12.

    Examples:
        >>> series(["a", "b", "c"]), series("abcde", 2)
        ('a, b and c', 'a, b and 3 more')
    """
    every = list(names)
    shown = every[:limit] if len(every) > limit + 1 else every
    last = [f"{len(every) - len(shown)} more"] if len(shown) < len(every) else [shown.pop()] if shown else []
    return " and ".join([part for part in (", ".join(shown), *last) if part])
