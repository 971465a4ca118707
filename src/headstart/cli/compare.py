"""``headstart compare``."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import judging_arguments
from headstart.cli.output.console import ConsoleReporter, json_text, reporter_of, write_line
from headstart.errors import UsageError
from headstart.io import is_run, path_exists
from headstart.model.task_folders import task_folders

if TYPE_CHECKING:
    from headstart.transfer.compare_models import ModelComparison

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Compare saved models on labelled items, or on the items that their runs held out.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["compare", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        2
    """
    models, data = _parted(args.given)
    from headstart.transfer.compare_models import compare

    reporter = reporter_of(args)
    found = compare(models, data, margin=args.margin, reporter=reporter, **judging_arguments(args))
    if args.json:
        write_line(json_text({"models_at": models, "data_at": data, **found.record, "out": args.out}))
    else:
        _next(args, found, models, data, reporter)
    return 0


def _parted(given: list[str]) -> tuple[list[str], str | None]:
    """The models, and the data: the last argument, unless it is a run folder too."""
    *models, last = given
    if models and not is_run(Path(last)) and task_folders(Path(last)) is None:
        if len(models) > 1:
            return models, last
        what = "is no run folder" if path_exists(Path(last)) else "does not exist"
        raise UsageError(
            f"'{last}' {what}, so there is only one model; give two or more: headstart compare MODEL MODEL DATA."
        )
    if not models:
        raise UsageError("There is only one model; give two or more: headstart compare MODEL MODEL DATA.")
    return given, None


def _next(
    args: argparse.Namespace, found: ModelComparison, models: list[str], data: str | None, reporter: ConsoleReporter
) -> None:
    """What to run after this: the comparison with its page, or the answers of the best model."""
    if args.out is None:
        words = [*models, *([] if data is None else [data])]
        reporter.line("next", f"headstart compare {shlex.join(words)} --out DIR")
    else:
        best = models[found.comparison.best]
        reporter.line("next", f"headstart predict {shlex.quote(best)} ITEM")
