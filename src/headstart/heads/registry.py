"""The registry of heads: those that are read off one spectrum, and scikit-learn estimators."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.linear.leave_out import LeftOut
from headstart.linear.spectrum import Spectrum
from headstart.registry import Registry
from headstart.types import Task

__all__ = ["HEADS", "EstimatorHead", "HeadKind", "SpectralHead", "solved_heads"]


class HeadKind(Protocol):
    """What every registered head says of itself.

    Attributes:
        name: the name in the registry.
        tasks: the task kinds that it serves.
        complexity: of heads that the data cannot tell apart, the one of least complexity is kept: 0 for linear heads
            solved in closed form, 1 for linear heads and prototypes, 2 for other simple ones, 3 for the rest.

    Examples:
        >>> HEADS["ridge"].complexity
        0
    """

    name: str
    tasks: frozenset[str]
    complexity: int


@runtime_checkable
class SpectralHead(HeadKind, Protocol):
    """A linear head that one eigendecomposition gives for every λ, with its left-out scores.

    Examples:
        >>> isinstance(HEADS["ridge"], SpectralHead)
        True
    """

    def left_out_scores(
        self,
        spectrum: Spectrum,
        left_out: LeftOut,
        targets: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
    ) -> NDArray[np.float64]:
        """Scores (n, k) that the head would give to rows if they, or their whole group, had not been fitted."""
        ...

    def coefficients(self, spectrum: Spectrum, lam: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (d, k) and bias (k,) of the head; scores are up to a constant of each row under a softmax."""
        ...


@runtime_checkable
class EstimatorHead(HeadKind, Protocol):
    """A head that is a scikit-learn estimator, compared by cross-fitting or by what it knows of its left-out rows.

    Examples:
        >>> isinstance(HEADS["ridge"], EstimatorHead)
        False
    """

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Any:
        """An unfitted estimator for n rows of d features; it is fitted on the ``y`` of a `Dataset`."""
        ...


HEADS: Registry[HeadKind] = Registry("head")
HEADS.register("ridge", "headstart.heads.ridge:RIDGE")
HEADS.register("lda", "headstart.heads.lda:LDA")


def solved_heads(task: Task) -> list[str]:
    """Names of the heads that one eigendecomposition gives for this kind of task.

    Examples:
        >>> solved_heads(Task("regression", ("price",)))
        ['ridge']
    """
    return [name for name in HEADS if task.kind in HEADS[name].tasks and isinstance(HEADS[name], SpectralHead)]
