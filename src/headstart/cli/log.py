"""``headstart log``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headstart.cli.output.console import json_text, reporter_of, write_line, write_table
from headstart.reporting.wording import plural

if TYPE_CHECKING:
    from headstart.model.versions import Version

__all__ = ["run"]

SHOWN = 12  # letters of a digest


def run(args: argparse.Namespace) -> int:
    """List the versions of a run folder, and what put them in force.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["log", "no-such-model"])     # the reason goes to standard error
        2
    """
    from headstart.model.versions import current_version, moves_of, versions_of

    found, moves = versions_of(args.model), moves_of(args.model)
    if args.json:
        versions = [
            {
                "number": one.number, "what": one.what, "when": one.when, "digest": one.digest,
                "in_force": one.in_force, **{key: value for key, value in one.about.items() if key != "version"},
            }
            for one in found
        ]  # fmt: skip
        record = {"model": args.model, "in_force": current_version(args.model), "versions": versions, "moves": moves}
        write_line(json_text(record))
        return 0
    write_table([("version", "when", "what", "metric", "digest", ""), *map(_line, found)], flexible=2, right=[0])
    reporter = reporter_of(args)
    for move in moves:
        reporter.line(str(move.get("what", "")), _move(move))
    return 0


def _line(version: Version) -> tuple[str, ...]:
    return (
        str(version.number), _time(version.when), _what(version), _metric(version.about),
        version.digest[:SHOWN], "in force" if version.in_force else "",
    )  # fmt: skip


def _time(when: object) -> str:
    return str(when)[:19].replace("T", " ")


def _what(version: Version) -> str:
    about = version.about
    parts = [version.what]
    for name, word in (("added", "item"), ("removed", "item removed")):
        number = about.get(name)
        if isinstance(number, int) and number:
            parts.append(plural(number, word, None if name == "added" else "items removed"))
    labels = about.get("new_labels")
    if isinstance(labels, list) and labels:
        parts.append(plural(len(labels), "new class", "new classes"))
    base = about.get("base")
    if isinstance(base, int) and base != version.number - 1:
        parts.append(f"made from version {base}")
    return ", ".join(parts)


def _metric(about: Mapping[str, Any]) -> str:
    """The main metric where it is known: of the fit by its own evaluation, of a version on its test data."""
    metrics = about.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        return ""
    name, found = next(iter(metrics.items()))
    value = found.get("value") if isinstance(found, dict) else None
    return f"{name.replace('_', ' ')} {value:.3f}" if isinstance(value, int | float) else ""


def _move(move: Mapping[str, Any]) -> str:
    deleted = move.get("deleted")
    if isinstance(deleted, list):
        return f"{_time(move.get('when'))}: versions {', '.join(map(str, deleted))} were deleted"
    return f"{_time(move.get('when'))}: from version {move.get('from')} to {move.get('to')}"
