"""The registry of transferability scores that need only features and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError, UnknownNameError
from headstart.linear.checks import check_matrix
from headstart.params import check_choice
from headstart.registry import Registry
from headstart.scores.inputs import check_groups, draw_rows
from headstart.scores.leep import leep
from headstart.scores.nce import nce
from headstart.tasks import base_kind
from headstart.types import Task

__all__ = ["CLASSES", "EVERY_TASK", "MANY", "SCORES", "SOURCE_SCORES", "RegisteredScore", "Score", "check_scores"]

Compute = Callable[[Any, Any, Task, Any, int], float]


@runtime_checkable
class Score(Protocol):
    """A number that predicts how useful a source is for a target, from features and labels; higher is better."""

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def tasks(self) -> frozenset[str]:
        """The task kinds it supports."""
        ...

    def __call__(
        self, x: ArrayLike, y: ArrayLike, task: Task, *, groups: ArrayLike | None = None, seed: int = 0
    ) -> float:
        """The score of features (n, d) for labels as in `Dataset`."""
        ...


@dataclass(frozen=True)
class RegisteredScore:
    """A registered score.

    Attributes:
        name: its name in the registry.
        tasks: the task kinds it supports.
        compute: a function of (x, y, task, groups, seed) that returns the score.
        max_rows: above this number of rows, the score is computed on a random subset of this size (or complete
            groups); None for scores whose memory and time allow any number.

    Raises:
        ParameterError: when called for a task that it does not support.

    Examples:
        >>> import numpy as np
        >>> x, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 1, 1])
        >>> round(SCORES["h_score"](x, y, Task("classification", ("ant", "bee"))), 6)
        1.0
        >>> SCORES["h_score"](x, x, Task("regression", ("size",)))
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'task' parameter of the score 'h_score' must be one of 'classification'. \
Got 'regression' instead.
    """

    name: str
    tasks: frozenset[str]
    compute: Compute
    max_rows: int | None = None

    def __call__(
        self, x: ArrayLike, y: ArrayLike, task: Task, *, groups: ArrayLike | None = None, seed: int = 0
    ) -> float:
        """The score; ``groups`` and ``seed`` matter only if the score leaves rows out or draws at random."""
        check_choice(base_kind(task), "task", f"the score '{self.name}'", sorted(self.tasks))
        if self.max_rows is not None and len(np.asarray(x)) > self.max_rows:
            x, y, groups = self._drawn(x, y, groups, self.max_rows, seed)
        return self.compute(x, y, task, groups, seed)

    def _drawn(
        self, x: ArrayLike, y: ArrayLike, groups: ArrayLike | None, max_rows: int, seed: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        x, y = check_matrix(x, "x", self.name), np.asarray(y)
        if len(y) != len(x):
            raise ParameterError(f"{self.name} needs one integer class code for each of {len(x)} rows. Got {len(y)}.")
        codes = check_groups(groups, len(x), self.name)
        rows = draw_rows(len(x), max_rows, seed, codes)
        return x[rows], y[rows], None if codes is None else codes[rows]


SCORES: Registry[Score] = Registry("score")

CLASSES = frozenset({"classification"})
EVERY_TASK = frozenset({"classification", "multilabel", "regression"})


# Largest number of rows for scores that hold all rows in float64 or compare them pairwise.
MANY = 20_000


SCORES.register("leave_one_out_ridge", "headstart.scores.leave_one_out_ridge:LEAVE_ONE_OUT_RIDGE")
SCORES.register("leave_one_out_accuracy", "headstart.scores.leave_one_out_ridge:LEAVE_ONE_OUT_ACCURACY")
SCORES.register("nearest_neighbours", "headstart.scores.nearest_neighbours:NEAREST_NEIGHBOURS")
SCORES.register("logme", "headstart.scores.logme:LOGME")
SCORES.register("h_score", "headstart.scores.h_score:H_SCORE")
SCORES.register("n_leep", "headstart.scores.n_leep:N_LEEP")
SCORES.register("transrate", "headstart.scores.transrate:TRANSRATE")
SCORES.register("gbc", "headstart.scores.gbc:GBC")
SCORES.register("parc", "headstart.scores.parc:PARC")
SCORES.register("sfda", "headstart.scores.sfda:SFDA")
SCORES.register("linear_cka", "headstart.scores.linear_cka:LINEAR_CKA")

SOURCE_SCORES: Mapping[str, Callable[[Any, Any], float]] = {
    "leep": leep,
    "nce": lambda probabilities, y: nce(np.argmax(probabilities, axis=1), y),
}
"""Scores for classification that need the class probabilities (n, Z) of the source's own head, and labels (n,)."""


def check_scores(names: Sequence[str], kind: str | None = None) -> None:
    """Raise unless every name is a known score that supports the task.

    Args:
        names: names of scores.
        kind: the task's kind; None if it is not known yet.

    Raises:
        UnknownNameError: with the most similar known name.
        ParameterError: for a score that does not support the task.

    Examples:
        >>> check_scores(["leep", "logme"], "classification")
        >>> check_scores(["leep"], "regression")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'task' parameter of the score 'leep' must be one of 'classification'. ...
    """
    for name in names:
        if name not in SCORES and name not in SOURCE_SCORES:
            raise UnknownNameError("score", name, [*SCORES, *SOURCE_SCORES])
        tasks = CLASSES if name in SOURCE_SCORES else SCORES[name].tasks
        if kind is not None:
            check_choice(kind, "task", f"the score '{name}'", sorted(tasks))
