"""The class activation map: equal to a computation by hand, exact in its sum, and refused where it would not be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from map_models import SIDE, picture_model, sound_model, squares, tones

from headstart.errors import ParameterError
from headstart.explain.bodies.class_maps import block_terms
from headstart.explain.bodies.drawn_map import spread_out
from headstart.explain.explain import ask


def by_hand(model, item, grids):
    """The sum over blocks of w . (a(p) / norm - mean) / positions, from the body's own layers."""
    query, source = ask(model, item), model.source
    module = source.trainable().module
    pixels = torch.from_numpy(source.prepare(item).copy()).permute(2, 0, 1)[None].float() / 255
    transform = source.picture_transform
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (transform.mean, transform.std))
    outputs = {}
    for name in grids:
        layer = module.get_submodule(name)
        layer.register_forward_hook(lambda _m, _i, out, name=name: outputs.__setitem__(name, out.detach().clone()))
    with torch.no_grad():
        last = module.forward_features((pixels - mean) / std)
    head = model.head.feature_map
    direction, start, total = query.direction, 0, np.zeros((SIDE, SIDE))
    reference = model.moments.mean
    for name, (_, _), scaling in zip([*grids, "last"], head.blocks, head.block_scalings, strict=True):
        maps = (outputs[name] if name != "last" else last)[0].double().numpy()
        width = len(maps)
        w, scale = direction[start : start + width], head.scale[start : start + width] if head.scale.size else 1.0
        shift = head.shift[start : start + width] if head.shift.size else 0.0
        norm = np.linalg.norm(maps.mean(axis=(1, 2))) if scaling == "unit_norm" else 1.0
        each = np.einsum("c,chw->hw", w / scale / norm, maps) - w @ (reference[start : start + width] + shift / scale)
        total += spread_out(each / each.size, SIDE, SIDE)
        start += width
    return total


@pytest.mark.parametrize("layers", ["last", "all"])
def test_the_map_equals_a_computation_by_hand(layers):
    """Brute force: every block's map, weighted by the head."""
    model, item = picture_model(layers=layers), squares()[0][0]
    names = [block.name for block in model.source.info.blocks][:-1]
    found = model.explain(item, method="cam")["cam"].shown.values
    assert found.shape == (SIDE, SIDE)
    expected = by_hand(model, item, names)
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("layers", ["last", "all"])
def test_the_map_sums_to_the_difference_of_the_score(layers):
    for item in squares()[0][:4]:
        found = picture_model(layers=layers).explain(item, method="cam")["cam"]
        difference = found.value - found.baseline
        assert found.completeness < 1e-6 * max(abs(difference), 1)
        assert abs(found.shown.values.sum() - difference) < 1e-6 * max(abs(difference), 1)
        assert found.notes[0].startswith("Exact")
        assert found.checks["difference from the model's own score"] < 0.05


def test_the_map_of_a_spectrogram_sums_to_the_difference_and_has_its_axes():
    sounds, _ = tones()
    found = sound_model().explain(sounds[0], method="cam")["cam"]
    assert abs(found.shown.values.sum() - (found.value - found.baseline)) < 1e-5
    assert found.shown.seconds == pytest.approx(0.5)
    assert found.shown.values.shape == found.shown.spectrogram.shape
    assert np.all(np.diff(found.shown.hertz) > 0)
    # the tone of 400 Hz is where the spectrogram is loudest, in the first half
    row, column = np.unravel_index(found.shown.spectrogram.argmax(), found.shown.spectrogram.shape)
    assert found.shown.hertz[row] == pytest.approx(400, rel=0.2)
    assert column < found.shown.spectrogram.shape[1] / 2


def test_a_long_sound_is_one_map_over_all_its_parts():
    wave, rate = tones()[0][0]
    found = sound_model().explain((np.tile(wave, 50), rate), method="cam")["cam"]
    assert found.shown.seconds == pytest.approx(25)
    assert found.shown.values.shape[1] <= 800
    assert abs(found.shown.values.sum() - (found.value - found.baseline)) < 1e-5


@pytest.mark.parametrize(
    "picture",
    [np.full((50, 50, 3), 7, np.uint8), np.zeros((1, 1, 3), np.uint8), np.zeros((1, 300, 3), np.uint8)],
    ids=["one colour", "one pixel", "one row"],
)
def test_degenerate_pictures_have_finite_maps_with_the_right_sum(picture):
    found = picture_model().explain(picture, method="cam")["cam"]
    assert np.isfinite(found.shown.values).all()
    assert abs(found.shown.values.sum() - (found.value - found.baseline)) < 1e-5
    assert "figure" in found.to_html()


def test_a_block_that_is_no_mean_is_refused_and_grad_cam_is_used_instead():
    model, item = picture_model("test_vit", "last"), squares()[0][0]
    with pytest.raises(ParameterError, match=r"block 'last' of 'test_vit' is not; use 'grad_cam'"):
        model.explain(item, method="cam")
    found = model.explain(item)
    assert found.methods[0] == "grad_cam"
    assert "means over the positions" in found.notes[0]


def test_shares_of_blocks_sum_to_the_difference():
    model, item = picture_model(layers="all"), squares()[0][1]
    query = ask(model, item)
    row = query.row[0].astype(np.float64)
    edges = np.cumsum([0, *(block.width for block in model.source.info.blocks)])
    terms = block_terms(query, row)
    shares = [row[a:b] @ term.weights - term.constant for a, b, term in zip(edges[:-1], edges[1:], terms, strict=True)]
    assert sum(shares) == pytest.approx(float(query.direction @ (query.mapped - query.mean)), abs=1e-6)
