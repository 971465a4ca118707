"""Parts of pictures and sounds: what is kept, what is removed, and that their values sum to the map."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.attributions import PixelMap, TimeFrequencyMap
from headstart.explain.checking.media_parts import picture_parts, sound_parts


def test_removed_cells_have_the_mean_colour_and_only_inside_of_the_box():
    picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    shown = PixelMap(np.ones((4, 4)), picture, (2, 2), box=(0.5, 0.0, 1.0, 1.0))
    values, keep = picture_parts(picture, shown)
    assert values.tolist() == [4, 4, 4, 4]
    assert np.array_equal(keep(np.ones(4, bool)), picture)
    without = keep(np.zeros(4, bool))
    assert np.array_equal(without[:, :4], picture[:, :4])
    assert len(np.unique(without[:, 4:].reshape(-1, 3), axis=0)) == 1


def test_values_of_a_sound_sum_to_the_map_where_the_sound_is():
    values = np.random.default_rng(0).normal(size=(16, 30))
    shown = TimeFrequencyMap(values, values, 1.0, np.linspace(50, 3900, 16))
    found, keep = sound_parts((np.ones(8000, np.float32), 8000), shown)
    assert found.shape == (32,)
    assert found.sum() == pytest.approx(values.sum())
    half, _ = sound_parts((np.ones(4000, np.float32), 8000), shown)
    assert half.sum() == pytest.approx(values[:, :15].sum())
    assert np.allclose(keep(np.ones(32, bool))[0], 1.0)


def test_a_removed_band_is_silent_and_the_others_stay():
    rate = 8000
    times = np.arange(rate) / rate
    low, high = (np.sin(2 * np.pi * hertz * times) for hertz in (300.0, 3500.0))
    shown = TimeFrequencyMap(np.eye(8), np.eye(8), 1.0, np.linspace(100, 3900, 8))
    _, keep = sound_parts(((low + high).astype(np.float32), rate), shown)
    mask = np.ones((4, 8), bool)
    mask[3] = False  # the highest band
    found, _ = keep(mask.ravel())
    assert np.abs(found - low).mean() < 0.05
