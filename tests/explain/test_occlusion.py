"""Occlusion: equal to a computation by hand, at the planted place, and bounded for any picture or sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from map_models import sound_model, squares, tones

import headstart
from headstart.errors import ItemError
from headstart.explain.explain import ask
from headstart.explain.occlusion import Occlusion, covered_picture, silenced_sound
from headstart.sources.module import module


@pytest.fixture(scope="module")
def colours():
    """A model that reads the mean colour: any patch's effect can be computed by hand."""
    source = module(
        torch.nn.Identity(), lambda item: torch.from_numpy(np.array(item)).permute(2, 0, 1).float() / 255,
        name="colour", modality="image",
    )  # fmt: skip
    return headstart.fit(squares(), source=source, heads=["ridge"], baselines="none", verbose=False).model


def test_the_map_is_the_mean_fall_over_the_patches_that_cover_a_cell(colours):
    """Brute force over all patches of both sizes."""
    picture = squares(2, (28, 28))[0][0]
    query = ask(colours, picture)
    expected = np.zeros((14, 14))
    for size, step in ((4, 2), (2, 1)):
        sums, counts = np.zeros((14, 14)), np.zeros((14, 14))
        for i in range(0, 14 - size + 1, step):
            for j in range(0, 14 - size + 1, step):
                part = (slice(2 * i, 2 * (i + size)), slice(2 * j, 2 * (j + size)))
                fall = query.value - float(query.values_of_items([covered_picture(picture, part)])[0])
                sums[i : i + size, j : j + size] += fall
                counts[i : i + size, j : j + size] += 1
        expected += sums / counts / 2
    found = colours.explain(picture, method="occlusion")["occlusion"]
    assert np.allclose(found.shown.values, expected, atol=1e-6)
    assert found.checks["predictions"] == 206


def test_the_strongest_cells_are_those_of_the_planted_square(colours):
    picture, _ = squares(2, (56, 56))[0]
    found = colours.explain(picture, label="red", method="occlusion")["occlusion"].shown.values
    assert found[1:5, 1:5].mean() > 3 * abs(found[7:, 7:].mean())


@pytest.mark.parametrize(
    "picture",
    [np.full((30, 30, 3), 9, np.uint8), np.zeros((1, 1, 3), np.uint8), np.zeros((2, 900, 3), np.uint8)],
    ids=["one colour", "one pixel", "two rows"],
)
def test_degenerate_pictures_lose_nothing(colours, picture):
    found = colours.explain(picture, method="occlusion")["occlusion"]
    assert np.allclose(found.shown.values, 0, atol=1e-6)
    assert "figure" in found.to_html()


def test_silence_removes_a_band_in_a_stretch_of_time_and_nothing_else():
    rate = 8000
    times = np.arange(rate) / rate
    low, high = np.sin(2 * np.pi * 400 * times), np.sin(2 * np.pi * 3000 * times)
    found = silenced_sound((low + high).astype(np.float32), rate, (0, rate // 2), (2000.0, 4000.0))
    assert np.abs(found[: rate // 2] - low[: rate // 2]).max() < 1e-3
    assert np.allclose(found[rate // 2 :], (low + high)[rate // 2 :], atol=1e-6)


def test_a_sound_is_explained_by_time_and_frequency():
    sounds, _ = tones()
    found = sound_model().explain(sounds[0], method="occlusion")["occlusion"]
    assert found.shown.values.shape == (8, 12)
    assert found.checks["predictions"] == 174


@pytest.mark.parametrize("samples", [np.zeros(1, np.float32), np.zeros(40_000, np.float32)], ids=["one", "silence"])
def test_degenerate_sounds_have_finite_maps(samples):
    found = sound_model().explain((samples, 8000), method="occlusion")["occlusion"]
    assert np.isfinite(found.shown.values).all()
    assert "<svg" in found.to_html()


def test_a_long_sound_is_bounded_and_this_is_said(monkeypatch):
    from headstart.explain import occlusion

    monkeypatch.setattr(occlusion, "MOST_SECONDS", 0.25)
    found = sound_model().explain(tones()[0][0], method=Occlusion()).attributions[0]
    assert found.shown.seconds == pytest.approx(0.25)
    assert "first 0.25 of" in found.notes[1]


def test_an_item_that_cannot_be_read_is_refused(colours):
    with pytest.raises(ItemError):
        colours.explain(b"no picture", method="occlusion")
