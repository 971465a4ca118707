"""Warm-up by scores that need no training."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError, UsageError
from headstart.heads.problem import Problem
from headstart.search.driving.journal import Journal
from headstart.search.head_space import head_space
from headstart.search.registry import SEARCH_METHODS, Bench
from headstart.search.space import Gene, Space
from headstart.types import Block, Task


def test_the_first_proposals_read_the_block_that_knows_the_labels():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    rows = np.hstack([rng.normal(size=(120, 6)), rng.normal(size=(120, 6)) + 4 * y[:, None]])
    blocks, task = (Block("noise", 6), Block("signal", 6)), Task("classification", ("a", "b"))
    space = head_space(blocks, task, n=120)
    running = SEARCH_METHODS["zero_cost"].start(space, Bench(Problem(rows, y, task, blocks, None, 0)), seed=0)
    first = [space.decode(running.propose()) for _ in range(10)]
    assert all(1 in architecture.blocks for architecture in first)


def test_a_space_that_is_no_space_of_heads_is_refused():
    with pytest.raises(ParameterError, match="search another space by 'evolution'"):
        SEARCH_METHODS["zero_cost"].start(Space((Gene("a", (1, 2)),)), Bench(), 0)


@pytest.mark.parametrize("value", [None, {"a": 1}, [[0]], ["abc"], [[10**9] * 13]])
def test_remembered_points_are_checked(value, tmp_path):
    path = tmp_path / "a.jsonl"
    Journal(path, {}).remember("zero_cost", lambda: value)
    journal = Journal(path, {})
    x, task = np.random.default_rng(0).normal(size=(60, 2)), Task("classification", ("in", "out"))
    problem = Problem(x, (np.linalg.norm(x, axis=1) > 1.2).astype(int), task, (), None, 0)
    space = head_space((), task, n=60, d=2)
    with pytest.raises(UsageError, match="is no journal of a search"):
        SEARCH_METHODS["zero_cost"].start(space, Bench(problem, remember=journal.remember), seed=0)
