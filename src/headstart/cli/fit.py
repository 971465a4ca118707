"""``headstart fit``."""

from __future__ import annotations

import argparse
import shlex
import time
from typing import Any

from headstart.cli.input.arguments import fit_arguments, reading_options, seconds_of, sources_to_rank, training_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.runs import run_folder, summary
from headstart.cli.parser.training import option_name
from headstart.cli.process import began
from headstart.errors import UsageError
from headstart.io import is_run

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Fit, save, and end with the paths and the next command.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["fit", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.report.size import report_words
    from headstart.transfer import fit

    started = began()
    training = _training(args)
    if args.zero_shot is not None:
        from headstart.cli.fit_zero_shot import run as run_zero_shot

        return run_zero_shot(args)
    if args.data is None:
        raise UsageError("fit needs DATA, or --zero-shot with labels; give one of them.")
    if args.tasks is not None:
        from headstart.cli.fit_tasks import run as run_tasks

        return run_tasks(args)
    if args.sources is not None and args.source != ["auto"]:
        raise UsageError("--sources names what --source auto ranks; give both, or one body with --source alone.")
    reporter = reporter_of(args)
    with run_folder(args.data, named=args.out, overwrite=args.overwrite, reporter=reporter) as out:
        # asked before the fit, which writes its own run there
        replaced = ", replaced an earlier run" if is_run(out) else ""
        done = fit(
            args.data,
            sources=sources_to_rank(args),
            strategy=args.strategy,
            training=training,
            source_data=args.source_data,
            out=out,
            time_limit=seconds_of(args),
            began=started,
            reporter=reporter,
            **fit_arguments(args),
            **reading_options(args),
        )
    seconds = time.perf_counter() - started
    if args.json:
        write_line(json_text({"run": str(out), **summary(done.record), "seconds": seconds}))
        return 0
    reporter.line("saved", f"{out}  ({seconds:.1f} s in all{replaced}); read {report_words(out)}")
    reporter.line("next", f"headstart predict {shlex.quote(str(out))} ITEM")
    return 0


def _training(args: argparse.Namespace) -> dict[str, Any] | None:
    """The training settings that were given; with frozen features the batch size is that of the encoding alone."""
    found = training_of(args)
    if args.trials is not None:
        found["trials"] = args.trials
    if args.strategy == "frozen":
        found.pop("batch_size", None)
        if found:
            given = " and ".join(option_name(name) for name in found)
            raise UsageError(
                f"{given} would have no effect: without --strategy the body stays frozen and nothing is trained; add "
                "--strategy lp_ft (or another name, or auto)."
            )
    return found or None
