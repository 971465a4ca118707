"""The registry of transferability scores that need features and labels alone."""

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
from headstart.scores.gbc import gbc
from headstart.scores.h_score import h_score
from headstart.scores.inputs import check_groups, draw_rows
from headstart.scores.leave_one_out_ridge import leave_one_out_ridge
from headstart.scores.leep import leep
from headstart.scores.linear_cka import label_cka
from headstart.scores.logme import logme
from headstart.scores.n_leep import n_leep
from headstart.scores.nce import nce
from headstart.scores.nearest_neighbours import nearest_neighbours
from headstart.scores.parc import parc
from headstart.scores.sfda import sfda
from headstart.scores.transrate import transrate
from headstart.tasks import base_kind
from headstart.types import Task

__all__ = ["SCORES", "SOURCE_SCORES", "RegisteredScore", "Score", "check_scores"]

Compute = Callable[[Any, Any, Task, Any, int], float]


@runtime_checkable
class Score(Protocol):
    """A number that predicts a source's worth for a target, from features and labels; higher is better."""

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def tasks(self) -> frozenset[str]:
        """The task kinds that it serves."""
        ...

    def __call__(
        self, x: ArrayLike, y: ArrayLike, task: Task, *, groups: ArrayLike | None = None, seed: int = 0
    ) -> float:
        """The score of features (n, d) for labels as in `Dataset`."""
        ...


@dataclass(frozen=True)
class RegisteredScore:
    """A score under its name.

    Attributes:
        name: its name in the registry.
        tasks: the task kinds that it serves.
        compute: (x, y, task, groups, seed) to the number.
        max_rows: above this number of rows, the score is that of as many drawn at random (or of whole groups); None
            where memory and time hold for any number.

    Raises:
        ParameterError: when called for a task that it does not serve.

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
        """The score; ``groups`` and ``seed`` count only where the score leaves rows out or draws."""
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


# Scores that hold all rows in float64, or compare pairs of them, are of as many at most.
MANY = 20_000


def _register(
    name: str, tasks: frozenset[str], of: Callable[..., Any], compute: Compute, max_rows: int | None = None
) -> None:
    score = RegisteredScore(name, tasks, compute, max_rows)
    SCORES.register(name, score, import_path=f"{of.__module__}:{of.__name__}")


def _ridge(x: ArrayLike, y: ArrayLike, task: Task, groups: ArrayLike | None, seed: int) -> float:
    return leave_one_out_ridge(x, y, task, groups=groups, seed=seed).log_likelihood


def _ridge_accuracy(x: ArrayLike, y: ArrayLike, task: Task, groups: ArrayLike | None, seed: int) -> float:
    accuracy = leave_one_out_ridge(x, y, task, groups=groups, seed=seed).accuracy
    return float("nan") if accuracy is None else accuracy


def _neighbours(x: ArrayLike, y: ArrayLike, _task: Task, groups: ArrayLike | None, seed: int) -> float:
    return nearest_neighbours(x, y, groups=groups, seed=seed).log_likelihood


_register("leave_one_out_ridge", EVERY_TASK, leave_one_out_ridge, _ridge)
_register("leave_one_out_accuracy", frozenset({"classification", "multilabel"}), leave_one_out_ridge, _ridge_accuracy)
_register("nearest_neighbours", CLASSES, nearest_neighbours, _neighbours, MANY)
_register("logme", EVERY_TASK, logme, lambda x, y, _task, _groups, _seed: logme(x, y))
_register("h_score", CLASSES, h_score, lambda x, y, _task, _groups, _seed: h_score(x, y))
_register("n_leep", CLASSES, n_leep, lambda x, y, _task, _groups, seed: n_leep(x, y, seed=seed), MANY)
_register("transrate", CLASSES, transrate, lambda x, y, _task, _groups, _seed: transrate(x, y))
_register("gbc", CLASSES, gbc, lambda x, y, _task, _groups, _seed: gbc(x, y))
_register("parc", CLASSES, parc, lambda x, y, _task, _groups, seed: parc(x, y, seed=seed))
_register("sfda", CLASSES, sfda, lambda x, y, _task, _groups, _seed: sfda(x, y), MANY)
_register("linear_cka", CLASSES, label_cka, lambda x, y, _task, _groups, _seed: label_cka(x, y), MANY)

SOURCE_SCORES: Mapping[str, Callable[[Any, Any], float]] = {
    "leep": leep,
    "nce": lambda probabilities, y: nce(np.argmax(probabilities, axis=1), y),
}
"""Scores of a classification that need the class probabilities (n, Z) of the source's own head, and labels (n,)."""


def check_scores(names: Sequence[str], kind: str | None = None) -> None:
    """Raise unless every name is a score's, and serves the task.

    Args:
        names: of scores.
        kind: of the task; None where it is not known yet.

    Raises:
        UnknownNameError: naming the nearest known one.
        ParameterError: for a score that does not serve the task.

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
