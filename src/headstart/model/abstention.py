"""Abstention: a model that answers only where its left-out scores promise an error.

The confidence of an answer is its calibrated probability. `headstart.linear.selective` finds the least confidence above
which the left-out answers promise the error, by an upper bound and not by their own share of mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.heads import FittedHead
from headstart.linear.selective import LEVEL, AnswerSelection, promised_selection
from headstart.model.certainty import VALIDATED, Certainty
from headstart.model.coverage import no_certainty
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["SelectivePredictor", "answer_or_abstain", "selective_predictor"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SelectivePredictor:
    """Which answers of one model are given, for an error that is to be promised.

    Attributes:
        task: the model's label schema, a classification.
        head: its head.
        certainty: the left-out scores that the fit kept.

    Raises:
        DataError: if the task is not a classification.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.linspace(0, 4, 200)[:, None], np.repeat([0, 1], 100)
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task)
        >>> selective = SelectivePredictor(task, head, certainty_of(x, y, task, head, ids=list(map(str, y))))
        >>> selective.selection(0.05).promises, selective.selection(0.01).promises
        (True, False)
        >>> selective.sentence(0.01)[:89]
        'no answer can be promised an error of at most 1% with 95% probability: that takes 299 lef'
    """

    task: Task
    head: FittedHead
    certainty: Certainty

    def __post_init__(self) -> None:
        """Check the task."""
        if not is_classification(self.task):
            other = "values" if is_regression(self.task) else "several labels of an item"
            instead = "intervals" if is_regression(self.task) else "sets of labels"
            raise DataError(
                f"A largest error is a promise on one label for each item; this model gives {other}. Ask for {instead} "
                "of a coverage instead (--coverage 0.9)."
            )

    @cached_property
    def evidence(self) -> tuple[Array, NDArray[np.bool_]]:
        """Confidence (m,) of the left-out answers, and whether each is wrong."""
        outputs = self.certainty.outputs(self.task, self.head.calibration)
        return outputs.max(axis=1), outputs.argmax(axis=1) != self.certainty.labels

    def selection(self, max_error: float) -> AnswerSelection:
        """The least confidence above which the error is promised, with the evidence for it.

        Args:
            max_error: the largest share of wrong answers among those given.

        Raises:
            ParameterError: if it does not lie between 0 and 1.
        """
        sure, wrong = self.evidence
        return promised_selection(sure, wrong, max_error, groups=self.certainty.scored_groups)

    def answered(self, outputs: Array, max_error: float) -> NDArray[np.bool_]:
        """Which items are answered, (m,).

        Args:
            outputs: (m, k) calibrated probabilities of the model.
            max_error: as in `selection`.
        """
        threshold = self.selection(max_error).threshold
        return np.asarray(outputs.max(axis=1) > threshold if len(outputs) else np.empty(0, bool))

    def sentence(self, max_error: float) -> str:
        """What is promised for which answers, or what is missing for a promise.

        Args:
            max_error: as in `selection`.
        """
        found, kept = self.selection(max_error), self.certainty
        share = _percent(max_error)
        unit = "groups of left-out answers" if kept.groups is not None else "left-out answers"
        if not found.promises and found.units < found.least:
            return (
                f"no answer can be promised an error of at most {share} with {LEVEL:.0%} probability: that takes "
                f"{found.least} {unit} without a mistake; there are {found.units}"
            )
        if not found.promises:
            return (
                f"no answer can be promised an error of at most {share} with {LEVEL:.0%} probability: that takes "
                f"{found.least} {unit} without a mistake; of the {found.units} surest, {found.mistakes} "
                f"{'hold a mistake' if kept.groups is not None else 'are wrong'}"
            )
        which = "every answer" if found.threshold == -np.inf else f"answers of probability above {found.threshold:.4f}"
        wrong = "with a mistake" if kept.groups is not None else "wrong"
        how = f"{found.mistakes} of {found.units} {unit} {wrong}, so at most {_percent(found.bound)} with {LEVEL:.0%}"
        note = "; the same items chose the weights" if kept.how == VALIDATED else ""
        return f"{which}: an error of at most {share} where new data are alike ({how} probability{note})"


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%"


def answer_or_abstain(self: Any, items: Any, max_error: float = 0.02) -> list[str | None]:
    """Labels of n items where the left-out scores promise an error, and None for the others.

    The bound holds with 95% probability over the training items, as if their left-out answers were independent; for
    items in groups, what is promised is the share of groups with a wrong answer. `TransferModel.selective` has the
    numbers behind it.

    Args:
        self: the model.
        items: as in `predict`.
        max_error: the largest share of wrong answers among those given; default 0.02.

    Raises:
        DataError: if the model has no left-out scores, or does not give one label for each item.
        ParameterError: if the error does not lie between 0 and 1.

    References:
        Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.

    Examples:
        >>> from headstart import fit
        >>> rows = [[k / 100] for k in range(400)]
        >>> model = fit((rows, ["low"] * 200 + ["high"] * 200), baselines="none", verbose=False).model
        >>> model.predict_or_abstain([[0.1], [3.9]], max_error=0.05), model.predict_or_abstain([[0.1]], max_error=0.001)
        (['low', 'high'], [None])
    """
    selective = self.selective()
    outputs = self.predict_proba(items)
    answered = selective.answered(outputs, max_error)
    best = outputs.argmax(axis=1) if len(outputs) else np.empty(0, np.intp)
    return [self.task.labels[place] if given else None for place, given in zip(best, answered, strict=True)]


def selective_predictor(self: Any) -> SelectivePredictor:
    """What promises an error: the threshold for it, and the evidence.

    Args:
        self: the model.

    Raises:
        DataError: if the model has no left-out scores, or does not give one label for each item.

    Examples:
        >>> from headstart import fit
        >>> rows = [[k / 100] for k in range(400)]
        >>> model = fit((rows, ["low"] * 200 + ["high"] * 200), baselines="none", verbose=False).model
        >>> model.selective().selection(0.05).promises
        True
    """
    if self.certainty is None:
        raise no_certainty(self.folder, "error")
    return SelectivePredictor(self.task, self.head, self.certainty)
