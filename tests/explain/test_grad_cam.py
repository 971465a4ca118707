"""Grad-CAM: the class activation map where the two are the same, other poolings, and what it says."""

from __future__ import annotations

import numpy as np
import pytest
from map_models import picture_model, sound_model, squares, tones

from headstart.errors import ParameterError
from headstart.explain.bodies.class_maps import block_terms
from headstart.explain.bodies.drawn_map import spread_out
from headstart.explain.bodies.map_reading import map_reading
from headstart.explain.explain import ask
from headstart.explain.grad_cam import GradCam


def test_with_mean_pooling_and_a_linear_head_it_is_the_class_map_up_to_a_factor():
    """Selvaraju et al. 2017, section 3.1: the gradient at each position is the weight over the number of positions."""
    rows = picture_model(layers="last")
    item = squares()[0][0]
    query = ask(rows, item)
    reading = map_reading(query)
    place, layout = reading.means[-1]
    _, found = next(iter(reading.runs()))
    maps = layout.positions(found.outputs[place])[0].detach().double().numpy()
    (term,) = (one for one in block_terms(query, reading.row) if one.is_read)
    got = rows.explain(item, method=GradCam(relu=False)).attributions[0].shown.values
    expected = spread_out((maps @ term.weights).reshape(layout.grid), *got.shape) / len(maps)
    assert np.abs(got - expected).max() < 1e-5 * np.abs(expected).max()
    positive = rows.explain(item, method="grad_cam")["grad_cam"].shown.values
    kept = spread_out(np.maximum(maps @ term.weights, 0).reshape(layout.grid), *got.shape) / len(maps)
    assert np.allclose(positive, kept, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("architecture", ["test_vit", "test_convnext", "test_efficientnet"])
def test_it_explains_bodies_of_every_pooling(architecture):
    model, item = picture_model(architecture, "last"), squares()[0][0]
    found = model.explain(item, method="grad_cam")["grad_cam"]
    assert found.shown.values.min() >= 0
    signed = model.explain(item, method=GradCam(relu=False)).attributions[0].shown.values
    assert np.abs(signed).max() > 0
    assert np.isfinite(signed).all()
    assert found.notes[0].startswith("Approximate")
    assert not np.isfinite(found.completeness)


def test_a_class_token_is_explained_at_the_input_of_the_last_attention():
    found = picture_model("test_vit", "last").explain(squares()[0][0], method="grad_cam")["grad_cam"]
    assert "norm1" in found.notes[0]


def test_of_several_blocks_it_says_that_it_shows_one_layer():
    found = picture_model(layers="all").explain(squares()[0][0], method="grad_cam")["grad_cam"]
    assert any("one layer" in note or "its layer only" in note for note in found.notes)


def test_a_head_that_is_not_linear_is_refused_and_occlusion_is_used():
    model = picture_model(head="knn")
    with pytest.raises(ParameterError, match="linear head"):
        model.explain(squares()[0][0], method="grad_cam")
    assert model.explain(squares()[0][0]).methods[0] == "occlusion"


def test_a_sound_has_a_map_over_time_and_frequency():
    found = sound_model().explain(tones()[0][1], method="grad_cam")["grad_cam"]
    assert found.shown.values.shape == found.shown.spectrogram.shape
    assert found.shown.values.max() > 0
