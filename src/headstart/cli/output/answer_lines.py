"""Predictions as text: a table on a terminal, tab-separated lines elsewhere, and a summary."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.cli.output.answers import write_answers
from headstart.cli.output.console import json_text, reporter_of, write_line, write_table
from headstart.cli.output.coverage_columns import is_set, joined
from headstart.reporting.terminal import in_letters_of, write
from headstart.reporting.text import printable, probability, shortened
from headstart.tasks import is_regression
from headstart.types import Task

if TYPE_CHECKING:
    from headstart.cli.input.items import Gathered

__all__ = ["report_answers", "show", "summary_lines"]

SHOWN = 20  # rows on a terminal
WIDEST = 30  # characters of a cell, other than the item
UNSURE = 0.5  # a calibrated probability below it means: more likely wrong than right
SUREST = 0.999999  # a probability is never written as certain; with three decimals it is >0.999
NAMED = 8  # classes and unsure items in a summary


def report_answers(
    args: argparse.Namespace,
    out: Path | None,
    given: Gathered,
    answers: Mapping[int, Mapping[str, Any]],
    *,
    failures: Mapping[int, str],
    tasks: Mapping[str, Task],
    calibrated: bool = True,
) -> int:
    """Write the predictions to a file or to standard output, with warnings and a summary.

    Args:
        args: the parsed command line.
        out: the file to write; None for standard output.
        given: the items.
        answers: by position of the item.
        failures: reasons by position, for items without an answer.
        tasks: the task of each prediction, by its key in an answer.
        calibrated: whether probabilities can be read as shares of right answers.

    Returns:
        The exit code: 0 if every item has an answer, else 1.

    Examples:
        >>> from headstart.cli.input.items import Gathered
        >>> args = argparse.Namespace(json=True, verbose=False, out=None)
        >>> given, task = Gathered(["x"], ["1"]), Task("regression", ("price",))
        >>> about = {"failures": {}, "tasks": {"prediction": task}}
        >>> report_answers(args, None, given, {0: {"prediction": 2.5}}, **about)
        {"predictions": [{"item": "1", "prediction": 2.5}], "failures": [], "out": null}
        0
    """
    reporter = reporter_of(args, sys.stderr)
    for position, reason in failures.items():
        reporter.warning(f"{given.names[position]}: {reason}")
    replaced = ", replaced an earlier file" if out is not None and out.exists() else ""
    if out is not None:
        write_answers(out, given, answers, failures)
    if args.json:
        rows = [given.place(position) | dict(found) for position, found in sorted(answers.items())]
        failed = [{**given.place(i), "reason": reason} for i, reason in failures.items()]
        write_line(json_text({"predictions": rows, "failures": failed, "out": args.out}))
        return 1 if failures else 0
    short = out is None and sys.stdout is not None and sys.stdout.isatty()
    if out is None:
        show(given, answers, short=short)
    else:
        empty = f" and {len(failures)} without an answer" if failures else ""
        written = f"{len(answers)} prediction{'' if len(answers) == 1 else 's'}"
        write_line(f"{written}{empty} written to {out}{replaced}")
    if short or out is not None:
        for key, task in tasks.items():
            for label, text in summary_lines(given, answers, task, what=key, calibrated=calibrated):
                reporter_of(args).line(label, text)
    return 1 if failures else 0


def show(given: Gathered, answers: Mapping[int, Mapping[str, Any]], *, short: bool) -> None:
    """Write predictions to standard output.

    On a terminal the first 20 as a table; elsewhere one tab-separated line per item: its name, the prediction and the
    probability. The last two are empty for an item that cannot be read.

    Args:
        given: the items.
        answers: by position of the item.
        short: whether to write the table for a terminal.

    Examples:
        >>> from headstart.cli.input.items import Gathered
        >>> found = {0: {"prediction": "good", "probability": 0.75}}
        >>> show(Gathered(["x"], ["1"]), found, short=False)     # doctest: +NORMALIZE_WHITESPACE
        1 good 0.75
    """
    if short:
        _show_table(given, answers)
        return
    names = list(dict.fromkeys(name for row in answers.values() for name in row if name != "probabilities"))
    for position, item in enumerate(given.names):
        row = answers.get(position, {})
        cells = [item, *(_cell(row.get(name), name) for name in names)]
        line = "\t".join(map(printable, cells))
        sys.stdout.write(in_letters_of(sys.stdout, line) + "\n")
    sys.stdout.flush()


def _cell(value: object, name: str = "") -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return joined(value) if is_set(name) else ";".join(_cell(one) for one in value)
    if isinstance(value, float) and name == "probability":
        value = min(value, SUREST)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _show_table(given: Gathered, answers: Mapping[int, Mapping[str, Any]]) -> None:
    names = [n for n in dict.fromkeys(n for row in answers.values() for n in row) if n != "probabilities"]
    rows = [["item", *names, "next"]]
    texts = dict(zip(given.index.tolist(), given.items, strict=True))
    for position in list(range(len(given.names)))[:SHOWN]:
        row = answers.get(position, {})
        item, text = given.names[position], texts.get(position)
        # a number does not identify a text or a row for a reader, so the text follows it
        shown = f"{item}  {text}" if isinstance(text, str) and item.rpartition(":")[2].isdecimal() else item
        rows.append([shown, *(_short(row.get(name), name) for name in names), _runner_up(row)])
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    write_table([[first, *(shortened(cell, WIDEST) for cell in others)] for first, *others in rows])
    if len(given.names) > SHOWN:
        write(f"... and {len(given.names) - SHOWN} more; --out FILE.csv writes all", sys.stdout)


def _short(value: object, name: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, list) and is_set(name):
        return joined(value) or "none"
    if isinstance(value, list):
        return "; ".join(_short(one) for one in value) or "none"
    if isinstance(value, float) and name == "probability":
        return probability(value)
    return f"{value:.3g}" if isinstance(value, float) and abs(value) > 1 else _three(value)


def _three(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _runner_up(row: Mapping[str, Any]) -> str:
    shares = row.get("probabilities", {})
    if "probability" not in row or len(shares) < 3:  # of two classes, the second follows from the first
        return ""
    label, value = sorted(shares.items(), key=lambda pair: -pair[1])[1]
    return f"{label} {probability(value)}"


def summary_lines(
    given: Gathered,
    answers: Mapping[int, Mapping[str, Any]],
    task: Task,
    *,
    what: str = "prediction",
    calibrated: bool = True,
) -> Iterator[tuple[str, str]]:
    """A summary of all predictions as labels and texts: counts by class, mean confidence, unsure items.

    Args:
        given: the items.
        answers: by position of the item.
        task: the model's task.
        what: the key of the prediction in an answer.
        calibrated: whether probabilities can be read as shares of right answers.

    Examples:
        >>> from headstart.cli.input.items import Gathered
        >>> rows = {0: {"prediction": "a", "probability": 0.9}, 1: {"prediction": "b", "probability": 0.4}}
        >>> for line in summary_lines(Gathered(["x", "y"], ["1", "2"]), rows, Task("classification", ("a", "b"))):
        ...     line
        ('predicted', '2 items: a 1, b 1')
        ('confidence', 'mean probability 0.650; 1 below 0.5, so more likely wrong than right: 2')
    """
    values = [row[what] for row in answers.values() if row[what] is not None]
    abstained = len(answers) - len(values)
    missing = len(given.names) - len(answers)
    total = f"{len(values)} item{'' if len(values) == 1 else 's'}"
    total += f" of {missing + len(answers)}" if missing or abstained else ""
    if is_regression(task):
        yield "predicted", f"{total}{_spread(values)}"
        return
    counts = Counter(label for value in values for label in (value if isinstance(value, list) else [value]))
    listed = [f"{label} {count}" for label, count in counts.most_common(NAMED)]
    more = [f"{len(counts) - NAMED} more"] if len(counts) > NAMED else []
    none = [f"none {sum(value == [] for value in values)}"] if [] in values else []
    found = [*listed, *more, *none]
    left = f"; {abstained} not answered" if abstained else ""
    yield "predicted", f"{total}{': ' if found else ''}{', '.join(found)}{left}"
    sure = {position: row["probability"] for position, row in answers.items() if "probability" in row}
    if sure and calibrated:
        unsure = sorted((p for p in sure if sure[p] < UNSURE), key=lambda p: sure[p])
        names = [given.names[p] for p in unsure[:NAMED]] + (["..."] if len(unsure) > NAMED else [])
        doubt = f"; {len(unsure)} below {UNSURE}, so more likely wrong than right: {', '.join(names)}" if unsure else ""
        yield "confidence", f"mean probability {probability(float(np.mean(list(sure.values()))))}{doubt}"


def _spread(values: Sequence[Any]) -> str:
    if not values or isinstance(values[0], list):
        return ""
    return f": mean {np.mean(values):.4g}, from {min(values):.4g} to {max(values):.4g}"
