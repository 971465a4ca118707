"""``headstart suggest``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import engine_of
from headstart.cli.input.versions import named_version
from headstart.cli.output.console import json_text, reporter_of, write_line, write_table
from headstart.cli.output.out_file import check_out_file
from headstart.reporting.terminal import in_letters_of
from headstart.reporting.text import printable, shortened

if TYPE_CHECKING:
    from headstart.reporting import Reporter
    from headstart.transfer.suggestions.result import Suggestions

__all__ = ["run"]

FORMATS = (".csv", ".json")
SHOWN = 20  # rows on a terminal
WIDEST = 40  # characters of a text
SERVED = "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"


def run(args: argparse.Namespace) -> int:
    """Suggest items to label; those that cannot be read are reported and make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["suggest", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.suggest import suggest

    reporter = reporter_of(args, sys.stderr)  # standard output is kept for the suggestions
    out = None if args.out is None else check_out_file(args.out, FORMATS, [args.data])
    found = suggest(
        named_version(args),
        args.data,
        n=args.n,
        item=args.item,
        group_col=args.group_col,
        group_pattern=args.group_pattern,
        seed=args.seed,
        engine=engine_of(args),
        reporter=reporter,
    )
    if out is not None:
        found.save(out)
    if args.json:
        write_line(json_text(_record(found, args.out)))
    elif out is None:
        _show(found)
    else:
        write_line(f"{len(found)} suggestions written to {out}")
    _report(found, args.out, reporter)
    return 1 if found.failures else 0


def _record(found: Suggestions, out: str | None) -> dict[str, object]:
    return {
        "suggestions": found.rows(),
        "pool": found.pool,
        "near_training": found.near_training,
        "near_suggested": found.near_chosen,
        "variance_removed": found.share,
        "failures": [{"item": name, "reason": reason} for name, reason in found.failures.items()],
        "notes": list(found.notes),
        "out": out,
    }


def _report(found: Suggestions, out: str | None, reporter: Reporter) -> None:
    reporter.line("chosen", found.sentence)
    reporter.line(
        "expected",
        f"their labels would remove {found.share:.0%} of the predictive variance, averaged over these items with a "
        "weight that is the larger the less decided the model is",
    )
    for note in found.notes:
        reporter.warning(note)
    if out is None or not out.lower().endswith(".json"):
        return
    beside = found.interface(out)
    kept = "" if beside == Path(out).with_suffix(".xml") else f" ({Path(out).with_suffix('.xml')} is kept)"
    reporter.line("interface", f"paste {beside} into the labelling interface, then import {out}{kept}")
    for column, field in ({} if found.about is None else found.about.renamed).items():
        reporter.line(
            "field", f"the column '{column}' is the field {field}: {column} is a name of the tasks themselves"
        )
    if found.served is not None:
        reporter.line("files", f"start Label Studio with {SERVED}={found.served}")


def _show(found: Suggestions) -> None:
    """A table on a terminal; elsewhere one tab-separated line for each item."""
    if sys.stdout is None:
        return
    if not sys.stdout.isatty():
        for row in found.rows():
            line = "\t".join(printable(_cell(row[name])) for name in ("id", "prediction", "probability", "why"))
            sys.stdout.write(in_letters_of(sys.stdout, line) + "\n")
        return
    write_table([("item", "answer", "probability", "why"), *_lines(found)], right=[2])


def _lines(found: Suggestions) -> Sequence[Sequence[str]]:
    return [
        [
            shortened(printable(str(row["item"] or row["id"])), WIDEST),
            printable(_cell(row["prediction"])),
            _cell(row["probability"]),
            printable(str(row["why"])),
        ]
        for row in found.rows()[:SHOWN]
    ]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
