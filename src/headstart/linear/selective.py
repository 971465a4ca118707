"""Selective prediction: the confidence above which a promised error holds, from left-out answers and their mistakes.

Thresholds are tested from the most confident answers downwards. Each test asks whether an error above the promise could
have made so few mistakes among the answers above the threshold: the exact binomial (Clopper-Pearson) bound at 95%. The
first threshold that fails ends the sequence. Since the order is fixed before any mistake is seen, all thresholds
that pass hold together with probability 95%, without a correction for their number (fixed-sequence testing). The first
test needs as many answers as could promise the error without any mistake: ln 0.05 / ln(1 - error).

Answers of one group (a patient, a speaker) are not independent. What is promised is then the share of groups with a
wrong answer: a group counts once, and as a mistake if any of its answers is one.

References: Clopper & Pearson, "The Use of Confidence or Fiducial Limits", Biometrika 1934; Geifman & El-Yaniv,
"Selective Classification for Deep Neural Networks", NeurIPS 2017 (selection with guaranteed risk); Angelopoulos, Bates,
Candès, Jordan & Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control", 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.types import group_codes

__all__ = ["LEVEL", "AnswerSelection", "check_max_error", "error_bound", "least_answers", "promised_selection"]

MOST_ANSWERS = 2.0**53  # for errors so small that their number of answers is no longer a whole number in float64

Array = NDArray[np.float64]

LEVEL = 0.95
"""Probability, over the evidence, that a promised error holds."""
STEP = 1.1  # each further test has this many times the answers of the test before it, at least one more


@dataclass(frozen=True)
class AnswerSelection:
    """Which answers an error is promised for.

    Attributes:
        max_error: the promised error.
        threshold: confidence that an answer must exceed; minus infinity for every answer, infinity for none.
        answered: share of the evidence that exceeds it.
        units: answers of the evidence, or groups of them, that exceed it; without a promise, those of the first test,
            or all if these are too few to test.
        mistakes: those of them that are wrong (of groups: that hold a wrong answer).
        bound: upper 95% bound of the error of the answers; nan without a promise.
        least: answers (groups) without a mistake that could promise the error.

    Examples:
        >>> AnswerSelection(0.05, 0.9, 0.5, 100, 1, 0.047, 59).promises
        True
    """

    max_error: float
    threshold: float
    answered: float
    units: int
    mistakes: int
    bound: float
    least: int

    @property
    def promises(self) -> bool:
        """Whether any answer is given."""
        return self.threshold < math.inf


def check_max_error(value: float, owner: str) -> float:
    """The largest error as a float.

    Args:
        value: the value to check.
        owner: the calling function or option, for the message.

    Raises:
        ParameterError: unless it lies between 0 and 1, both excluded.

    Examples:
        >>> check_max_error(2, "predict")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The largest error of predict must lie between 0 and 1, such as 0.02. Got 2 ...
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < value < 1:
        raise ParameterError(
            f"The largest error of {owner} must lie between 0 and 1, such as 0.02. Got {value!r} instead."
        )
    return float(value)


def error_bound(mistakes: int, answers: int, level: float = LEVEL) -> float:
    """The exact upper bound of an error rate: the largest rate that makes so few mistakes with probability 1-level.

    Reference: Clopper & Pearson, "The Use of Confidence or Fiducial Limits", Biometrika 1934.

    Args:
        mistakes: wrong answers.
        answers: all answers, independent of each other.
        level: of the one-sided bound; default 0.95.

    Examples:
        >>> round(error_bound(0, 59), 4), round(error_bound(2, 100), 4), error_bound(3, 3)
        (0.0495, 0.0616, 1.0)
    """
    from scipy.special import betaincinv

    return 1.0 if mistakes >= answers else float(betaincinv(mistakes + 1, answers - mistakes, level))


def least_answers(max_error: float, level: float = LEVEL) -> int:
    """The least number of answers that can promise an error, without a mistake among them.

    Args:
        max_error: the promised error.
        level: as in `error_bound`.

    Examples:
        >>> least_answers(0.01), least_answers(0.02), least_answers(0.05)
        (299, 149, 59)
    """
    wanted = math.log1p(-level) / math.log1p(-check_max_error(max_error, "least_answers"))
    return math.ceil(min(wanted, MOST_ANSWERS) - 1e-9)


def promised_selection(
    confidence: ArrayLike, wrong: ArrayLike, max_error: float, *, groups: ArrayLike | None = None, level: float = LEVEL
) -> AnswerSelection:
    """The least confidence above which an error is promised, by fixed-sequence tests of exact binomial bounds.

    Reference: Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017; Angelopoulos et
    al., "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control", 2021.

    Command: headstart predict MODEL ITEM --max-error 0.02

    Args:
        confidence: (n,) confidence of left-out answers.
        wrong: (n,) whether each is wrong.
        max_error: the error to promise.
        groups: (n,) codes or names of answers that belong together; None if all are independent.
        level: probability that the promise holds.

    Raises:
        ParameterError: if shapes differ, a confidence is NaN, or the error does not lie between 0 and 1.

    Examples:
        >>> sure, wrong = np.linspace(1, 0.5, 200), np.arange(200) >= 150          # mistakes from 0.62 downwards
        >>> found = promised_selection(sure, wrong, 0.05)
        >>> found.answered, found.mistakes, round(found.bound, 3)
        (0.7, 0, 0.021)
        >>> promised_selection(sure[:50], wrong[:50], 0.05).promises                  # 59 would be needed
        False
    """
    max_error = check_max_error(max_error, "promised_selection")
    sure, bad = np.asarray(confidence, dtype=np.float64), np.asarray(wrong, dtype=bool)
    if sure.ndim != 1 or bad.shape != sure.shape or np.isnan(sure).any():
        raise ParameterError(
            f"promised_selection needs a confidence and a mistake for each answer. Got shapes {sure.shape} and "
            f"{bad.shape}, or a NaN."
        )
    order = np.argsort(-sure, kind="stable")
    codes = None if groups is None else group_codes(groups, len(sure))[order]
    units, mistakes = _counts(bad[order], codes)
    if not len(sure):
        return AnswerSelection(max_error, math.inf, 0.0, 0, 0, math.nan, least_answers(max_error, level))
    # a threshold lies between two answers of different confidence: the answers above it are the first `end`
    ends = np.append(np.flatnonzero(sure[order][1:] < sure[order][:-1]) + 1, len(sure))
    tests, best = _tests(units[ends - 1], least_answers(max_error, level)), 0
    for place in tests:
        end = int(ends[place])
        if error_bound(int(mistakes[end - 1]), int(units[end - 1]), level) > max_error:
            break
        best = end
    # without a promise, what the first test had
    told = best or (int(ends[tests[0]]) if tests else len(sure))
    many, few = int(units[told - 1]), int(mistakes[told - 1])
    found = AnswerSelection(max_error, math.inf, best / len(sure), many, few, math.nan, least_answers(max_error, level))
    if not best:
        return found
    threshold = float(sure[order][best]) if best < len(sure) else -math.inf
    return replace(found, threshold=threshold, bound=error_bound(few, many, level))


def _tests(units: NDArray[np.intp], least: int) -> list[int]:
    """Positions among the thresholds that are tested, each with `STEP` times the units before it; the last is all."""
    places: list[int] = []
    wanted = float(least)
    while wanted <= units[-1]:
        places.append(int(np.searchsorted(units, wanted, side="left")))
        wanted = max(STEP * wanted, units[places[-1]] + 1.0)
    last = len(units) - 1
    return places if not places or places[-1] == last else [*places, last]


def _counts(wrong: NDArray[np.bool_], groups: NDArray[np.intp] | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each number of answers, from the first: the units that have answered, and those with a mistake."""
    if groups is None:
        return np.arange(1, len(wrong) + 1), np.cumsum(wrong)
    fresh, failed = np.zeros(len(wrong), bool), np.zeros(len(wrong), bool)
    fresh[np.unique(groups, return_index=True)[1]] = True
    bad = np.flatnonzero(wrong)
    failed[bad[np.unique(groups[bad], return_index=True)[1]]] = True
    return np.cumsum(fresh), np.cumsum(failed)
