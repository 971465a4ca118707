"""A body of some blocks: where it cannot be cut, all blocks run, and the runtime states it."""

import numpy as np
import pytest
import torch

from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.body.selection import Selection
from headstart.engine.capabilities import HasRuntime
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.variants.selected_body import OTHER_ROWS, SelectedBody

X = np.array([[-2.0], [3.0]], np.float32)
Y = np.array([[0.0], [3.0]], np.float32)


def full(name):
    def build():
        return torch.nn.ReLU(), lambda module, x: [x, module(x)]

    return FrozenBody(Recipe(recipe_key(name), build, lambda: np.ones((4, 1), np.float32), lasting=False))


def selected(name, forward):
    return SelectedBody(full(name), Selection((1,), (1, 1), lambda: (torch.nn.ReLU(), forward)))


def failing(_module, _x):
    raise AttributeError("the upper layer\nis needed")


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda module, x: [module(x)], ""),
        (failing, "without its upper layers it fails (the upper layer is needed)"),
        (lambda module, x: [module(x) + 1e-3], OTHER_ROWS),
    ],
)
def test_the_runtime_states_why_all_blocks_run(forward, reason):
    """Kind: nothing falls back silently; the rows are the right ones in any case."""
    body = selected(f"{reason} states", forward)
    assert isinstance(body, HasRuntime)
    body.choose("torch")
    before = body.runtime.reason
    np.testing.assert_array_equal(body(X), Y)
    said = body.runtime.reason.removeprefix(before).removeprefix("; ")
    assert said == (f"all blocks run, although only some are read: {reason}" if reason else "")
    np.testing.assert_array_equal(body(X), Y)
    assert body.runtime.streams == body.full.runtime.streams


def test_a_body_and_its_selection_name_the_complete_body():
    body = selected("complete", failing)
    assert body.full.full is body.full
    assert body.recipe is body.full.recipe
