"""The layer profile: shares that sum to the difference, and to the whole spread."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.attributions import LayerShare
from headstart.errors import ParameterError
from headstart.explain.asking.columns import FeatureGroups
from headstart.explain.asking.training_rows import TrainingRows
from headstart.explain.layer_profile import _fitted_rows, _layer_losses, profile_words
from headstart.heads import HeadSearch, select_head
from headstart.types import Block, Task

DATA = (
    [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)],
    ["+", "+", "-", "-"] * 6,
)


def test_shares_and_spread_sum_and_each_layer_has_a_loss():
    run = headstart.fit(DATA, source="toy", layers="all", heads=["ridge"], baselines="none", verbose=False)
    found = run.explain("a good one", method="layer_profile", training=DATA)["layer_profile"]
    layers = found.shown.layers
    assert sum(layer.weight for layer in layers) == pytest.approx(1.0)
    assert abs(found.shown.values.sum() - (found.value - found.baseline)) < 1e-6
    scores = run.model.head.scores(run.model.source.encode(DATA[0]))
    contrast = scores[:, 0] - scores[:, 1]
    assert np.isfinite(contrast).all()
    assert all(np.isfinite(layer.loss) for layer in layers)
    assert "Alone," in found.shown.sentence


def test_a_head_on_one_layer_names_it_and_what_the_others_were_worth(tmp_path):
    run = headstart.fit(DATA, source="headstart:text", baselines="none", out=tmp_path / "run", verbose=False)
    here = run.explain("a good one", method="layer_profile")["layer_profile"].shown.sentence
    saved = headstart.load(tmp_path / "run").explain("a good one", method="layer_profile")["layer_profile"]
    assert "The fit chose" in here
    assert saved.shown.sentence == here


def test_without_a_choice_of_layers_there_is_no_profile():
    run = headstart.fit(DATA, source="toy", layers="last", heads=["ridge"], baselines="none", verbose=False)
    with pytest.raises(ParameterError, match="several layers"):
        run.explain("a good one", method="layer_profile")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 3.0], "b carries most of this answer (75%)"),
        ([0.5, 0.5], "a carries most of this answer (50%)"),
        ([0.22, 0.2, 0.2, 0.2, 0.18], "the largest share of this answer, 22%, comes from a"),
        ([-1.0, 3.0], "b carries this answer, and some of the others speak against it"),
        ([-3.0, 1.0], "b speaks for it most, but the others outweigh it"),
        ([-1.0, 0.0], "none of them speaks for it"),
    ],
)
def test_most_of_an_answer_is_at_least_half_of_it(values, words):
    """Kind: what is said about a share is true of it."""
    layers = tuple(LayerShare(name, value) for name, value in zip("abcde", values, strict=False))
    assert f"The head reads {len(values)} layers; {words}." in profile_words(layers, "log-loss")


def test_the_losses_of_layers_are_those_of_the_fit_with_its_groups_weights_and_without_suspects():
    """Kind: the same rows, groups and weights as the fit; otherwise copies of an item give its label away."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(20) % 4 == 0, 5).astype(np.int64)
    rows = np.repeat(rng.normal(size=(20, 12)), 5, axis=0) + 0.01 * rng.normal(size=(100, 12))
    rows[:, 0] += y
    groups, weights = np.repeat(np.arange(20), 5), np.ones(100)
    weights[[3, 50]] = 0
    task = Task("classification", ("no", "yes"))
    training = TrainingRows(
        tuple(map(str, range(100))), rows, y, task, weights, groups=groups, is_balanced=True
    )  # fmt: skip
    layers = FeatureGroups("Share of each layer", ("a", "b"), ("", ""), np.repeat([0, 1], 6))
    found, fitted = _layer_losses(training, layers), weights > 0
    for loss, part in zip(found, (slice(0, 6), slice(6, 12)), strict=True):
        own, blocks = rows[fitted][:, part].astype(np.float32), (Block("a", 6),)
        search = HeadSearch(("ridge",), "balanced")
        assert loss == pytest.approx(
            select_head(own, y[fitted], task, blocks=blocks, groups=groups[fitted], search=search).loss
        )
        assert loss > 1.2 * select_head(own, y[fitted], task, blocks=blocks, search=search).loss


def test_of_many_rows_complete_groups_are_used():
    groups = np.arange(9000) // 3
    task = Task("classification", ("no", "yes"))
    training = TrainingRows(("",) * 9000, np.zeros((9000, 1)), groups % 2, task, groups=groups)
    drawn = _fitted_rows(training, 0)
    assert len(drawn) == 1998
    assert (np.bincount(groups[drawn])[np.unique(groups[drawn])] == 3).all()


def test_the_thirds_of_a_deep_body_are_named():
    layers = tuple(LayerShare(f"layer.{k}", 0.1, weight) for k, weight in enumerate([0, 0.1, 0.3, 0.4, 0.1, 0.1]))
    assert "the middle layers count most: they carry 70% of the variance" in profile_words(layers, "log-loss")
