"""How much there is left to gain by moving the body."""

import numpy as np
import pytest

from headstart.heads import HeadSearch, select_head
from headstart.transfer.gate.headroom import headroom, loss_curve, mismatch
from headstart.types import Block, Task


def test_headroom_is_the_left_out_error_with_wilsons_bound():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    head = select_head(x, y, Task("classification", ("a", "b")))
    error, high = headroom(head, y, Task("classification", ("a", "b")))
    wrong = (head.evidence.outputs.argmax(axis=1) != y).mean()
    assert error == pytest.approx(wrong)
    assert high > error


def test_the_floor_of_a_learning_curve_is_that_of_the_power_law(monkeypatch):
    losses = {50: 0.2 + 50**-0.5, 100: 0.2 + 100**-0.5, 200: 0.2 + 200**-0.5}

    class Found:
        def __init__(self, loss):
            self.loss = loss

    where = "headstart.transfer.gate.headroom.select_head"
    monkeypatch.setattr(where, lambda _rows, y, _task, **_: Found(losses[len(y)]))
    x, y = np.zeros((200, 1)), np.arange(200) % 2
    curve = loss_curve(x, y, Task("classification", ("a", "b")), blocks=(), search=HeadSearch(), seed=0)
    assert curve.floor == pytest.approx(0.2)


def test_an_early_block_that_serves_better_is_found():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    early, late = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    early[:, 0] += 4 * y
    found = mismatch(
        np.hstack([early, late]),
        y,
        Task("classification", ("a", "b")),
        blocks=(Block("one", 3), Block("two", 3)),
        seed=0,
    )
    assert (found.block, found.mismatched) == ("one", True)
