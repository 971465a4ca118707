"""``--coverage``: prediction sets as the column ``set``, prediction intervals as ``low`` and ``high``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import UsageError
from headstart.tasks import is_classification, is_multilabel, is_regression
from headstart.types import Rows

if TYPE_CHECKING:
    from headstart.model import TransferModel
    from headstart.model.coverage import ConformalPredictor

__all__ = ["asked_predictor", "coverage_columns", "is_set", "joined", "size_line"]

BETWEEN = "|"  # the labels of a set


def asked_predictor(args: argparse.Namespace, model: TransferModel) -> ConformalPredictor | None:
    """What gives the sets or intervals of ``--coverage``, checked before any item is encoded; None without the option.

    Args:
        args: the parsed command line.
        model: the fitted model.

    Raises:
        UsageError: if ``--per-class`` stands alone, or ``--priors`` beside the option.
        ParameterError: if the coverage does not lie between 0 and 1.
        DataError: if the model cannot promise it.

    Examples:
        >>> asked_predictor(argparse.Namespace(coverage=None, per_class=False, priors=None), None) is None
        True
    """
    if args.coverage is None:
        if args.per_class:
            raise UsageError("--per-class says for what a coverage is promised; give it with --coverage, such as 0.9.")
        return None
    if args.priors is not None:
        raise UsageError(
            "--coverage holds for items with the class shares of the training data, and --priors says that these "
            "differ; give one of the two (with --per-class, the coverage holds for any shares)."
        )
    predictor = model.conformal()
    predictor.check(args.coverage, per_class=args.per_class)
    return predictor


def coverage_columns(
    predictor: ConformalPredictor,
    rows: Rows,
    outputs: NDArray[np.float64],
    coverage: float,
    *,
    per_class: bool = False,
    prefix: str = "",
) -> list[dict[str, Any]]:
    """The further columns of each item: ``set``, or ``low`` and ``high``.

    Args:
        predictor: from `asked_predictor`.
        rows: (n, d) source rows of the items.
        outputs: (n, k) the model's outputs, which give the order of the labels in a set.
        coverage: the promised share.
        per_class: whether it is promised for each class.
        prefix: put before the names of the columns.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> from headstart.model.coverage import ConformalPredictor
        >>> from headstart.types import Task
        >>> x, y = np.linspace(0, 3, 40)[:, None], np.repeat([0, 1], 20)
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task)
        >>> predictor = ConformalPredictor(task, head, None, certainty_of(x, y, task, head, ids=list(map(str, y))))
        >>> coverage_columns(predictor, np.array([[0.0]]), np.array([[0.9, 0.1]]), 0.9)
        [{'set': ['low']}]
    """
    task = predictor.task
    if is_regression(task):
        ends = predictor.intervals(rows, coverage)
        return [{f"{prefix}{name}": _values(row[:, side]) for side, name in enumerate(("low", "high"))} for row in ends]
    found = predictor.sets(rows, coverage, per_class=per_class)
    order = np.argsort(-outputs, axis=1, kind="stable")
    return [
        {f"{prefix}set": [task.labels[j] for j in ranked if chosen[j]]}
        for ranked, chosen in zip(order, found, strict=True)
    ]


def _values(row: NDArray[np.float64]) -> float | list[float]:
    return float(row[0]) if len(row) == 1 else [float(value) for value in row]


def is_set(name: str) -> bool:
    """Whether a column of the answers holds prediction sets.

    Args:
        name: of the column; that of one of several label columns has its name before it.

    Examples:
        >>> is_set("set"), is_set("topic.set"), is_set("prediction")
        (True, True, False)
    """
    return name.rpartition(".")[2] == "set"


def joined(labels: Sequence[Any]) -> str:
    r"""The labels of a set in one cell, joined by ``|``; a ``|`` or a backslash within a label follows a backslash.

    Args:
        labels: the labels.

    Examples:
        >>> print(joined(["a", "b|c"]))
        a|b\|c
    """
    escaped = (str(label).replace("\\", "\\\\").replace(BETWEEN, f"\\{BETWEEN}") for label in labels)
    return BETWEEN.join(escaped)


def size_line(columns: Sequence[dict[str, Any]], predictor: ConformalPredictor) -> str:
    """How large the sets or intervals are, in a few words; empty for several values of an item.

    Args:
        columns: from `coverage_columns`.
        predictor: from `asked_predictor`.

    Examples:
        >>> size_line([], None)
        ''
    """
    if not columns:
        return ""
    if is_classification(predictor.task) or is_multilabel(predictor.task):
        sizes = [len(row["set"]) for row in columns]
        single = sum(size == 1 for size in sizes)
        return f"{np.mean(sizes):.2f} labels on average; one label for {single} of {len(sizes)} items"
    if predictor.task.num_outputs > 1:
        return ""
    return f"{np.mean([row['high'] - row['low'] for row in columns]):.4g} wide on average"
