"""``headstart demo``: the main workflow, offline, on data that come with the installation."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from headstart.cli.output.console import ConsoleReporter, json_text, reporter_of, write_line
from headstart.cli.output.runs import summary
from headstart.errors import MissingExtraError

if TYPE_CHECKING:
    from headstart.transfer import Run
    from headstart.types import Dataset

__all__ = ["REQUESTS", "REQUESTS_ZH", "run"]

REQUESTS = (
    "my parcel was supposed to be here on tuesday",
    "the mug arrived in three pieces",
    "do you know a good pizza place?",
)
TILES = (
    "tiles of two photographs: sky, tower, trees, flower or leaves, each rectangle of tiles held out in turn; the "
    "other rectangles are of the same photographs"
)
REQUESTS_ZH = ("我的货还在路上吗", "碗摔碎了", "能开公司抬头的票吗")


def run(args: argparse.Namespace) -> int:
    """Fit texts in two languages, photographs, voices and numbers, each with its default source.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> build_parser().parse_args(["demo"]).out
        'runs/demo'
    """
    reporter = reporter_of(args)
    out = Path(args.out)
    parts: dict[str, tuple[str, Callable[[Path, ConsoleReporter], dict[str, Any]]]] = {
        "text": ("support requests: 14 intents, 448 English texts", _english),
        "text-zh": ("support requests in Chinese: 8 intents, 112 texts", _chinese),
        "photographs": (
            TILES,
            _photographs,
        ),
        "voices": ("eight spoken words by twelve synthetic voices, each voice held out in turn", _voices),
        "words": (
            "persons, places, firms and products in 60 made sentences; 120 with other names and contexts test",
            _words,
        ),
        "boxes": ("discs, rings and squares among other shapes in 24 drawn pictures; 16 test", _boxes),
        "masks": ("cells among bubbles, drops and fibres in 16 drawn pictures; 12 test", _masks),
        "digits": ("scanned digits: 10 classes, 1797 rows of 64 numbers, without a pretrained body", _digits),
    }
    found = {}
    for number, (name, (words, fit_part)) in enumerate(parts.items(), 1):
        if number > 1:
            write_line(stream=reporter.stream)
        reporter.line(f"demo {number}", words)
        try:
            found[name] = fit_part(out / name, reporter)
        except MissingExtraError as error:
            reporter.warning(f"This part is left out. {error}")
    if args.json:
        write_line(json_text(found))
        return 0
    write_line()
    reporter.line("reports", ", ".join(str(Path(one["run"]) / "report.html") for one in found.values()))
    if "text" in found:
        reporter.line("next", f"headstart predict {out / 'text'} 'where is my order?'")
        reporter.line("", "headstart fit YOUR-DATA")
    else:
        reporter.line("next", "headstart fit YOUR-DATA")
    return 0


def _english(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    return _texts("support_requests.csv", REQUESTS, out, reporter)


def _chinese(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    return _texts("support_requests_zh.csv", REQUESTS_ZH, out, reporter)


def _texts(table: str, requests: tuple[str, ...], out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.transfer import fit

    with as_file(files("headstart") / "assets" / table) as path:
        run = cast("Run", fit(str(path), out=out, reporter=reporter, command="headstart demo"))
    labels, probabilities = run.predict(requests), run.predict_proba(requests)
    for request, label, row in zip(requests, labels, probabilities, strict=True):
        reporter.line("prediction", f"{request!r} -> {label} ({row.max():.2f})")
    return {"run": str(out), **summary(run.record), "predictions": dict(zip(requests, labels, strict=True))}


def _photographs(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.cli.demonstration.photographs import RECTANGLE, cut_photographs
    from headstart.transfer import fit

    with TemporaryDirectory(prefix="headstart-demo-") as folder:
        tiles = cut_photographs(Path(folder))
        run = fit(tiles, group_pattern=RECTANGLE, out=out, reporter=reporter, command="headstart demo")
    return {"run": str(out), **summary(run.record)}


def _voices(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.transfer import fit

    voice = r"/([a-z]+)\.ogg"  # the file's name is that of the voice
    with as_file(files("headstart") / "assets" / "spoken_words.tar") as path:
        run = fit(str(path), group_pattern=voice, out=out, reporter=reporter, command="headstart demo")
    return {"run": str(out), **summary(run.record)}


def _words(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.cli.demonstration.annotations import in_parts, made_sentences

    return _annotated(in_parts(made_sentences(60), made_sentences(120, part="test")), out, reporter)


def _boxes(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.cli.demonstration.annotations import drawn_objects, in_parts

    return _annotated(in_parts(drawn_objects(24), drawn_objects(16, seed=1)), out, reporter)


def _masks(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.cli.demonstration.annotations import drawn_cells, in_parts

    return _annotated(in_parts(drawn_cells(16), drawn_cells(12, seed=1)), out, reporter)


def _annotated(data: Dataset, out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.transfer import fit

    run = fit(data, out=out, reporter=reporter, command="headstart demo")
    return {"run": str(out), **summary(run.record)}


def _digits(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from sklearn.datasets import load_digits

    from headstart.transfer import fit

    digits = load_digits()
    run = fit((digits.data, digits.target), out=out, reporter=reporter, command="headstart demo")
    return {"run": str(out), **summary(run.record)}
