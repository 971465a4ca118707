"""The layer profile: shares that sum to the difference, and to the whole spread."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.attributions import LayerShare
from headstart.errors import ParameterError
from headstart.explain.layer_profile import profile_words

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


def test_the_thirds_of_a_deep_body_are_named():
    layers = tuple(LayerShare(f"layer.{k}", 0.1, weight) for k, weight in enumerate([0, 0.1, 0.3, 0.4, 0.1, 0.1]))
    assert "the middle layers count most: they carry 70% of the spread" in profile_words(layers, "log-loss")
