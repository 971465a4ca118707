"""Head2Toe: features selected from all layers."""

import numpy as np

from headstart.heads import FeatureMap, HeadSearch, select_head
from headstart.heads.fusion.head2toe import FRACTIONS, relevance, selected_map
from headstart.types import Block, Task


def test_selected_features_are_the_relevant_ones():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    rows = rng.normal(size=(200, 300))
    rows[:, 250] += 3 * y
    blocks = (Block("first", 100), Block("last", 200))
    head = select_head(
        rows, y, Task("classification", ("n", "p")), blocks=blocks, search=HeadSearch(("ridge",), layers="select")
    )
    assert head.feature_map.name.startswith("selected of 2 blocks")
    assert 250 in head.feature_map.columns
    assert head.feature_map.num_features < 300
    assert head.weight.shape == (head.feature_map.num_features, 2)


def test_the_loss_of_a_selection_is_of_features_chosen_without_the_row():
    """With labels of noise and many features, a selection on all rows would look far better than chance."""
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(80, 2000)), rng.integers(2, size=80)
    blocks = (Block("first", 1000), Block("last", 1000))
    head = select_head(
        rows, y, Task("classification", ("n", "p")), blocks=blocks, search=HeadSearch(("ridge",), layers="select")
    )
    losses = {one.features: one.loss for one in head.candidates if one.features.startswith("selected")}
    assert len(losses) == len(FRACTIONS)
    assert min(losses.values()) > np.log(2) - 0.03


def test_selected_map_keeps_shift_and_scale_of_its_columns():
    whole = FeatureMap("w", ((0, 4),), "none", np.arange(4.0), np.arange(1.0, 5.0))
    half = selected_map(whole, relevance(np.array([[1.0], [0.0], [3.0], [0.5]])), 0.5, "half")
    rows = np.random.default_rng(0).normal(size=(3, 4))
    assert np.array_equal(half(rows), whole(rows)[:, [0, 2]])
