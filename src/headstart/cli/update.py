"""``headstart update``."""

from __future__ import annotations

import argparse

from headstart.cli.input.arguments import command_line, engine_of, reading_options
from headstart.cli.output.console import json_text, reporter_of, write_line

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Fit a model on further items too; items that cannot be read make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["update", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.update import update

    found = update(
        args.model,
        args.data,
        test=args.test,
        relabel=args.relabel,
        choose=not args.keep_penalty,
        split=args.split,
        engine=engine_of(args),
        reporter=reporter_of(args),
        command=command_line(args),
        **reading_options(args),
    )
    if args.json:
        write_line(json_text({"model": args.model, "data": args.data, **found.to_dict()}))
    return 1 if found.failures else 0
