"""``headstart log``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from headstart.cli.output.console import json_text, reporter_of, write_line, write_table
from headstart.reporting.wording import plural

if TYPE_CHECKING:
    from headstart.model.versions import Version
    from headstart.reporting import Reporter

__all__ = ["run"]

SHOWN = 12  # letters of a digest


def run(args: argparse.Namespace) -> int:
    """List the versions of a run folder, what put them in force, and what is wrong with it.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["log", "no-such-model"])     # the reason goes to standard error
        2
    """
    from headstart.model.files.version_files import examine_pointer, never_in_force
    from headstart.model.versions import versions_of

    found = versions_of(args.model)
    pointer, problem = examine_pointer(Path(args.model))
    if args.json:
        versions = [
            {
                "number": one.number, "what": one.what, "when": one.when, "digest": one.digest,
                **{key: value for key, value in one.about.items() if key != "version"},
                "in_force": one.in_force, "problem": one.problem or None,
            }
            for one in found
        ]  # fmt: skip
        record = {
            "model": args.model, "in_force": pointer.version or None, "problem": problem or None, "versions": versions,
            "never_in_force": never_in_force(Path(args.model)), "moves": pointer.moves,
        }  # fmt: skip
        write_line(json_text(record))
        return 0
    write_table([("version", "when", "what", "metric", "digest", ""), *map(_line, found)], flexible=2, right=[0])
    reporter = reporter_of(args)
    for move in pointer.moves:
        reporter.line(str(move.get("what", "")), _move(move))
    _report_problems(Path(args.model), found, reporter)
    return 0


def _report_problems(run: Path, found: Sequence[Version], reporter: Reporter) -> None:
    """What is wrong with the folder, and which command mends it."""
    from headstart.model.files.version_files import examine_pointer, never_in_force, next_number

    pointer, problem = examine_pointer(run)
    if problem:
        reporter.warning(problem)
    for version in found:
        if version.problem:
            remedy = "" if "headstart rollback" in version.problem else _remedy(run, version, found)
            reporter.warning(f"Version {version.number}: {version.problem} {remedy}".rstrip())
    number = next_number(run, pointer)
    for unused in never_in_force(run):
        then = "; the next version replaces it" if unused == number else ""
        reporter.line("not a version", f"'{run}/versions/{unused}' was never in force and is not used{then}")
    if pointer.unfinished:
        listed = ", ".join(map(str, pointer.unfinished))
        reporter.warning(
            f"The deletion of {listed} was interrupted, so files may be left; "
            f"'headstart rollback {quote(str(run))} {pointer.version}' finishes it."
        )


def _remedy(run: Path, version: Version, found: Sequence[Version]) -> str:
    whole = [one.number for one in found if not one.problem]
    if not version.in_force or not whole:
        return "Copy it again." if not version.in_force else "Copy it again, or fit again."
    return f"Copy it again, or put another one in force with 'headstart rollback {quote(str(run))} {whole[-1]}'."


def _line(version: Version) -> tuple[str, ...]:
    by_file = version.about.get("when_from") == "file date"  # a copy of the folder may have another one
    state = [word for word, holds in (("in force", version.in_force), ("see below", version.problem)) if holds]
    return (
        str(version.number), _time(version.when) + (" (file date)" if by_file else ""), _what(version),
        _metric(version.about), version.digest[:SHOWN], ", ".join(state),
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
    before = f"from version {move['from']} to" if move.get("from") else "'current' was damaged; in force is version"
    return f"{_time(move.get('when'))}: {before} {move.get('to')}"
