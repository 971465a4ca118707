"""``headstart adapt``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import engine_of
from headstart.cli.input.versions import named_version
from headstart.cli.output.console import json_text, reporter_of, write_line, write_table

if TYPE_CHECKING:
    from headstart.transfer.adapting.result import Adaptation

__all__ = ["run"]

TITLES = {"deep_embedded": "deep embedded", "circular": "circular", "neighbours": "neighbours", "shares": "shares"}


def run(args: argparse.Namespace) -> int:
    """Adapt a model to unlabelled items; items that cannot be read are reported and make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["adapt", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.adapt import adapt

    reporter = reporter_of(args, sys.stderr)  # standard output is kept for the candidates
    found = adapt(
        named_version(args),
        args.data,
        out=args.out,
        methods=None if args.methods is None else args.methods.split(","),
        test=args.test,
        overwrite=args.overwrite,
        item=args.item,
        level=args.level,
        seed=args.seed,
        engine=engine_of(args),
        reporter=reporter,
    )
    if args.json:
        write_line(json_text({"model": args.model, "out": args.out, **found.to_dict()}))
        return 1 if found.drift.failures else 0
    if found.decision.candidates:
        rows, right = _table(found)
        write_table(rows, right=right)
        write_line("")
    write_line(found.sentence)
    if args.out is not None:
        what = "the adapted model" if found.decision.adapts else "the unchanged model"
        write_line(f"{what} is in {args.out}")
    return 1 if found.drift.failures else 0


def _table(found: Adaptation) -> tuple[list[tuple[str, ...]], list[int]]:
    """Every candidate with its scores, and its metric on labelled items where there are some."""
    used = [name for name in TITLES if any(name in one.z for one in found.decision.candidates)]
    head = ["candidate", *(TITLES[name] for name in used)]
    if found.judged:
        head.append("test")
    rows: list[tuple[str, ...]] = [(*head, "why not")]
    for one in found.decision.candidates:
        row = [one.name, *(f"{one.values[name]:.3f} (z {one.z[name]:+.1f})" if name in one.z else "" for name in used)]
        if found.judged:
            judged = found.judged.get(one.name)
            row.append("" if judged is None else f"{judged.metrics[judged.main].value:.3f}")
        rows.append((*row, one.refused or "chosen"))
    return rows, list(range(1, len(head)))
