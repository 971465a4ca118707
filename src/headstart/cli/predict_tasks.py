"""``headstart predict`` on the folder of a fit with several label columns."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.cli.input.arguments import engine_of
from headstart.cli.output.answer_lines import report_answers
from headstart.cli.output.certainty_columns import add_certainty, asked_certainty
from headstart.cli.output.console import reporter_of
from headstart.cli.output.coverage_columns import asked_predictor, coverage_columns
from headstart.errors import UsageError
from headstart.tasks import is_classification
from headstart.tasks.rounding import rounded

if TYPE_CHECKING:
    from headstart.model import Prediction
    from headstart.model.coverage import ConformalPredictor

__all__ = ["run"]


def run(args: argparse.Namespace, out: Path | None = None) -> int:
    """Predict every label column; each item gives one row with a prediction per column.

    Examples:
        >>> run(argparse.Namespace(priors="uniform"))
        Traceback (most recent call last):
        headstart.errors.UsageError: --priors corrects one classifier; give the run folder of one column.
    """
    if args.priors is not None:
        raise UsageError("--priors corrects one classifier; give the run folder of one column.")
    from headstart.cli.input.items import gather_items
    from headstart.model.as_fitted import check_any_left
    from headstart.tasks import task_methods
    from headstart.transfer.fit_tasks import load_tasks

    models = load_tasks(args.model, engine=engine_of(args))
    predictors = {column: asked_predictor(args, model) for column, model in models.items()}
    certain = {column: asked_certainty(args, model) for column, model in models.items()}
    given = gather_items(args.items, next(iter(models.values())), item=args.item)
    reporter = reporter_of(args, sys.stderr)  # standard output is kept for the predictions
    for note in given.notes:
        reporter.line("read", note)
    answers: dict[int, dict[str, Any]] = {}
    failures = dict(given.failures)
    for column, model in models.items():
        with reporter.progress(f"predicting {column}") as step:
            found = model.predict_readable(given.items, progress=step)
        failures |= {int(given.index[i]): reason for i, reason in found.failures.items()}
        decoded = task_methods(model.task).decode(found.outputs, model.task)
        further = _further(args, column, predictors[column], found)
        for position, label, output, more in zip(
            given.index[found.index], decoded, rounded(found.outputs, model.task), further, strict=True
        ):
            row = answers.setdefault(int(position), {})
            row[column] = label
            if is_classification(model.task):
                row[f"{column}.probability"] = float(output.max())
            row |= more
        place = given.index[found.index]
        add_certainty(certain[column], found, answers, place, names=given.names, reporter=reporter, prefix=f"{column}.")
        predictor = predictors[column]
        if predictor is not None:
            reporter.line(f"coverage of {column}", predictor.sentence(args.coverage, per_class=args.per_class))
    check_any_left(len(answers), given.names, failures)
    tasks = {column: model.task for column, model in models.items()}
    return report_answers(args, out, given, answers, failures=dict(sorted(failures.items())), tasks=tasks)


def _further(
    args: argparse.Namespace, column: str, predictor: ConformalPredictor | None, found: Prediction
) -> list[dict[str, Any]]:
    """The columns of ``--coverage`` for one label column; empty ones without it."""
    if predictor is None or found.encoding is None:
        return [{} for _ in found.outputs]
    return coverage_columns(
        predictor, found.encoding.rows, found.outputs, args.coverage, per_class=args.per_class, prefix=f"{column}."
    )
