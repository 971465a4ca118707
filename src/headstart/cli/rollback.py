"""``headstart rollback``."""

from __future__ import annotations

import argparse
from pathlib import Path

from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.errors import UsageError

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Put an earlier version of a run folder in force again, or mend the file that names the one in force.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["rollback", "no-such-model"])     # the reason goes to standard error
        2
    """
    from headstart.model.files.version_files import examine_pointer
    from headstart.model.versions import rollback

    if args.to is not None and args.number not in (None, args.to):
        raise UsageError(f"Name one version: {args.number} or --to {args.to}.")
    before = examine_pointer(Path(args.model))[0].version or None  # None where it is damaged, which a number mends
    found = rollback(args.model, args.number if args.to is None else args.to)
    if args.json:
        write_line(json_text({"model": args.model, "from": before, "in_force": found.number, "digest": found.digest}))
    else:
        reporter_of(args).result("version", f"{found.number} is in force ({found.what}, {found.digest[:12]})")
    return 0
