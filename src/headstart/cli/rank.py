"""``headstart rank``."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.console import json_text, reporter_of, write_line
from headstart.cli.encoding import engine_of
from headstart.cli.fit import named_sources, reading_options
from headstart.cli.out_file import check_out_file
from headstart.cli.rank_table import profile_lines, table_lines
from headstart.io import atomic_file, write_csv
from headstart.params import parse_duration

if TYPE_CHECKING:
    from headstart.transfer import Ranking

__all__ = ["run"]

FEW_SOURCES = 4  # whose profiles --json gives without being asked


def run(args: argparse.Namespace) -> int:
    """Rank, show the table, and end with the next command.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["rank", "no-such-folder", "--sources", "toy"])     # the reason goes to standard error
        2
    """
    from headstart.transfer import rank
    from headstart.transfer.ranking.limits import parse_count

    reporter = reporter_of(args)
    out = None if args.out is None else check_out_file(args.out, (".csv", ".json"), [args.data])
    names = named_sources(args)
    ranking = rank(
        args.data,
        names,
        scores=tuple(args.scores),
        profile=args.profile or (args.json and names is not None and len(names) <= FEW_SOURCES),
        untrained=not args.no_untrained,
        max_params=None if args.max_params is None else parse_count(args.max_params),
        license=args.license,
        time_limit=None if args.time_limit is None else parse_duration(args.time_limit),
        seed=args.seed,
        engine=engine_of(args),
        reporter=reporter,
        **reading_options(args),
    )
    if out is not None:
        _write(out, ranking)
    if args.json:
        write_line(json_text(ranking.to_dict()))
        return 0
    for line in _lines(ranking, args):
        write_line(line)
    if out is not None:
        reporter.line("saved", str(out))
    reporter.line("next", f"headstart fit {shlex.quote(args.data)} --source {shlex.quote(ranking.first.source)}")
    return 0


def _lines(ranking: Ranking, args: argparse.Namespace) -> Sequence[str]:
    lines = ["", *table_lines(ranking, tuple(args.scores)), ""]
    if args.profile:
        lines += profile_lines(ranking)
    lines += [f"{'why':<18} {ranking.why}", f"{'take':<18} {ranking.advice}", f"{'ranked on':<18} {ranking.how}"]
    lines += [f"{'note':<18} {note}" for note in ranking.notes]
    return [*lines, f"{'time':<18} {ranking.seconds:.1f} s"]


def _write(path: Path, ranking: Ranking) -> None:
    with atomic_file(path) as scratch:
        if path.suffix == ".json":
            scratch.write_text(json.dumps(json.loads(json_text(ranking.to_dict())), indent=2) + "\n", encoding="utf-8")
            return
        rows = ranking.rows()
        write_csv(scratch, rows, list(dict.fromkeys(key for row in rows for key in row)))
