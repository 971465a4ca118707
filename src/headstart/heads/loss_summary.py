"""Loss summary: mean, standard error and number of independent units, to compare with the loss of later items."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.standard_error import mean_and_error
from headstart.tasks import is_regression, task_methods
from headstart.types import Task

__all__ = ["LossSummary", "summarise"]


@dataclass(frozen=True)
class LossSummary:
    """The mean loss of some items.

    Attributes:
        mean: log-loss in nats, or squared error in units of ``variance``.
        error: its standard error; a group counts as one observation. Infinite for a single unit.
        units: number of items, or of groups.
        variance: of each regression target over the training items; empty for other tasks.

    Examples:
        >>> LossSummary(0.5, 0.1, 20).to_dict()
        {'mean': 0.5, 'error': 0.1, 'units': 20, 'variance': []}
    """

    mean: float
    error: float
    units: int
    variance: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for an infinite error."""
        return {
            **asdict(self),
            "error": self.error if math.isfinite(self.error) else None,
            "variance": list(self.variance),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> LossSummary:
        """Read a summary that `to_dict` wrote.

        Raises:
            ValueError: if a number is not finite, or negative.
        """
        error = math.inf if saved["error"] is None else float(saved["error"])
        found = cls(float(saved["mean"]), error, int(saved["units"]), tuple(float(one) for one in saved["variance"]))
        if not (math.isfinite(found.mean) and found.error >= 0 and found.units >= 1):
            raise ValueError(f"an out-of-fold loss of {found.mean} ± {found.error} from {found.units} units")
        if not all(math.isfinite(one) and one > 0 for one in found.variance):
            raise ValueError(f"variances {found.variance}")
        return found


def summarise(
    task: Task,
    outputs: NDArray[np.float64],
    y: NDArray[Any],
    groups: NDArray[np.int64] | None = None,
    *,
    variance: Sequence[float] | None = None,
) -> LossSummary:
    """The mean loss of outputs for items.

    Args:
        task: the label schema.
        outputs: (m, k) probabilities or values.
        y: labels of these items as in `Dataset`.
        groups: (m,) codes of items that count as one observation, or None.
        variance: of each regression target, the unit of the squared errors; default: that of ``y``.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> found = summarise(task, np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))
        >>> round(found.mean, 3), found.units
        (0.49, 2)
    """
    units = len(outputs) if groups is None else len(np.unique(groups))
    if not is_regression(task):
        mean, error = mean_and_error(task_methods(task).loss(outputs, y), groups)
        return LossSummary(mean, error, units)
    targets = np.asarray(y, np.float64).reshape(outputs.shape)
    spread = targets.var(axis=0) if variance is None else np.asarray(variance)
    # a constant target has variance 0; its errors keep their own units
    spread = np.where(spread > 0, spread, 1.0)
    mean, error = mean_and_error(((outputs - targets) ** 2 / spread).mean(axis=1), groups)
    return LossSummary(mean, error, units, tuple(spread.tolist()))
