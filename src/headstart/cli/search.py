"""``headstart search``."""

from __future__ import annotations

import argparse
import shlex
import time

from headstart.cli.input.arguments import command_line, engine_of, reading_options, seconds_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.runs import run_folder, summary
from headstart.cli.process import began
from headstart.errors import UsageError

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Search, save, and end with the paths and the next command.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["search", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.report.size import report_words
    from headstart.transfer.search import search

    started = began()
    reporter = reporter_of(args)
    reading = reading_options(args)
    if reading["annotations"] is not None:
        raise UsageError("search goes through heads of whole items; leave out --annotations, or use 'headstart fit'.")
    with run_folder(args.data, named=args.out, overwrite=args.overwrite, reporter=reporter) as out:
        done = search(
            args.data,
            source=args.source[0] if args.source and len(args.source) == 1 else args.source,
            method=args.method,
            space=args.space,
            tries=args.tries,
            time_limit=seconds_of(args),
            began=started,
            baselines=args.baselines,
            out=out,
            seed=args.seed,
            generation=args.generation,
            engine=engine_of(args),
            report_items=args.report_items,
            reporter=reporter,
            command=command_line(args),
            label=reading["label"],
            item=reading["item"],
            task=reading["task"],
            modality=reading["modality"],
            group_col=reading["group_col"],
            group_pattern=reading["group_pattern"],
            time_col=reading["time_col"],
        )
    seconds = time.perf_counter() - started
    if args.json:
        write_line(
            json_text({"run": str(out), **summary(done.record), "search": done.record["search"], "seconds": seconds})
        )
        return 0
    reporter.line("saved", f"{out}  ({seconds:.1f} s in all); read {report_words(out)}")
    reporter.line("next", f"headstart predict {shlex.quote(str(out))} ITEM")
    return 0
