"""``headstart predict``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.cli.input.arguments import engine_of
from headstart.cli.output.answer_lines import report_answers
from headstart.cli.output.answers import FORMATS, answer
from headstart.cli.output.certainty_columns import add_certainty, asked_certainty, uncalibrated_line
from headstart.cli.output.console import ConsoleReporter, reporter_of
from headstart.cli.output.coverage_columns import asked_predictor, coverage_columns, size_line
from headstart.cli.output.out_file import check_out_file
from headstart.engine.capabilities import runtime_of
from headstart.errors import UsageError
from headstart.io import read_json
from headstart.tasks.rounding import rounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from headstart.model import Prediction, TransferModel
    from headstart.model.coverage import ConformalPredictor

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Predict; items that cannot be read are reported and make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["predict", "no-such-model", "an item"])     # the reason goes to standard error
        2
    """
    from headstart.cli.input.items import gather_items
    from headstart.model import TransferModel
    from headstart.model.as_fitted import check_any_left
    from headstart.model.files.annotation_model import annotation_kind
    from headstart.model.task_folders import task_folders
    from headstart.tasks import task_methods

    if annotation_kind(Path(args.model)) is not None:
        from headstart.cli.predict_annotations import run as run_annotations

        return run_annotations(args)
    _refuse_format(args)
    reporter = reporter_of(args, sys.stderr)  # standard output is kept for the predictions
    out = None if args.out is None else check_out_file(args.out, FORMATS, args.items)
    priors = _priors(args.priors)  # before the model is loaded: a bad value should fail at once
    if task_folders(args.model) is not None:
        from headstart.cli.predict_tasks import run as run_tasks

        return run_tasks(args, out)
    model = TransferModel.load(args.model, engine=engine_of(args), version=args.version)
    predictor, certain = asked_predictor(args, model), asked_certainty(args, model)
    given = gather_items(args.items, model, item=args.item)
    for note in given.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        predicted = model.predict_readable(given.items, progress=step)
    # three numberings: `given.names` (all items), `given.items` (those read) and `predicted` (those encoded too);
    # answers and failures are both keyed by the position among the names
    index = given.index[predicted.index]
    failures = {**given.failures, **{int(given.index[i]): reason for i, reason in predicted.failures.items()}}
    check_any_left(len(index), given.names, failures)
    _report_encoding(predicted, model, reporter)
    outputs = predicted.outputs if priors is None else model.with_priors(predicted.outputs, priors)
    decoded = task_methods(model.task).decode(outputs, model.task)
    answers = {
        int(position): answer(label, output, model.task)
        for position, label, output in zip(index, decoded, rounded(outputs, model.task), strict=True)
    }
    if predictor is not None:
        _add_coverage(args, predictor, predicted, answers, index)
    add_certainty(certain, predicted, answers, index, names=given.names, reporter=reporter)
    _report_shift(model, predicted, reporter)
    if uncalibrated := uncalibrated_line(model):
        reporter.line("probabilities", uncalibrated)
    return report_answers(
        args,
        out,
        given,
        answers,
        failures=dict(sorted(failures.items())),
        tasks={"prediction": model.task},
        calibrated=not uncalibrated,
    )


def _add_coverage(
    args: argparse.Namespace,
    predictor: ConformalPredictor,
    predicted: Prediction,
    answers: dict[int, dict[str, Any]],
    index: NDArray[np.intp],
) -> None:
    """Add the columns of ``--coverage`` to the answers, and say what they promise."""
    if predicted.encoding is None:
        return
    reporter = reporter_of(args, sys.stderr)
    columns = coverage_columns(
        predictor, predicted.encoding.rows, predicted.outputs, args.coverage, per_class=args.per_class
    )
    for position, further in zip(index, columns, strict=True):
        answers[int(position)] |= further
    reporter.line("coverage", predictor.sentence(args.coverage, per_class=args.per_class))
    size = size_line(columns, predictor)
    if size:
        reporter.line("sets" if "set" in columns[0] else "intervals", size)


def _report_encoding(predicted: Prediction, model: TransferModel, reporter: ConsoleReporter) -> None:
    if predicted.encoding is None:
        return
    for detail in predicted.encoding.details:
        reporter.detail("encoding", detail)
    for note in predicted.encoding.notes:
        if note != runtime_of(model.source).hint:  # the fit reported it already
            reporter.line("encoding", note)


def _report_shift(model: TransferModel, predicted: Prediction, reporter: ConsoleReporter) -> None:
    """Whether the items look like the training items; nothing for fewer than 50 of them."""
    from headstart.evaluate.shift.least_items import LEAST

    if predicted.encoding is None or len(predicted.outputs) < LEAST:
        return
    from headstart.transfer.drifting.batch import batch_shift

    found = batch_shift(model, predicted.encoding.rows, predicted.outputs)
    if found is None:
        return
    if found.differs:
        reporter.warning(found.sentence)
    else:
        reporter.line("shift", found.sentence)


def _refuse_format(args: argparse.Namespace) -> None:
    if Path(args.model).exists() and (args.format is not None or args.overwrite):
        option = "--overwrite" if args.format is None else "--format"
        raise UsageError(
            f"{option} is for models that mark spans, boxes or masks; leave it out, and name a file such as "
            "'answers.csv' with --out."
        )


def _priors(given: str | None) -> Any:
    """The value of ``--priors`` if it is a keyword, or else the content of the JSON file: class shares by label."""
    if given in (None, "uniform", "estimate"):
        return given
    if not Path(given).is_file():
        raise UsageError(
            f"--priors must be uniform, estimate or a JSON file of shares by label. Got '{given}' instead."
        )
    return read_json(Path(given))
