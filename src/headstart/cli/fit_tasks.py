"""``headstart fit --tasks``: a model for each of several label columns."""

from __future__ import annotations

import argparse
import shlex
import time

from headstart.cli.input.arguments import fit_arguments
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.errors import UsageError
from headstart.evaluate.formatting import figure

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Fit every column, save, and end with the folder and the next command.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["fit", "no-such.csv", "--tasks", "colour,price"])     # the reason goes to standard error
        2
    """
    from headstart.cli.output.runs import run_folder, summary
    from headstart.transfer.fit_tasks import fit_tasks

    if args.label or args.task:
        raise UsageError("--tasks names the label columns and infers their tasks; leave out --label and --task.")
    if args.time_limit is not None:
        raise UsageError("--time-limit applies to a fit of one label column; leave it out, or use --baselines fast.")
    if args.strategy != "frozen" or args.source_data or args.sources or args.zero_shot is not None:
        raise UsageError(
            "--tasks fits heads on the frozen features of one encoding; leave out --strategy, --source-data and "
            "--sources, or fit one column at a time."
        )
    started = time.perf_counter()
    reporter = reporter_of(args)
    with run_folder(args.data, named=args.out, overwrite=args.overwrite, reporter=reporter) as out:
        done = fit_tasks(
            args.data,
            [name.strip() for name in args.tasks.split(",") if name.strip()],
            item=args.item,
            modality=args.modality,
            group_col=args.group_col,
            group_pattern=args.group_pattern,
            time_col=args.time_col,
            out=out,
            reporter=reporter,
            **fit_arguments(args),
        )
    seconds = time.perf_counter() - started
    if args.json:
        tasks = {column: summary(one.record) for column, one in done.runs.items()}
        write_line(json_text({"run": str(out), "tasks": tasks, "seconds": seconds}))
        return 0
    for column, one in done.runs.items():
        name, metric = next(iter(one.evaluation.metrics.items()))  # the first metric is the main one of its task
        reporter.line(column, f"{name.replace('_', ' ')} {figure(metric.value, metric.low, metric.high)}")
    reporter.line("saved", f"{out}  ({seconds:.1f} s in all)")
    reporter.line("next", f"headstart predict {shlex.quote(str(out))} ITEM")
    return 0
