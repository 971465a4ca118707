"""``headstart pretrain``."""

from __future__ import annotations

import argparse
import shlex

from headstart.cli.input.arguments import command_line, engine_of, reading_options, seconds_of, training_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.process import began
from headstart.errors import UsageError

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Train a body on a source task, and write it as a source with a card.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["pretrain", "no-such-folder", "--out", "body"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.pretrain import pretrain

    started = began()
    reporter = reporter_of(args)
    reading = reading_options(args)
    if reading["annotations"] is not None:
        raise UsageError("pretrain trains on labels of whole items; leave out --annotations.")
    found = pretrain(
        args.data,
        args.out,
        objective=args.objective,
        source=args.source,
        architecture=args.architecture,
        side=args.side,
        training=training_of(args),
        time_limit=seconds_of(args),
        began=started,
        licence=args.license,
        seed=args.seed,
        engine=engine_of(args),
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
    if args.json:
        shown = {name: value for name, value in found.record.items() if name != "history"}
        write_line(json_text({"out": args.out, **shown}))
        return 0
    size = f" of {found.record['parameters'] / 1e6:.1f} M parameters" if found.record["parameters"] else ""
    reporter.line("saved", f"{args.out}: a source{size}, with its card in README.md ({found.record['seconds']:.0f} s)")
    reporter.line("next", f"headstart fit DATA --source {shlex.quote(f'local:{args.out}')}")
    return 0
