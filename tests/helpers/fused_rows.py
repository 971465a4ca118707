"""Rows of two sources that know the classes and of one that is noise."""

import numpy as np

from headstart.heads.problem import Problem
from headstart.types import Block, Task

CLASSES = Task("classification", ("x", "y", "z"))
BLOCKS = (Block("a/last", 6, "a"), Block("b/last", 6, "b"), Block("n/last", 20, "n"))


def make_rows(seed=0, n=150, strength=(0.8, 0.8, 0.0)):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    parts = []
    for block, pull in zip(BLOCKS, strength, strict=True):
        parts.append(rng.normal(size=(n, block.width)) + pull * rng.normal(size=(3, block.width))[y])
    return np.hstack(parts).astype(np.float32), y


def make_problem(task=CLASSES, groups=None, **kwargs):
    rows, y = make_rows(**kwargs)
    if task.kind == "regression":
        y = rows[:, :1] + rows[:, 6:7] + np.random.default_rng(1).normal(size=(len(rows), 1)) / 2
    if task.kind == "multilabel":
        y = np.stack([y == 0, y != 1], axis=1).astype(float)
    return Problem(rows, y, task, BLOCKS, groups, 0)
