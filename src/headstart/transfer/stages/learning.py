"""The learning curve of a fit: what more labels would bring, at the chosen features and head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.evaluate.curves.measure import JudgedItems, Subject
from headstart.evaluate.learning_curve import Final, LearningCurve, curve_of
from headstart.heads import HEADS, SpectralHead
from headstart.heads.registry import solved_heads
from headstart.reporting import Reporter
from headstart.rows import take_rows
from headstart.transfer.stages.judge import ENCODING_SECONDS, Judged
from headstart.transfer.stages.prepare import Prepared

__all__ = ["learning_curve_of"]

MOST_JUDGED = 5000  # items on which errors are counted: the standard error of a share is then below 0.7 points
LEAST_SECONDS = 0.5
SHARE = 0.03  # of the time that encoding usually takes
MOST_SOLVED_AGAIN = 2000  # training rows up to which a closed-form head stands in for one that has no closed form


def learning_curve_of(prepared: Prepared, judged: Judged, reporter: Reporter) -> LearningCurve | str:
    """The learning curve of the model's head, reported in a line; where it cannot be measured, why in a sentence.

    The last point is the evaluation itself; fits on at most half of the items give the others. A head without a closed
    form is represented by one that has it, on the same features. A fine-tuned body has no curve: its features depend on
    all labels.

    Args:
        prepared: encoded items.
        judged: the model and its evaluation.
        reporter: receives the forecast.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> x = np.random.default_rng(0).normal(size=(120, 4))
        >>> data, silent = read((x, np.where(x[:, 0] > 0, "right", "left").tolist())), SilentReporter()
        >>> prepared = prepare(data, open_source("vector"), RunContext(silent))
        >>> learning_curve_of(prepared, judge(prepared, HeadSearch(), 0, silent), silent).sizes[-1]
        108.0
    """
    if judged.model.source is not prepared.source:
        return "No learning curve: the features of a fine-tuned body depend on all labels."
    subject = _subject(prepared, judged)
    if subject is None:
        return f"No learning curve: the head {judged.model.head.head} has no closed form, and {MOST_SOLVED_AGAIN:,} \
training items at most are solved again with one that has."
    y = prepared.dataset.labelled()[1]
    evaluated, outputs, groups = judged.plan.evaluated, judged.outputs, judged.groups
    counted = np.arange(len(evaluated))
    if len(counted) > MOST_JUDGED:
        counted = np.sort(np.random.default_rng(judged.seed).choice(len(counted), MOST_JUDGED, replace=False))
    rows = evaluated[counted]
    fitted = _fitted(judged)
    index = np.where(np.isin(rows, fitted), np.searchsorted(fitted, rows), -1)
    items = JudgedItems(
        subject.feature_map(take_rows(prepared.rows, rows)[:]),
        y[rows],
        index if len(judged.plan.parts) > 1 else None,
        None if groups is None else groups[rows],
    )
    labels = float(np.mean([len(train) for train, _ in judged.plan.parts]))
    final = Final(labels, outputs[counted]) if subject.head.name == judged.model.head.head else None
    seconds = max(LEAST_SECONDS, SHARE * len(y) * ENCODING_SECONDS.get(prepared.dataset.modality, 0.0))
    try:
        with reporter.progress("measuring the learning curve"):
            curve = curve_of(subject, items, final=final, seconds=seconds)
    except DataError as error:
        reporter.detail("learning curve", str(error))
        return str(error)
    reporter.line("more labels", curve.sentence)
    return curve


def _fitted(judged: Judged) -> NDArray[np.intp]:
    """Positions of the rows that the model was fitted on, without dropped suspects."""
    return np.delete(judged.plan.fitted, judged.model.head.dropped)


def _subject(prepared: Prepared, judged: Judged) -> Subject | None:
    task, y = prepared.dataset.labelled()
    fitted, head, search = _fitted(judged), judged.model.head, judged.search
    kind = HEADS[head.head]
    if not isinstance(kind, SpectralHead):
        if len(fitted) > MOST_SOLVED_AGAIN:
            return None
        kind = HEADS[solved_heads(task)[0]]
    if not isinstance(kind, SpectralHead):
        return None
    return Subject(
        take_rows(prepared.rows, fitted), y[fitted], task, head.feature_map, kind,
        None if judged.groups is None else judged.groups[fitted], search.class_weight,
        search.prior if head.prior else None, judged.seed,
    )  # fmt: skip
