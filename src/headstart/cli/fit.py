"""``headstart fit``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from typing import Any

from headstart.cli.input.encoding import engine_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.runs import run_folder, summary
from headstart.errors import UsageError
from headstart.io import is_run
from headstart.params import parse_duration

__all__ = ["named_sources", "reading_options", "run"]


def run(args: argparse.Namespace) -> int:
    """Fit, save, and end with the paths and the next command.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["fit", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.transfer import fit

    if args.zero_shot is not None:
        from headstart.cli.fit_zero_shot import run as run_zero_shot

        return run_zero_shot(args)
    if args.data is None:
        raise UsageError("fit needs DATA, or --zero-shot with labels; give one of them.")
    if args.tasks is not None:
        from headstart.cli.fit_tasks import run as run_tasks

        return run_tasks(args)
    started = time.perf_counter()
    reporter = reporter_of(args)
    with run_folder(args.data, named=args.out, overwrite=args.overwrite, reporter=reporter) as out:
        replaced = ", replaced the run that was there" if is_run(out) else ""
        done = fit(
            args.data,
            source=args.source[0] if args.source and len(args.source) == 1 else args.source,
            layers=args.layers,
            fusion=args.fusion,
            sources=named_sources(args),
            heads=None if args.head == "solved" else tuple(args.head.split(",")),
            class_weight=args.class_weight,
            label_text=args.label_text,
            drop_suspects=args.drop_suspects,
            strategy=args.strategy,
            source_data=args.source_data,
            baselines=args.baselines,
            out=out,
            seed=args.seed,
            time_limit=None if args.time_limit is None else parse_duration(args.time_limit),
            engine=engine_of(args),
            reporter=reporter,
            command=shlex.join(["headstart", *sys.argv[1:]]),
            **reading_options(args),
        )
    seconds = time.perf_counter() - started
    if args.json:
        write_line(json_text({"run": str(out), **summary(done.record), "seconds": seconds}))
        return 0
    reporter.line("saved", f"{out}  ({seconds:.1f} s in all{replaced}); read {out / 'report.html'}")
    reporter.line("next", f"headstart predict {shlex.quote(str(out))} ITEM")
    return 0


def named_sources(args: argparse.Namespace) -> list[str] | None:
    """The sources to rank; None where none were named.

    Raises:
        UsageError: for ``fit --sources`` without ``--source auto``.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> named_sources(build_parser().parse_args(["rank", "a.csv", "--sources", "toy,vector"]))
        ['toy', 'vector']
    """
    from headstart.transfer.ranking.entries import split_names

    if args.sources is None:
        return None
    if getattr(args, "source", ["auto"]) != ["auto"]:
        raise UsageError("--sources names what --source auto ranks; give both, or one body with --source alone.")
    return split_names(args.sources)


def reading_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that say how to read the data, for `fit` and `read`.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> reading_options(build_parser().parse_args(["fit", "a.csv", "--label", "mood"]))["label"]
        'mood'
    """
    label = args.label[0] if args.label and len(args.label) == 1 else args.label
    names = ("item", "task", "modality", "group_col", "group_pattern", "time_col")
    return {"label": label, **{name: getattr(args, name) for name in names}}
