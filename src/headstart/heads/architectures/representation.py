"""What an architecture makes of rows before any head is trained: for scores that need no training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.heads.architecture import Architecture
from headstart.heads.architectures.contender import map_of
from headstart.heads.cell import CellHead
from headstart.heads.problem import Problem
from headstart.heads.random_features import RandomFeatures
from headstart.tasks import base_kind

__all__ = ["representation"]


def representation(problem: Problem, architecture: Architecture) -> NDArray[np.float64]:
    """The rows (n, r) that the last linear layer of an architecture would read, with random weights in a cell.

    Args:
        problem: rows and labels; the labels are not used.
        architecture: what to compute.

    Examples:
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(6), np.arange(6) % 2, Task("classification", ("a", "b")), (), None, 0)
        >>> representation(problem, Architecture(scaling="none", random_features=256)).shape
        (6, 256)
    """
    feature_map = map_of(problem, architecture)
    mapped = np.asarray(feature_map(problem.rows[:]), dtype=np.float64)
    if architecture.head == "cell":
        widths = tuple(stop - start for start, stop in feature_map.blocks)
        return CellHead(architecture.cell, widths, width=architecture.width, seed=problem.seed).untrained(mapped)
    if not architecture.expands:
        return mapped
    made = RandomFeatures(
        projection=architecture.projection, features=architecture.random_features, bandwidth=architecture.bandwidth,
        kind=base_kind(problem.task), seed=problem.seed,
    )  # fmt: skip
    return made.fit_transform(mapped, problem.y)
