"""``headstart drift``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import engine_of
from headstart.cli.input.versions import named_version
from headstart.cli.output.console import json_text, reporter_of, write_line, write_table

if TYPE_CHECKING:
    from headstart.transfer.drifting.result import Drift

__all__ = ["run"]

SHOWN = 8  # rows of a table
NAMES = {
    "mmd": "MMD²", "classifier": "left-out squared error of the classifier", "frechet": "Fréchet distance",
    "outputs": "mean outputs of the model",
}  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Compare new items with those of a fit; items that cannot be read are reported and make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["drift", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.drift import drift

    reporter = reporter_of(args, sys.stderr)  # standard output is kept for the measures
    found = drift(
        named_version(args),
        args.data,
        reference=args.reference,
        level=args.level,
        item=args.item,
        group_col=args.group_col,
        group_pattern=args.group_pattern,
        seed=args.seed,
        engine=engine_of(args),
        reporter=reporter,
    )
    for note in found.notes:
        reporter.warning(note)
    if args.json:
        write_line(json_text(found.to_dict()))
        return 1 if found.failures else 0
    for rows, right in _tables(found):
        write_table(rows, right=right)
        write_line("")
    write_line(found.sentence)
    return 1 if found.failures else 0


def _tables(found: Drift) -> Iterator[tuple[list[Sequence[str]], list[int]]]:
    """The tables that there is something to show in, with the columns that are aligned to the right."""
    one = found.a_distance
    distance = ("proxy A-distance, 0 to 2", f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]", "0", "")
    rows = [(NAMES[t.name], f"{t.value:.4g}", f"{t.expected:.4g}", f"{t.p_value:.2g}") for t in found.tests]
    yield (
        [(f"{found.items:,} items against {found.reference:,}", "value", "by chance", "p"), distance, *rows],
        [1, 2, 3],
    )
    if found.columns:
        lines = [
            (c.name, f"{c.moved:+.2f}", c.test, f"{c.statistic:.3g}", f"{c.p_holm:.2g}") for c in found.columns[:SHOWN]
        ]
        yield [("column", "moved (sd)", "test", "statistic", "p (Holm)"), *lines], [1, 3, 4]
    if found.groups:
        groups = [(g.name, f"{g.items}", f"{g.mmd:.3g}", f"{g.p_holm:.2g}") for g in found.groups[:SHOWN]]
        yield [("group", "items", "MMD²", "p (Holm)"), *groups], [1, 2, 3]
    shift = found.label_shift
    if shift is not None:
        em = shift.em
        order = sorted(range(len(em.shares)), key=lambda k: -abs(em.shares[k] - em.source_shares[k]))
        shares = [
            (
                found.task.labels[k],
                f"{em.source_shares[k]:.3f}",
                f"{em.shares[k]:.3f} [{em.low[k]:.3f}, {em.high[k]:.3f}]",
                "" if shift.bbse is None else f"{shift.bbse.shares[k]:.3f}",
            )
            for k in order[:SHOWN]
        ]
        yield [("class", "share in the fit", "now (EM)", "BBSE"), *shares], [1, 2, 3]
    if found.far:
        far = [(i.id, f"{i.distance:.2f}", f"{i.p_value:.2g}") for i in found.farthest[: min(SHOWN, found.far)]]
        yield [("farthest item", "distance", "p"), *far], [1, 2]
