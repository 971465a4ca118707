"""``headstart demo``: the main workflow, offline, on data that come with the installation."""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headstart.cli.output.console import ConsoleReporter, json_text, reporter_of, write_line
from headstart.cli.output.runs import summary

__all__ = ["REQUESTS", "run"]

REQUESTS = (
    "my parcel was supposed to be here on tuesday",
    "the mug arrived in three pieces",
    "do you know a good pizza place?",
)


def run(args: argparse.Namespace) -> int:
    """Fit support requests, scanned digits (as numbers and as pictures) and drawn scenes, each with its default source.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> build_parser().parse_args(["demo"]).out
        'runs/demo'
    """
    reporter = reporter_of(args)
    out = Path(args.out)
    found = {
        "text": _texts(out / "support-requests", reporter),
        "digits": _digits(out / "digits", reporter),
        "digit-pictures": _digit_pictures(out / "digit-pictures", reporter),
        "scenes": _scenes(out / "scenes", reporter),
    }
    if args.json:
        write_line(json_text(found))
        return 0
    write_line()
    reporter.line("reports", ", ".join(str(Path(one["run"]) / "report.html") for one in found.values()))
    reporter.line("next", f"headstart predict {out / 'support-requests'} 'where is my order?'")
    reporter.line("", "headstart fit YOUR-DATA")
    return 0


def _texts(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.transfer import fit

    reporter.line("demo 1", "support requests: 14 intents, 448 texts, encoded by a pretrained text body")
    with as_file(files("headstart") / "assets" / "support_requests.csv") as table:
        run = fit(str(table), out=out, reporter=reporter, command="headstart demo")
    probabilities = run.predict_proba(REQUESTS)
    for request, label, row in zip(REQUESTS, run.predict(REQUESTS), probabilities, strict=True):
        reporter.line("prediction", f"{request!r} -> {label} ({row.max():.2f})")
    return {
        "run": str(out),
        **summary(run.record),
        "predictions": dict(zip(REQUESTS, run.predict(REQUESTS), strict=True)),
    }


def _digits(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from sklearn.datasets import load_digits

    from headstart.transfer import fit

    write_line(stream=reporter.stream)
    reporter.line("demo 2", "scanned digits: 10 classes, 1797 pictures of 8 x 8 pixels as rows of 64 numbers")
    digits = load_digits()
    run = fit((digits.data, digits.target), out=out, reporter=reporter, command="headstart demo")
    return {"run": str(out), **summary(run.record)}


def _digit_pictures(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.cli.demo_pictures import write_digits
    from headstart.transfer import fit

    write_line(stream=reporter.stream)
    reporter.line("demo 3", "the same digits as 1797 PNG files, encoded by the image body that comes with headstart")
    with TemporaryDirectory(prefix="headstart-demo-") as folder:
        run = fit(write_digits(Path(folder)), out=out, reporter=reporter, command="headstart demo")
    return {"run": str(out), **summary(run.record)}


def _scenes(out: Path, reporter: ConsoleReporter) -> dict[str, Any]:
    from headstart.cli.demo_pictures import SCENES, draw_scenes
    from headstart.transfer import fit

    write_line(stream=reporter.stream)
    reporter.line("demo 4", f"pictures drawn by the program: {len(SCENES)} scenes, 12 of each")
    with TemporaryDirectory(prefix="headstart-demo-") as folder:
        drawn, new = draw_scenes(Path(folder) / "scenes", each=12), draw_scenes(Path(folder) / "new", each=1, seed=1)
        run = fit(drawn, out=out, reporter=reporter, command="headstart demo")
        names = sorted(SCENES)
        predicted = run.predict([str(new / name / "000.png") for name in names])
    by_scene = dict(zip(names, predicted, strict=True))
    reporter.line("prediction", "one new drawing of each: " + ", ".join(f"{k} -> {v}" for k, v in by_scene.items()))
    return {"run": str(out), **summary(run.record), "predictions": by_scene}
