"""``headstart demo``: the main job, offline, on data that come with the install."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from headstart.cli.console import ConsoleReporter, json_text, write_line
from headstart.cli.runs import summary

__all__ = ["REQUESTS", "run"]

REQUESTS = (
    "my parcel was supposed to be here on tuesday",
    "the mug arrived in three pieces",
    "do you know a good pizza place?",
)


def run(args: argparse.Namespace) -> int:
    """Fit support requests through the text source and scanned digits through the vector source.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> build_parser().parse_args(["demo"]).out
        'runs/demo'
    """
    reporter = ConsoleReporter(sys.stderr if args.json else sys.stdout)
    out = Path(args.out)
    text = _texts(out / "support-requests", reporter)
    digits = _digits(out / "digits", reporter)
    if args.json:
        write_line(json_text({"text": text, "digits": digits}))
        return 0
    write_line()
    reporter.line("reports", f"{out / 'support-requests' / 'report.html'} and {out / 'digits' / 'report.html'}")
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
