"""YAMNet's front against a plain float64 computation of its published definition."""

import numpy as np
import pytest

from headstart.sources.preprocessing.yamnet_patches import MOST_PATCHES, PATCH, PATCH_HOP, log_mel_patches

WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)).astype(np.float32)
MEL = np.random.default_rng(1).uniform(0, 1, (64, 257)).astype(np.float32)


def plain(wave):
    """params.py and features.py of YAMNet in words: pad to whole patches, magnitude, mel, log(x + 0.001), patches."""
    wave = np.asarray(wave, np.float64)
    least = round((0.96 + 0.025 - 0.01) * 16000)
    hops = int(np.ceil(max(0, len(wave) - least) / (0.48 * 16000)))
    wave = np.concatenate([wave, np.zeros(int(least + hops * 0.48 * 16000) - len(wave))])
    fourier = np.exp(-2j * np.pi * np.arange(257)[:, None] * np.arange(400) / 512)
    frames = [np.abs(fourier @ (wave[k : k + 400] * WINDOW)) for k in range(0, len(wave) - 399, 160)]
    bands = np.log(np.array(frames) @ MEL.T.astype(np.float64) + 0.001)
    return np.stack([bands[start : start + 96] for start in range(0, len(bands) - 95, 48)])


@pytest.mark.parametrize(("length", "count"), [(1, 1), (300, 1), (15600, 1), (15601, 2), (23280, 2)])
def test_patches_are_those_of_the_definition(length, count):
    wave = np.random.default_rng(length).normal(scale=0.1, size=length).astype(np.float32)
    found = log_mel_patches(wave, WINDOW, MEL)
    assert (found.shape, found.dtype) == ((count, 96, 64), np.float32)
    np.testing.assert_allclose(found, plain(wave), atol=1e-4)


def test_of_a_long_sound_patches_are_taken_evenly():
    wave = np.random.default_rng(0).normal(scale=0.1, size=PATCH + 1000 * PATCH_HOP).astype(np.float32)
    found = log_mel_patches(wave, WINDOW, MEL)
    assert len(found) == MOST_PATCHES
    np.testing.assert_array_equal(found[0], log_mel_patches(wave[:PATCH], WINDOW, MEL)[0])
    np.testing.assert_array_equal(found[-1], log_mel_patches(wave[-PATCH:], WINDOW, MEL)[0])
