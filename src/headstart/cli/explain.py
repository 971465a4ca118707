"""``headstart explain``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.cli.input.arguments import engine_of
from headstart.cli.output.console import ConsoleReporter, json_text, reporter_of, write_line, write_pair
from headstart.cli.output.out_file import check_out_file
from headstart.errors import DataError, UsageError
from headstart.io import atomic_file, read_json

if TYPE_CHECKING:
    from headstart.attributions import Attribution, Explanation
    from headstart.cli.input.items import Gathered
    from headstart.model import AnnotationModel, TransferModel

__all__ = ["run"]

FORMATS = (".html", ".htm")
SHOWN = 8  # parts of an attribution that are printed


def run(args: argparse.Namespace) -> int:
    """Explain the answer for one item, print the largest attributions, and write the page of ``--out``.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["explain", "no-such-model", "an item"])     # the reason goes to standard error
        2
    """
    from headstart.explain.registry import check_known
    from headstart.model.loading import load

    reporter = reporter_of(args, sys.stderr)
    out = None if args.out is None else check_out_file(args.out, FORMATS, [args.item])
    methods = None if args.method is None else [check_known(name).name for name in args.method]
    model = load(args.model, engine=engine_of(args), version=args.version)
    item = _the_item(args, model, reporter)
    with reporter.progress("explaining"):
        found = model.explain(
            item, method=methods, label=args.label, against=args.against, training=args.data,
            count=args.items, seed=args.seed,
        )  # fmt: skip
    if out is not None:
        _write(out, found, Path(args.model).name)
    if args.json:
        write_line(json_text({**found.to_dict(), "out": args.out}))
        return 0
    _print(found)
    if args.data is None and "influence" in found.methods:
        reporter.line("", f"{_hint(Path(args.model))} shows the training items themselves")
    if out is not None:
        reporter.line("saved", str(out))
    return 0


def _hint(folder: Path) -> str:
    """How to show the training items themselves: a path in a model's folder is named, but never read unasked."""
    data = read_json(folder / "manifest.json").get("data") if (folder / "manifest.json").is_file() else None
    place = data.get("path") if isinstance(data, dict) else None
    return f"--data {place}" if isinstance(place, str) else "--data DATA"


def _the_item(args: argparse.Namespace, model: TransferModel | AnnotationModel, reporter: ConsoleReporter) -> Any:
    """The one item that is meant; `DataError` if it cannot be read, or there are several."""
    from headstart.cli.input.items import gather_items

    given = gather_items([args.item], model, item=args.column)
    for note in given.notes:
        reporter.detail("read", note)
    if args.row is None:
        if len(given.items) > 1:
            raise UsageError(f"'{args.item}' holds {len(given.items)} items; name one of them with --row.")
        if given.failures:
            raise DataError(f"'{given.names[0]}' cannot be read: {next(iter(given.failures.values()))}")
        return given.items[0]
    return given.items[_place(args, given)]


def _place(args: argparse.Namespace, given: Gathered) -> int:
    """The position of the row among the items that could be read."""
    if not 0 <= args.row < len(given.names):
        raise UsageError(f"--row must be from 0 to {len(given.names) - 1} for '{args.item}'. Got {args.row} instead.")
    if args.row in given.failures:
        raise DataError(f"Row {args.row} of '{args.item}' cannot be read: {given.failures[args.row]}")
    return int(given.index.searchsorted(args.row))


def _write(out: Path, found: Explanation, name: str) -> None:
    from headstart.report.explanation import explanation_page

    page = explanation_page(found, name)
    with atomic_file(out) as scratch:
        scratch.write_text(page, encoding="utf-8")


def _print(found: Explanation) -> None:
    write_pair("item", found.item)
    write_pair("answer", found.predicted)
    if outputs := found.shown_outputs():
        write_pair("asked", found.question)
        write_pair("outputs", outputs)
    if found.novelty is not None:
        write_pair("novelty", found.novelty.sentence)
    for one in found.attributions:
        _print_one(one)
    for note in found.notes:
        write_pair("note", note)


def _print_one(one: Attribution) -> None:
    from headstart.attributions import LayerShares, TrainingItems

    write_pair("", "")
    write_pair(one.method.replace("_", " "), one.title, room=22)
    if isinstance(one.shown, TrainingItems):
        for side, items in (("for", one.shown.supporters), ("against", one.shown.opponents)):
            for item in items[:SHOWN]:
                text = f" {item.text}" if item.text else ""
                write_pair(
                    f"  {side}" if one.shown.opponents else "  like",
                    f"{item.value:+.3f}  {item.label}  {item.id}{text}",
                )
    else:
        if isinstance(one.shown, LayerShares):
            write_pair("", one.shown.sentence)
        for name, value in one.shown.largest(SHOWN):
            write_pair(f"  {value:+.3f}", name)
    write_pair("", one.words())
