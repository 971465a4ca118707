"""What labelled data cannot show of a model: classes and labels that none of their items has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.reporting.wording import name_some, plural
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["absent_classes"]

SHOWN = 3


def absent_classes(task: Task, y: NDArray[Any]) -> list[str]:
    """A warning for data that hold a single class, lack classes of the model, or do not vary; empty for any others.

    Args:
        task: the model's label schema.
        y: truth of the items as in `Dataset`.

    Examples:
        >>> task = Task("classification", ("ant", "bee", "wasp"))
        >>> absent_classes(task, np.array([0, 1, 0]))
        ["The data hold no item of 1 of the model's 3 classes, 'wasp', of which the metrics say nothing."]
        >>> absent_classes(task, np.array([1, 1]))
        ["All 2 items are of the class 'bee', so the metrics do not show how well the model tells the 3 classes apart."]
        >>> absent_classes(task, np.array([2, 1, 0]))
        []
    """
    if is_regression(task):
        same = [label for label, values in zip(task.labels, np.asarray(y).T, strict=True) if np.ptp(values) == 0]
        return [f"All values of {name_some(same, SHOWN)} are the same, so R² is undefined there."] if same else []
    labels, count = task.labels, len(task.labels)
    if is_classification(task):
        present = np.asarray(np.bincount(y, minlength=count) > 0)
        if present.sum() == 1 < count:
            items = "The only item is" if len(y) == 1 else f"All {len(y):,} items are"
            only = labels[int(np.argmax(present))]
            return [f"{items} of the class '{only}', so the metrics do not show how well the model tells the {count} "
                    "classes apart."]  # fmt: skip
    else:
        present = np.asarray(np.asarray(y).any(axis=0))
    absent = [label for label, there in zip(labels, present, strict=True) if not there]
    if not absent:
        return []
    what = plural(count, "class" if is_classification(task) else "label")
    how = "of" if is_classification(task) else "with"
    return [f"The data hold no item {how} {len(absent):,} of the model's {what}, {name_some(absent, SHOWN)}, of which "
            "the metrics say nothing."]  # fmt: skip
