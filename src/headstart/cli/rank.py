"""``headstart rank``."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import engine_of, reading_options, seconds_of, sources_to_rank
from headstart.cli.output.console import ConsoleReporter, json_text, reporter_of, write_line, write_table, write_text
from headstart.cli.output.out_file import check_out_file
from headstart.cli.output.rank_table import profile_lines, table_rows
from headstart.io import atomic_file, write_csv

if TYPE_CHECKING:
    from headstart.transfer import Ranking
    from headstart.transfer.ranking.annotated import AnnotationRanking

__all__ = ["run"]

FEW_SOURCES = 4  # up to this many sources, --json gives their profiles even without --profile


def run(args: argparse.Namespace) -> int:
    """Rank the sources, show the table, and end with the next command.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["rank", "no-such-folder", "--sources", "toy"])     # the reason goes to standard error
        2
    """
    from headstart.transfer import rank
    from headstart.transfer.ranking.annotated import AnnotationRanking
    from headstart.transfer.ranking.limits import parse_count

    reporter = reporter_of(args)
    out = None if args.out is None else check_out_file(args.out, (".csv", ".json"), [args.data])
    names = sources_to_rank(args)
    # the profile of a source costs little compared with encoding the items
    ranking = rank(
        args.data,
        names,
        scores=tuple(args.scores),
        profile=args.profile or (args.json and names is not None and len(names) <= FEW_SOURCES),
        untrained=not args.no_untrained,
        max_params=None if args.max_params is None else parse_count(args.max_params),
        license=args.license,
        time_limit=seconds_of(args),
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
    if isinstance(ranking, AnnotationRanking):
        _show_annotations(ranking, reporter)
    else:
        _show(ranking, args, reporter)
    if out is not None:
        reporter.line("saved", str(out))
    reporter.line("next", f"headstart fit {shlex.quote(args.data)} --source {shlex.quote(ranking.first.source)}")
    return 0


def _show(ranking: Ranking, args: argparse.Namespace, reporter: ConsoleReporter) -> None:
    write_line()
    write_table(table_rows(ranking, tuple(args.scores)), flexible=1)
    for standing in ranking.standings:
        if standing.reason:
            write_text(f"{standing.state}: {standing.source}: {standing.reason}")
    write_line()
    for line in profile_lines(ranking) if args.profile else ():
        write_line(line)
    reporter.line("why", ranking.why)
    reporter.result("take", ranking.advice)
    reporter.line("ranked on" if len(ranking.ranked) > 1 else "measured on", ranking.how)
    for note in ranking.notes:
        reporter.line("note", note)
    reporter.line("time", f"{ranking.seconds:.1f} s")


def _show_annotations(ranking: AnnotationRanking, reporter: ConsoleReporter) -> None:
    write_line()
    measured = [one for one in ranking.standings if one.value is not None]
    rows = [["source", ranking.metric.replace("_", " "), "parameters", "seconds"]]
    rows += [
        [one.source, f"{one.value:.3f}", f"{one.info.parameters or 0:,}", f"{one.seconds:.1f}"] for one in measured
    ]
    write_table(rows, flexible=1)
    for one in ranking.standings:
        if one.reason:
            write_text(f"{one.source}: {one.reason}")
    write_line()
    reporter.result("take", ranking.first.source)
    reporter.line("ranked on" if len(measured) > 1 else "measured on", ranking.how)


def _write(path: Path, ranking: Ranking | AnnotationRanking) -> None:
    with atomic_file(path) as scratch:
        if path.suffix == ".json":
            scratch.write_text(json.dumps(json.loads(json_text(ranking.to_dict())), indent=2) + "\n", encoding="utf-8")
            return
        rows = ranking.rows()
        write_csv(scratch, rows, list(dict.fromkeys(key for row in rows for key in row)))
