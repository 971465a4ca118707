"""``headstart predict`` on the folder of a fit with several label columns."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from headstart.cli.console import json_text, reporter_of, write_line
from headstart.cli.encoding import engine_of
from headstart.cli.table_file import write_rows
from headstart.errors import UsageError

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Predict every column; a row holds an item's prediction for each.

    Examples:
        >>> run(argparse.Namespace(priors="uniform"))
        Traceback (most recent call last):
        headstart.errors.UsageError: --priors corrects one classifier; give the run folder of one column.
    """
    if args.priors is not None:
        raise UsageError("--priors corrects one classifier; give the run folder of one column.")
    from headstart.cli.items import check_any_left, gather_items
    from headstart.tasks import task_methods
    from headstart.transfer.multi_task import load_tasks

    models = load_tasks(args.model, engine=engine_of(args))
    given = gather_items(args.items, next(iter(models.values())), item=args.item)
    reporter = reporter_of(args, sys.stderr)
    rows: dict[int, dict[str, Any]] = {}
    failures: dict[int, str] = {}
    for column, model in models.items():
        with reporter.progress(f"predicting {column}") as step:
            found = model.predict_readable(given.items, progress=step)
        failures |= found.failures
        decoded = task_methods(model.task).decode(found.outputs, model.task)
        for position, label, output in zip(found.index, decoded, found.outputs, strict=True):
            row = rows.setdefault(int(position), dict(given.place(int(position))))
            row[column] = label
            if model.task.kind == "classification":
                row[f"{column}.probability"] = float(output.max())
    check_any_left(len(rows), given.names, failures)
    for position, reason in failures.items():
        reporter.warning(f"{given.names[position]}: {reason}")
    listed = [rows[position] for position in sorted(rows)]
    if args.out:
        write_rows(Path(args.out), listed)
    if args.json:
        failed = [{**given.place(i), "reason": reason} for i, reason in failures.items()]
        write_line(json_text({"predictions": listed, "failures": failed, "out": args.out}))
    elif args.out:
        write_line(f"{len(listed)} predictions written to {args.out}")
    else:
        for row in listed:
            write_line(f"{row['item']}  " + "  ".join(f"{column} {row[column]}" for column in models))
    return 1 if failures else 0
