"""``headstart evaluate``."""

from __future__ import annotations

import argparse

from headstart.cli.input.arguments import engine_of, judging_arguments
from headstart.cli.output.console import json_text, reporter_of, write_line

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Evaluate a saved model on labelled items.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["evaluate", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.model.loading import load
    from headstart.transfer.evaluate import evaluate

    named = args.version is not None
    model = load(args.model, engine=engine_of(args), version=args.version) if named else args.model
    found = evaluate(model, args.data, reporter=reporter_of(args), **judging_arguments(args))
    if args.json:
        about = {"model": args.model, "data": args.data, "part": found.record["part"], "fitted_on": found.fitted_on}
        further = {name: found.record[name] for name in ("shift", "drift", "items_shift")} | {"out": args.out}
        write_line(json_text({**about, **found.evaluation.to_dict(), **further}))
    return 0
