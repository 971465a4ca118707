"""`Drift`: what `headstart.drift` found, as numbers and as one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from headstart.adapt.label_shift import LabelShift
from headstart.evaluate.shift.feature_tests import FeatureShift
from headstart.evaluate.shift.group_tests import GroupShift
from headstart.evaluate.shift.proxy_a_distance import ADistance
from headstart.evaluate.shift.two_sample import ShiftTest
from headstart.reporting.summary import summary_html, summary_text
from headstart.reporting.wording import plural
from headstart.types import Task

__all__ = ["Drift", "FarItem", "Verdict"]

Verdict = Literal["none", "label shift", "far items", "covariate shift"]
PER_CLASS = 10
"""Labels of each class to collect where the items have shifted: more than most methods without labels gain."""
WITHOUT_CLASSES = 50  # labels to collect for other tasks


@dataclass(frozen=True)
class FarItem:
    """An item far from those of the reference.

    Attributes:
        id: its name.
        distance: to the fifth nearest item of the reference, in units of the median distance within it.
        p_value: of being as near as items of the reference are to each other.

    Examples:
        >>> FarItem("scan-17.png", 3.2, 0.001).id
        'scan-17.png'
    """

    id: str
    distance: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Drift:
    """How new items differ from those of the fit.

    Attributes:
        items: number of new items that were compared.
        reference: number of items of the reference.
        task: the label schema of the model.
        level: without any shift, one is reported with at most this probability, whatever was looked at.
        p_value: of no shift, corrected for everything that was tested.
        p_values: the corrected p-value of each part: ``"items"`` (all measures of the rows together), ``"columns"`` and
            ``"far"``, where they were tested.
        tests: the measures of the rows.
        a_distance: the proxy A-distance with its interval.
        columns: tests of the columns of a table, the surest first; empty for other items.
        groups: tests of the groups of the new items, the surest first; empty without groups.
        farthest: the farthest new items.
        far: number of new items that are farther from the reference than 99% of it.
        without_far: p-value of no shift of the other items, where there are far ones; None where it was not tested.
        label_shift: estimated shares of the classes; None for other tasks, and where they cannot be estimated.
        failures: the reason for each item that could not be read, by its name.
        notes: what else the reader should know, one sentence each.

    Examples:
        >>> task = Task("classification", ("cat", "dog"))
        >>> found = Drift(80, 400, task, 0.05, 0.31, {"items": 0.31}, (), ADistance(0.1, 0.0, 0.3, 0.475))
        >>> found.verdict, found.differs
        ('none', False)
        >>> print(found.sentence)
        No shift is found (p = 0.31), so nothing needs to be done; a small one can be missed with 80 items.
    """

    items: int
    reference: int
    task: Task
    level: float
    p_value: float
    p_values: Mapping[str, float]
    tests: tuple[ShiftTest, ...]
    a_distance: ADistance
    columns: tuple[FeatureShift, ...] = ()
    groups: tuple[GroupShift, ...] = ()
    farthest: tuple[FarItem, ...] = ()
    far: int = 0
    without_far: float | None = None
    label_shift: LabelShift | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is a shift."""
        return self.p_value <= self.level

    @property
    def verdict(self) -> Verdict:
        """What kind of shift it is: the least that explains what was found."""
        if not self.differs:
            return "none"
        if self.label_shift is not None and self.label_shift.differs and self.label_shift.explained:
            return "label shift"
        found = {part for part, p_value in self.p_values.items() if p_value <= self.level}
        exceptions = "far" in found and self.without_far is not None and self.without_far > self.level
        return "far items" if found == {"far"} or exceptions else "covariate shift"

    @property
    def labels_to_collect(self) -> int:
        """How many of the new items to label first, if they have shifted."""
        classes = len(self.task.labels) if self.task.kind == "classification" else 0
        return min(self.items, PER_CLASS * classes if classes else WITHOUT_CLASSES)

    @property
    def sentence(self) -> str:
        """The finding, and what to do."""
        p_value = f"p = {self.p_value:.2g}"
        if self.verdict == "none":
            return (
                f"No shift is found ({p_value}), so nothing needs to be done; a small one can be missed with "
                f"{plural(self.items, 'item')}."
            )
        if self.verdict == "label shift" and self.label_shift is not None:
            return f"Label shift only ({p_value}). {self.label_shift.sentence(self.task.labels)}"
        if self.verdict == "far items":
            return (
                f"{plural(self.far, 'item lies', 'items lie')} far from all items of the fit ({p_value}), the others "
                "look alike; look at these first, and label them or set them aside."
            )
        return (
            f"The new items have shifted ({p_value}; a classifier tells {1 - self.a_distance.error:.0%} of them from "
            f"the items of the fit, where 50% is chance); label {self.labels_to_collect} of them, chosen by 'headstart "
            "suggest', and add these by 'headstart update'; until then, do not rely on the metrics of the fit."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "verdict": self.verdict,
            "differs": self.differs,
            "sentence": self.sentence,
            "level": self.level,
            "p_value": self.p_value,
            "p_values": dict(self.p_values),
            "items": self.items,
            "reference": self.reference,
            "tests": {test.name: {k: v for k, v in asdict(test).items() if k != "name"} for test in self.tests},
            "a_distance": asdict(self.a_distance),
            "columns": [asdict(one) for one in self.columns],
            "groups": [asdict(one) for one in self.groups],
            "far": self.far,
            "without_far": self.without_far,
            "farthest": [asdict(one) for one in self.farthest],
            "label_shift": None if self.label_shift is None else self.label_shift.to_dict(),
            "labels": list(self.task.labels),
            "labels_to_collect": self.labels_to_collect if self.differs else 0,
            "failures": [{"item": name, "reason": reason} for name, reason in self.failures.items()],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        """The finding and the measures, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, Sequence[tuple[str, str]]]:
        one = self.a_distance
        facts = [("proxy A-distance", f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}] of 2")]
        facts += [
            (test.name, f"{test.value:.3g}, by chance {test.expected:.3g} (p = {test.p_value:.2g})")
            for test in self.tests
        ]
        about = f"Drift: {self.verdict}, {self.items:,} items against {self.reference:,} (p = {self.p_value:.2g})"
        return about, [*facts, ("what to do", self.sentence)]
