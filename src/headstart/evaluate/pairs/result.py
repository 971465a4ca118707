"""The difference between two models: of the main metric, of the loss, and class by class."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALPHA", "ClassDifference", "Difference", "Pair"]

Bounds = tuple[float, float]

ALPHA = 0.05
"""The chance of finding any difference where there is none."""


@dataclass(frozen=True)
class Difference:
    """The figure of the second model minus that of the first, on the same items.

    Attributes:
        value: the difference.
        low: lower bound of its 95% interval; nan for none.
        high: upper bound.
        p: two-sided p-value of the paired test.
        p_holm: the p-value corrected for all pairs of models (for a class: for all classes).

    Examples:
        >>> Difference(0.1, 0.02, 0.18, 0.01, 0.02).is_clear
        True
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero and the corrected p-value is at most 0.05."""
        return (self.low > 0 or self.high < 0) and self.p_holm <= ALPHA


@dataclass(frozen=True)
class ClassDifference(Difference):
    """The difference on the items of one class: of recall; for labels, of the share of right decisions.

    Attributes:
        label: the class, label or target.
        items: number of items of the class.

    Examples:
        >>> ClassDifference(0.5, 0.1, 0.8, 0.03, 0.06, "ant", 12).is_clear
        False
    """

    label: str = ""
    items: int = 0


@dataclass(frozen=True)
class Pair:
    """Two models on the same items; differences are the second minus the first.

    Attributes:
        first: position of the first model.
        second: position of the second model.
        main: difference of the main metric; above zero the second is better.
        simultaneous: bounds of that difference which hold for all pairs together with 95% (Bonferroni).
        within: bounds between which the difference lies by two one-sided tests at 5%, corrected for all pairs.
        equivalent: whether these lie inside of the margin.
        loss: difference of the mean loss (mean absolute error of a regression); below zero the second is better.
        same_outputs: whether both give the same outputs for every item.
        only_first: items that the first alone has right; for a regression, on which its error is smaller.
        only_second: the same for the second.
        decided_by: the least number of items without which the difference would be gone; None where the main metric is
            no mean over items.
        classes: differences of each class, label or target.

    Examples:
        >>> none = Difference(0.0, 0.0, 0.0, 1.0, 1.0)
        >>> Pair(0, 1, none, (0.0, 0.0), (0.0, 0.0), True, none, True, 0, 0, 0, ()).better is None
        True
    """

    first: int
    second: int
    main: Difference
    simultaneous: Bounds
    within: Bounds
    equivalent: bool
    loss: Difference
    same_outputs: bool
    only_first: int
    only_second: int
    decided_by: int | None
    classes: tuple[ClassDifference, ...]

    @property
    def better(self) -> int | None:
        """The model that is better; None where they cannot be told apart."""
        if not self.main.is_clear:
            return None
        return self.second if self.main.value > 0 else self.first

    @property
    def at_most(self) -> float:
        """How far apart the two are at most, by two one-sided tests at 5%."""
        return max(abs(self.within[0]), abs(self.within[1]))
