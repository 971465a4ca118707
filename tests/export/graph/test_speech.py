"""The spectrogram in the graph, against the one of the source."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.export.graph.speech import speech_frames
from headstart.sources.preprocessing.speech_mel import MOST_FRAMES, STEP, speech_mel

MOST = MOST_FRAMES * STEP


def sound(samples, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(scale=0.1, size=samples) * np.geomspace(1, 0.01, samples)).astype(np.float32)


def wanted(wave):
    return speech_mel(wave).reshape(-1, 160)


@pytest.mark.parametrize("frames", [1, 2, 7, 40])
def test_a_sound_alone_has_the_frames_of_the_source(frames):
    import torch

    wave = sound(frames * STEP)
    batch = speech_frames(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))
    assert batch["attention_mask"].tolist() == [[1] * frames]
    assert np.abs(batch["input_features"][0].numpy() - wanted(wave)).max() < 2e-4


def test_padding_changes_nothing_and_is_zero():
    import torch

    waves = [sound(30 * STEP), sound(12 * STEP, 1), np.zeros(5 * STEP, np.float32)]
    padded = np.stack([np.pad(wave, (0, 30 * STEP - len(wave))) for wave in waves])
    samples = torch.tensor([len(wave) for wave in waves])
    batch = speech_frames(torch.from_numpy(padded), samples)
    for k, wave in enumerate(waves):
        own = len(wave) // STEP
        assert np.abs(batch["input_features"][k, :own].numpy() - wanted(wave)).max() < 2e-4
        assert not batch["input_features"][k, own:].any()
        assert batch["attention_mask"][k].sum() == own


def test_the_end_of_thirty_seconds_is_mirrored():
    import torch

    wave = np.random.default_rng(2).normal(scale=0.1, size=MOST).astype(np.float32)
    batch = speech_frames(torch.from_numpy(wave)[None], torch.tensor([MOST]))
    assert np.abs(batch["input_features"][0, -3:].numpy() - wanted(wave)[-3:]).max() < 2e-4
