"""``headstart predict``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.cli.console import ConsoleReporter, json_text, reporter_of, write_line
from headstart.cli.encoding import engine_of
from headstart.cli.table_file import write_rows
from headstart.errors import UsageError
from headstart.io import check_writable, read_json
from headstart.types import Task

if TYPE_CHECKING:
    from headstart.model import Prediction, TransferModel

__all__ = ["run"]

FORMATS = (".csv", ".jsonl", ".parquet")


def run(args: argparse.Namespace) -> int:
    """Predict; items that cannot be read are reported and make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["predict", "no-such-model", "an item"])     # the reason goes to standard error
        1
    """
    from headstart.cli.items import check_any_left, gather_items
    from headstart.model import TransferModel
    from headstart.model.task_folders import task_folders
    from headstart.tasks import task_methods

    _check_out(args.out)
    priors = _priors(args.priors)
    if task_folders(args.model) is not None:
        from headstart.cli.predict_tasks import run as run_tasks

        return run_tasks(args)
    model = TransferModel.load(args.model, engine=engine_of(args))
    given = gather_items(args.items, model, item=args.item)
    reporter = reporter_of(args, sys.stderr)
    for note in given.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        predicted = model.predict_readable(given.items, progress=step)
    check_any_left(len(predicted.index), given.names, predicted.failures)
    for position, reason in predicted.failures.items():
        reporter.warning(f"{given.names[position]}: {reason}")
    _say_encoding(predicted, model, reporter)
    outputs = predicted.outputs if priors is None else model.with_priors(predicted.outputs, priors)
    places = [given.place(i) for i in predicted.index]
    decoded = task_methods(model.task).decode(outputs, model.task)
    rows = _rows(places, decoded, outputs, model.task)
    failures = [{**given.place(i), "reason": reason} for i, reason in predicted.failures.items()]
    if args.out:
        _write(Path(args.out), rows)
    if args.json:
        write_line(json_text({"predictions": rows, "failures": failures, "out": args.out}))
    elif args.out:
        write_line(f"{len(rows)} predictions written to {args.out}")
    else:
        _show(rows, model.task)
    return 1 if failures else 0


def _check_out(out: str | None) -> None:
    if out and Path(out).suffix.lower() not in FORMATS:
        raise UsageError(f"--out must end in one of {', '.join(FORMATS)}. Got '{out}' instead.")
    if out:
        check_writable(Path(out))


def _say_encoding(predicted: Prediction, model: TransferModel, reporter: ConsoleReporter) -> None:
    if predicted.encoding is None:
        return
    for detail in predicted.encoding.details:
        reporter.detail("encoding", detail)
    for note in predicted.encoding.notes:
        if note != getattr(model.source, "hint", ""):  # which a fit has said
            reporter.line("encoding", note)


def _priors(given: str | None) -> Any:
    """The word, or the shares by label of a JSON file."""
    if given in (None, "uniform", "estimate"):
        return given
    if not Path(given).is_file():
        raise UsageError(
            f"--priors must be uniform, estimate or a JSON file of shares by label. Got '{given}' instead."
        )
    return read_json(Path(given))


def _rows(
    places: Sequence[dict[str, Any]], decoded: Sequence[Any], outputs: NDArray[np.float64], task: Task
) -> list[dict[str, Any]]:
    rows = []
    for place, label, output in zip(places, decoded, outputs, strict=True):
        row: dict[str, Any] = {**place, "prediction": label}
        if task.kind == "classification":
            row["probability"] = float(output.max())
        if task.kind != "regression":
            row["probabilities"] = dict(zip(task.labels, output.tolist(), strict=True))
        rows.append(row)
    return rows


def _show(rows: Sequence[dict[str, Any]], task: Task) -> None:
    width = min(60, max(len(row["item"]) for row in rows)) if rows else 0
    for row in rows:
        if task.kind == "classification":
            ranked = sorted(row["probabilities"].items(), key=lambda pair: -pair[1])[:3]
            shown = "  ".join(f"{label} {value:.3f}" for label, value in ranked)
        elif task.kind == "multilabel":
            shown = ", ".join(f"{label} {row['probabilities'][label]:.3f}" for label in row["prediction"]) or "no label"
        else:
            shown = str(row["prediction"])
        write_line(f"{row['item']:<{width}}  {shown}")


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    flat = [{key: value for key, value in row.items() if key != "probabilities"} for row in rows]
    for plain, row in zip(flat, rows, strict=True):
        plain.update({f"probability.{label}": value for label, value in row.get("probabilities", {}).items()})
        if isinstance(plain["prediction"], list) and path.suffix.lower() == ".csv":
            plain["prediction"] = ";".join(map(str, plain["prediction"]))
    write_rows(path, flat)
