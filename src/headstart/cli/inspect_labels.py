"""``headstart inspect --labels``: labels that are probably wrong, by predictions of a head fitted without the item."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from headstart.cli.input.arguments import reading_options
from headstart.cli.output.console import ConsoleReporter, json_text, write_line
from headstart.cli.output.out_file import check_out_file
from headstart.engine.options import Engine
from headstart.reporting.text import shortened

__all__ = ["run"]

SHOWN = 20  # suspects
TEXT = 60  # characters of a text


def run(args: argparse.Namespace, reporter: ConsoleReporter) -> int:
    """Audit the labels, list the suspects, and write them to ``--out``.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["inspect", "no-such-folder", "--labels"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.audit_labels import audit_labels, write_suspects

    if args.out:
        check_out_file(args.out, (".csv",), [args.data])
    found = audit_labels(
        args.data,
        source=args.source,
        engine=Engine(cache=not args.no_cache),
        reporter=reporter,
        **reading_options(args),
    )
    if args.out:
        write_suspects(Path(args.out), found.suspects)
    if args.json:
        listed = [asdict(suspect) | {"margin": suspect.margin} for suspect in found.suspects]
        write_line(json_text({"items": found.items, "head": found.head, "suspects": listed, "out": args.out}))
        return 0
    share = len(found.suspects) / found.items
    reporter.line("labels", f"{len(found.suspects)} of {found.items} ({share:.1%}) are contradicted by {found.head}")
    for suspect in found.suspects[:SHOWN]:
        reporter.line(
            "suspect",
            f"{_named(suspect.id, suspect.item)}: {suspect.label} ({suspect.p_label:.3f}), more likely "
            f"{suspect.predicted} ({suspect.p_predicted:.3f})",
        )
        others = zip(suspect.because, suspect.because_labels, suspect.because_items, strict=True)
        named = [f"{_named(name, item)} ({label})" for name, label, item in others]
        if named:
            reporter.line("", f"because of {'; '.join(named)}")
    if len(found.suspects) > SHOWN:
        where = f"in {args.out}" if args.out else "with --out FILE.csv"
        reporter.line("suspect", f"and {len(found.suspects) - SHOWN} more {where}")
    elif args.out:
        reporter.line("saved", args.out)
    return 0


def _named(name: str, item: str) -> str:
    """The row number and the text of an item; for a file its path alone, which ends in the name."""
    if not item or item.replace("\\", "/").endswith(name):
        return item or name
    return f"{name} '{shortened(item, TEXT)}'"
