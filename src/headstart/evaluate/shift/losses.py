"""Whether the evaluated items differ from the training items, by their losses.

The mean loss of a head on held-out training items (leave-one-out, or leave-one-group-out) estimates its loss on new
items of the same distribution. Where the loss of the evaluated items is clearly different, the distribution is another.
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
"""Level of the interval: without a shift, one is reported in less than 1 of 500 cases (see the tests)."""

# λ, features and temperature are chosen by the out-of-fold losses, which are therefore slightly optimistic.
TOLERATED_SHARE, TOLERATED = 0.1, 0.02


@dataclass(frozen=True)
class LossShift:
    """The mean loss of the evaluated items compared with that of held-out training items.

    Attributes:
        left_out: mean loss of held-out training items.
        judged: mean loss of the evaluated items.
        low: lower bound of the 99.8% interval of judged minus held-out; nan where one side is a single unit.
        high: upper bound.
        differs: whether the two come from different distributions.

    Examples:
        >>> LossShift(0.075, 1.93, 1.7, 2.0, True).sentence[:68]
        'The evaluated items differ from the training items: their mean loss '
    """

    left_out: float
    judged: float
    low: float
    high: float
    differs: bool

    @property
    def sentence(self) -> str:
        """The finding in words; empty where there is no shift."""
        if not self.differs:
            return ""
        found = (
            f"The evaluated items differ from the training items: their mean loss is {self.judged:.3f}, that of "
            f"held-out training items {self.left_out:.3f} (difference {self.judged - self.left_out:+.3f}, "
            f"{LEVEL:.1%} interval {self.low:+.3f} to {self.high:+.3f})"
        )
        if self.judged > self.left_out:
            return (
                f"{found}. They may come from another place, time or device, or be labelled differently; or the "
                "training part has several items of one patient, speaker or scene (name that column with --group-col). "
                "For items like the evaluated ones, rely on their metrics."
            )
        return (
            f"{found}. They are easier than the training items, or copies of some of these; expect the higher loss on "
            "items like the training items."
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
    """Compare the loss of evaluated items with the out-of-fold loss that a fitted head stores; None without one.

    Args:
        left_out: the head's `headstart.heads.FittedHead.left_out`.
        task: the label schema.
        outputs: (m, k) the model's outputs for the evaluated items.
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
    """Welch's interval: the mean loss of evaluated items minus that of held-out training items.

    Losses are skewed, and a small sample may lack the rare large losses that make up most of the mean. Each side's
    standard error is therefore at least that of the other side, scaled to its own number of units. A difference counts
    where its 99.8% interval lies entirely beyond ±(0.02 + 0.1 x out-of-fold loss).

    Args:
        left_out: losses of training items, each predicted by a fit without it or its group.
        judged: losses of the evaluated items, in the same units.

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

    # a standard error is s / √n, so that of one side for the units of the other is scaled by √(n_other / n_own)
    ratio = math.sqrt(left_out.units / judged.units)
    error = math.hypot(max(left_out.error, judged.error / ratio), max(judged.error, left_out.error * ratio))
    # the smaller side's degrees of freedom: never more than those of Welch and Satterthwaite
    reach = float(stdtrit(units - 1, 0.5 + LEVEL / 2)) * error
    low, high = difference - reach, difference + reach
    tolerated = TOLERATED + TOLERATED_SHARE * left_out.mean
    return LossShift(left_out.mean, judged.mean, low, high, low > tolerated or high < -tolerated)
