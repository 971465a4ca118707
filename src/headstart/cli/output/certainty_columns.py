"""``--max-error``, ``--novel``: answers that are withheld, the column ``novel``, and the lines that say what holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, UsageError
from headstart.linear.selective import check_max_error
from headstart.reporting import Reporter

if TYPE_CHECKING:
    from headstart.model import Prediction, TransferModel
    from headstart.model.abstention import SelectivePredictor
    from headstart.model.novelty import NoveltyDetector

__all__ = ["Asked", "add_certainty", "asked_certainty", "uncalibrated_line"]

NAMED = 5  # novel items that a warning lists


@dataclass(frozen=True)
class Asked:
    """What is looked at beside the predictions of one model.

    Attributes:
        selective: what promises the error of ``--max-error``; None without the option.
        max_error: that error.
        detector: what tells novel items; None where the model cannot.
        false_alarm: the share of items like the training items that is flagged at most.
        column: whether the column ``novel`` is written.
        why_not: why novel items cannot be told, if the column is written all the same.

    Examples:
        >>> Asked(None, None, None, 0.01, column=False).why_not
        ''
    """

    selective: SelectivePredictor | None
    max_error: float | None
    detector: NoveltyDetector | None
    false_alarm: float
    column: bool
    why_not: str = ""


def asked_certainty(args: argparse.Namespace, model: TransferModel) -> Asked:
    """What ``--max-error``, ``--novel`` and ``--false-alarm`` ask for, checked before any item is encoded.

    Args:
        args: the parsed command line.
        model: the fitted model.

    Raises:
        UsageError: if ``--max-error`` is given with ``--priors``.
        ParameterError: if a share does not lie between 0 and 1.
        DataError: if the model cannot promise what was asked for.

    Examples:
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> plain = argparse.Namespace(max_error=None, novel=False, false_alarm=None, coverage=None, priors=None)
        >>> asked_certainty(plain, model).detector is None
        True
    """
    from headstart.model.novelty import FALSE_ALARM, checked_rate

    selective = None
    if args.max_error is not None:
        check_max_error(args.max_error, "--max-error")
        if args.priors is not None:
            raise UsageError(
                "--max-error holds for items with the class shares of the training data, and --priors says that these "
                "differ; give one of the two."
            )
        selective = model.selective()
    rate = FALSE_ALARM if args.false_alarm is None else checked_rate(args.false_alarm)
    named = args.novel or args.false_alarm is not None
    detector, why_not = None, ""
    try:
        detector = model.novelty_detector()
        detector.check(rate)
    except DataError as error:
        if named:
            raise
        detector, why_not = None, str(error)
    column = named or args.coverage is not None or args.max_error is not None
    return Asked(selective, args.max_error, detector, rate, column, why_not)


def add_certainty(
    asked: Asked,
    predicted: Prediction,
    answers: Mapping[int, dict[str, Any]],
    index: NDArray[np.intp],
    *,
    names: Sequence[str],
    reporter: Reporter,
    prefix: str = "",
) -> None:
    """Withhold answers that no error is promised for, add the column ``novel``, and report both.

    Args:
        asked: from `asked_certainty`.
        predicted: outputs and rows of the items.
        answers: by position of the item; changed in place.
        index: (n,) positions of the predicted items.
        names: of all items.
        reporter: receives the lines and the warning.
        prefix: name of the label column and a dot, if there are several.

    Examples:
        >>> from headstart.model import Prediction
        >>> from headstart.reporting import SilentReporter
        >>> asked = Asked(None, None, None, 0.01, column=True, why_not="too few")
        >>> answers = {0: {"prediction": "a"}}
        >>> found = Prediction(np.array([[0.9, 0.1]]), np.array([0]), {})
        >>> add_certainty(asked, found, answers, np.array([0]), names=["x"], reporter=SilentReporter())
        >>> answers
        {0: {'prediction': 'a', 'novel': None}}
    """
    of = f" of {prefix[:-1]}" if prefix else ""
    if asked.selective is not None and asked.max_error is not None:
        given = asked.selective.answered(predicted.outputs, asked.max_error)
        for position in index[~given]:
            answers[int(position)][prefix[:-1] or "prediction"] = None
        reporter.line(f"max error{of}", asked.selective.sentence(asked.max_error))
        reporter.line(f"answered{of}", f"{int(given.sum())} of {len(given)} items ({_percent(given.mean())})")
    flags = None
    if asked.detector is not None and predicted.encoding is not None:
        flags = asked.detector.p_values(predicted.encoding.rows, predicted.outputs) <= asked.false_alarm
        _report_novel(asked, flags, [names[int(i)] for i in index[flags]], reporter, of)
    elif asked.column and asked.why_not:
        reporter.detail(f"novel{of}", f"not told: {asked.why_not}")  # the column was not asked for by its name
    if asked.column:
        for place, position in enumerate(index):
            answers[int(position)][f"{prefix}novel"] = None if flags is None else bool(flags[place])


def _report_novel(asked: Asked, flags: NDArray[np.bool_], names: Sequence[str], reporter: Reporter, of: str) -> None:
    from headstart.model.novelty import more_than_chance

    many, detector = len(names), asked.detector
    if detector is None:
        return
    chance = f"false-alarm rate {_percent(asked.false_alarm)}"
    if many and more_than_chance(many, len(flags), detector.units, asked.false_alarm):
        listed = ", ".join(names[:NAMED]) + (f" and {many - NAMED} more" if many > NAMED else "")
        one = many == 1
        reporter.warning(
            f"{many} of {len(flags)} items {'is' if one else 'are'} unlike anything in the training data{of} "
            f"({chance}), so the answer{'' if one else 's'} may mean nothing: {listed}"
        )
    elif asked.column:
        reporter.line(f"novel{of}", f"{many} of {len(flags)} items, which chance explains ({chance})")


def uncalibrated_line(model: TransferModel) -> str:
    """A sentence for a model whose probabilities were never compared with labelled items; else empty.

    Args:
        model: the model.

    Examples:
        >>> from headstart import zero_shot
        >>> uncalibrated_line(zero_shot(["parcel", "refund"], source="toy", verbose=False))
        'uncalibrated: no labelled items were there to compare them with; they rank the classes and promise nothing'
    """
    if not model.head.uncalibrated:
        return ""
    return "uncalibrated: no labelled items were there to compare them with; they rank the classes and promise nothing"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
