"""Rows of the tables that the model card and the HTML page share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.evaluate.intervals.wilson import wilson
from headstart.report.content.kinds import base_of
from headstart.report.content.words import defined, interval, metric_words, number, shortened

__all__ = [
    "ClassRow",
    "Confusion",
    "bars",
    "class_rows",
    "class_table",
    "compared_heads",
    "confused_pairs",
    "interval_words",
]

Record = Mapping[str, Any]

# Labels are ordered by the first of these metrics that they have.
_ORDERED_BY = ("f1", "r2", "ap50", "iou")

_OUTPUTS = {
    "classification": "Class", "multilabel": "Label", "regression": "Target", "token": "Type", "box": "Class",
    "mask": "Class",
}  # fmt: skip


@dataclass(frozen=True)
class ClassRow:
    """The metrics of one label or target.

    Attributes:
        label: its name, as in the record.
        metrics: for each metric key, an object with ``value``, ``low`` and ``high``.
        support: number of evaluated items that have the label; None for a regression target.
        key: the metric that rows are ordered by; empty where there is none.

    Examples:
        >>> ClassRow("bee", {"f1": {"value": 0.5, "low": 0.2, "high": 0.8}}, 12, "f1").value
        0.5
    """

    label: str
    metrics: Mapping[str, Mapping[str, Any]]
    support: int | None
    key: str

    @property
    def value(self) -> float | None:
        """The metric that rows are ordered by; None where it is undefined."""
        value: float | None = self.metrics.get(self.key, {}).get("value")
        return value if defined(value) else None


@dataclass(frozen=True)
class Confusion:
    """Items of one class that were predicted as another.

    Attributes:
        truth: the true class.
        predicted: the predicted class.
        count: how many items.
        share: their share of all items of the true class, in (0, 1].

    Examples:
        >>> Confusion("bee", "wasp", 3, 0.3).count
        3
    """

    truth: str
    predicted: str
    count: int
    share: float

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of the share."""
        return wilson(self.count, round(self.count / self.share))


def class_rows(record: Record) -> list[ClassRow]:
    """One row for each label or target, worst first, undefined ones last.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> [(row.label, row.value, row.support) for row in class_rows(EXAMPLE)]
        [('no', 0.8, 6), ('yes', 0.857, 6)]
    """
    rows = []
    for label, entry in record["evaluation"]["per_class"].items():
        metrics = {name: metric for name, metric in entry.items() if isinstance(metric, Mapping)}
        key = next((name for name in _ORDERED_BY if name in metrics), "")
        rows.append(ClassRow(label, metrics, entry.get("support"), key))
    return sorted(rows, key=lambda row: (row.value is None, row.value, row.support or 0, row.label))


def interval_words(record: Record) -> str:
    """The kind of interval in the rows of `class_table`.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> interval_words(EXAMPLE)
        "95% intervals (Wilson's)"
    """
    return "95% intervals (Wilson's)" if base_of(record) in ("classification", "multilabel") else "95% intervals"


def class_table(record: Record) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of labels or targets, worst first, with intervals; as text, not yet escaped.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> header, rows = class_table(EXAMPLE)
        >>> header, rows[0]
        (['Class', 'Items', 'F1'], ['no', '6', '0.800 (0.400 to 1.000)'])
    """
    rows = class_rows(record)
    keys = list(rows[0].metrics) if rows else []
    counted = {"token": "Spans", "box": "Boxes", "mask": "Pixels"}.get(base_of(record), "Items")
    support = [counted] if rows and rows[0].support is not None else []
    header = [_OUTPUTS[base_of(record)], *support, *(metric_words(key).title for key in keys)]
    return header, [list(_class_cells(row, keys)) for row in rows]


def _class_cells(row: ClassRow, keys: Sequence[str]) -> Iterator[str]:
    yield shortened(row.label)
    if row.support is not None:
        yield number(int(row.support))
    for key in keys:
        bounds = interval(row.metrics[key])
        yield number(row.metrics[key]["value"]) + (f" ({bounds})" if bounds else "")


def confused_pairs(record: Record, limit: int = 30) -> list[Confusion]:
    """Pairs of a true class and a wrong prediction, most frequent first.

    Args:
        record: the facts of a fit.
        limit: the largest number of pairs; default 30.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> confused_pairs(EXAMPLE)
        [Confusion(truth='no', predicted='yes', count=2, share=0.3333333333333333)]
    """
    counts, labels = record["evaluation"]["confusion"] or [], record["evaluation"]["labels"]
    pairs = [
        Confusion(labels[i], labels[j], count, count / sum(row))
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share, pair.truth, pair.predicted))[:limit]


def bars(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The main metric of the model and of each baseline, with names.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> [(name, metric["value"]) for name, metric in bars(EXAMPLE)]
        [('this model', 0.833), ('majority', 0.5)]
    """
    key, metric = next(iter(record["evaluation"]["metrics"].items()))
    yield "this model", metric
    yield from ((name, baseline["metrics"][key]) for name, baseline in record["baselines"].items())


def compared_heads(record: Record) -> list[tuple[Mapping[str, Any], bool]]:
    """Combinations of head and features with their out-of-fold loss, best first, and whether each was chosen.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> [(row["head"], row["loss"], chosen) for row, chosen in compared_heads(EXAMPLE)]
        [('ridge', 0.41, True), ('lda', 0.47, False)]
    """
    head = record["head"]
    rows = sorted(head["compared"], key=lambda row: row["loss"] if defined(row["loss"]) else math.inf)
    return [(row, row["head"] == head["name"] and row["features"] == head["features"]) for row in rows]
