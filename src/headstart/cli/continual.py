"""``headstart continual``."""

from __future__ import annotations

import argparse
import shlex

from headstart.cli.input.arguments import engine_of, training_of
from headstart.cli.output.console import json_text, reporter_of, write_line

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Learn a stream of tasks, and print the accuracy on each after every step.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["continual", "no-such.csv", "nor-this.csv"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.continual import continual

    reporter = reporter_of(args)
    found = continual(
        args.data[0] if args.task_col is not None and len(args.data) == 1 else args.data,
        strategy=args.strategy,
        memory=args.memory,
        task_col=args.task_col,
        source=args.source,
        training=training_of(args),
        label=args.label[0] if args.label and len(args.label) == 1 else args.label,
        item=args.item,
        modality=args.modality,
        out=args.out,
        seed=args.seed,
        engine=engine_of(args),
        reporter=reporter,
    )
    if args.json:
        write_line(json_text({"data": args.data, **found.record, "out": args.out}))
        return 0
    if args.out is not None:
        reporter.line("saved", f"{args.out}: the model of all tasks, continual.json, matrix.csv and README.md")
        reporter.line("next", f"headstart predict {shlex.quote(str(args.out))} ITEM")
    return 0
