"""Whether the items that judge a model belong to those that it was fitted on, told by their losses.

What the head costs on training items that were left out of the fit (leave-one-out, or group by group) is what it costs
on new items of the same kind. Where the judged items cost clearly more, they are of another kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.loss_summary import LossSummary, summarise
from headstart.types import Task

__all__ = ["LEVEL", "LossShift", "compare_losses", "loss_shift"]

LEVEL = 0.998
"""Of the interval; items that do belong together are called others in less than 1 of 500 cases (see the tests)."""

# λ, features and temperature are chosen on the left-out losses, which are therefore a little too low.
TOLERATED_SHARE, TOLERATED = 0.1, 0.02


@dataclass(frozen=True)
class LossShift:
    """The mean loss of the judged items beside that of left-out training items.

    Attributes:
        left_out: mean loss of training items that were left out of the fit.
        judged: mean loss of the judged items.
        low: lower bound of the 99.8% interval of judged minus left-out; nan where one side is a single unit.
        high: upper bound.
        differs: whether they do not belong to one another.

    Examples:
        >>> LossShift(0.075, 1.93, 1.7, 2.0, True).sentence[:68]
        'The judged items do not belong to the training items: their mean los'
    """

    left_out: float
    judged: float
    low: float
    high: float
    differs: bool

    @property
    def sentence(self) -> str:
        """What it means; empty where the items belong together."""
        if not self.differs:
            return ""
        found = (
            f"The judged items do not belong to the training items: their mean loss is {self.judged:.3f}, that of "
            f"left-out training items {self.left_out:.3f} (difference {self.judged - self.left_out:+.3f}, "
            f"{LEVEL:.1%} interval {self.low:+.3f} to {self.high:+.3f})"
        )
        if self.judged > self.left_out:
            return (
                f"{found}. They come from another place, time or device, or are labelled otherwise; or items of one "
                "patient, speaker or scene stand together in the training part (name what that is with --group-col). "
                "Trust the figures of the judged items, for items like these."
            )
        return (
            f"{found}. They are easier than the training items, or copies of some; on items like the training items "
            "expect the higher loss."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for nan."""
        bounds = {
            name: None if math.isnan(value) else value for name, value in (("low", self.low), ("high", self.high))
        }
        return {"left_out": self.left_out, "judged": self.judged, **bounds, "differs": self.differs,
                "sentence": self.sentence}  # fmt: skip


def loss_shift(
    left_out: LossSummary | None,
    task: Task,
    outputs: NDArray[np.float64],
    y: NDArray[Any],
    groups: NDArray[np.int64] | None = None,
) -> LossShift | None:
    """The loss of judged items beside what a fitted head keeps of its left-out rows; None where it keeps none.

    Args:
        left_out: of the head, `headstart.heads.FittedHead.left_out`.
        task: the label schema.
        outputs: (m, k) the model's outputs for the judged items.
        y: their labels as in `Dataset`.
        groups: (m,) codes of items that count as one draw, or None.

    Examples:
        >>> task, sure = Task("classification", ("a", "b")), np.tile([[0.99, 0.01]], (30, 1))
        >>> loss_shift(LossSummary(0.1, 0.02, 200), task, sure, np.arange(30) % 2).differs
        True
    """
    if left_out is None:
        return None
    return compare_losses(left_out, summarise(task, outputs, y, groups, variance=left_out.variance or None))


def compare_losses(left_out: LossSummary, judged: LossSummary) -> LossShift:
    """Welch's interval: mean losses of left-out training items against those of judged items.

    Losses are skewed, and a small sample may lack the rare large ones that make most of the mean; so each side's
    standard error is at least what the other side's spread gives for as many units. A difference counts where its 99.8%
    interval lies beyond 0.02 plus a tenth of the left-out loss.

    Args:
        left_out: of training items, each predicted without itself or its group.
        judged: of the items that judge the model, in the same units.

    References:
        Welch (1947), The Generalization of Student's Problem when Several Different Population Variances are Involved,
        Biometrika 34.

    Examples:
        >>> compare_losses(LossSummary(0.08, 0.01, 1000), LossSummary(1.93, 0.05, 500)).differs
        True
        >>> compare_losses(LossSummary(0.40, 0.05, 60), LossSummary(0.55, 0.1, 15)).differs
        False
    """
    difference = judged.mean - left_out.mean
    units = min(left_out.units, judged.units)
    if units < 2 or not math.isfinite(left_out.error + judged.error):
        return LossShift(left_out.mean, judged.mean, math.nan, math.nan, False)
    from scipy.special import stdtrit

    ratio = math.sqrt(left_out.units / judged.units)
    error = math.hypot(max(left_out.error, judged.error / ratio), max(judged.error, left_out.error * ratio))
    reach = float(stdtrit(units - 1, 0.5 + LEVEL / 2)) * error
    low, high = difference - reach, difference + reach
    tolerated = TOLERATED + TOLERATED_SHARE * left_out.mean
    return LossShift(left_out.mean, judged.mean, low, high, low > tolerated or high < -tolerated)
