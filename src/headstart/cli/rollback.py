"""``headstart rollback``."""

from __future__ import annotations

import argparse

from headstart.cli.output.console import json_text, reporter_of, write_line

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Put an earlier version of a run folder in force again.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["rollback", "no-such-model"])     # the reason goes to standard error
        2
    """
    from headstart.model.versions import current_version, rollback

    before = current_version(args.model)
    found = rollback(args.model, args.number)
    if args.json:
        write_line(json_text({"model": args.model, "from": before, "in_force": found.number, "digest": found.digest}))
    else:
        reporter_of(args).result("version", f"{found.number} is in force ({found.what}, {found.digest[:12]})")
    return 0
