"""A time limit binds every stage of moving a body; what does not fit in is left out, and said."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.transfer import fit
from headstart.transfer.gate import headroom
from headstart.transfer.gate.headroom import loss_curve, mismatch
from headstart.types import Block, Task

TASK = Task("classification", ("a", "b"))


@pytest.fixture
def slow_heads(monkeypatch):
    """Heads that take a tenth of a second for each hundred rows, by a clock of their own."""
    now = SimpleNamespace(seconds=0.0)
    solve = headroom.select_head

    def slow(rows, *args, **kwargs):
        now.seconds += len(rows) / 1000
        return solve(rows, *args, **kwargs)

    monkeypatch.setattr(headroom, "select_head", slow)
    monkeypatch.setattr(headroom, "time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def rows(n=400):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 6)).astype(np.float32), np.arange(n) % 2
    x[:, 0] += y
    return x, y


@pytest.mark.parametrize(("seconds", "looked"), [(np.inf, 3), (1.2, 3), (1.0, 2), (0.1, 1)])
def test_a_learning_curve_leaves_out_what_would_take_too_long(slow_heads, seconds, looked):
    x, y = rows()
    curve = loss_curve(x, y, TASK, blocks=(), search=HeadSearch(), seed=0, seconds=seconds)
    assert int(np.isfinite(curve.losses).sum()) == looked
    assert slow_heads.seconds <= max(seconds, 0.1) or looked == 3


def test_blocks_are_not_compared_where_time_is_short(slow_heads):
    x, y = rows()
    blocks = tuple(Block(name, 2) for name in "xyz")
    assert mismatch(x, y, TASK, blocks=blocks, seed=0, seconds=0.5) is None
    assert slow_heads.seconds <= 0.5
    assert mismatch(x, y, TASK, blocks=blocks, seed=0, seconds=10.0) is not None


def test_a_limit_that_is_over_leaves_out_folds_and_baselines_and_says_so():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    said = []

    class Said(SilentReporter):
        def warning(self, text):
            said.append(text)

    run = fit((x, np.where(x[:, 0] > 0, "up", "down").tolist()), time_limit=1e-9, reporter=Said())
    assert "cross-validation" not in run.record["evaluation"]["how"]
    assert run.baselines == ()
    assert [text.split(":")[0] for text in said] == ["The time limit is over", "The baselines were skipped"]
