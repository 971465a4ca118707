"""The targets of a least-squares head, made from the labels as they are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.tasks import task_methods
from headstart.types import Task

__all__ = ["TargetRows"]


@dataclass(frozen=True, eq=False)
class TargetRows:
    """Rows of targets (n, k) that are made when they are sliced: one-hot rows of all items would be n times k numbers.

    Attributes:
        y: labels as in `Dataset`, of n items.
        task: the label schema.

    Examples:
        >>> targets = TargetRows(np.array([1, 0, 1]), Task("classification", ("ant", "bee")))
        >>> targets.shape, targets[1:]
        ((3, 2), array([[1., 0.],
               [0., 1.]]))
    """

    y: NDArray[Any]
    task: Task

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, k)."""
        return (len(self.y), self.task.num_outputs)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        return task_methods(self.task).targets(self.y[key], self.task.num_outputs)
