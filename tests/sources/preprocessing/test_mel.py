"""Log-mel spectrograms against transformers, and pictures of them."""

import numpy as np
import pytest
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from headstart.sources.preprocessing.mel import log_mel, mel_filters, picture, resample


@pytest.mark.parametrize(
    ("rate", "n_fft", "hop", "n_mels"), [(16000, 1024, 160, 128), (8000, 256, 64, 40), (22050, 512, 300, 64)]
)
def test_log_mel_equals_transformers(rate, n_fft, hop, n_mels):
    wave = np.random.default_rng(0).normal(size=rate).astype(np.float32)
    filters = mel_filter_bank(n_fft // 2 + 1, n_mels, 20.0, rate / 2, rate, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(mel_filters(n_fft // 2 + 1, n_mels, 20.0, rate / 2, rate), filters, atol=1e-12)
    wanted = spectrogram(
        wave, window_function(n_fft, "hann"), n_fft, hop, power=2.0, mel_filters=filters, log_mel="dB", mel_floor=1e-10
    )
    found = log_mel(wave, rate, sample_rate=rate, n_fft=n_fft, hop=hop, n_mels=n_mels, fmin=20.0, fmax=rate / 2)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 50, 513])
def test_short_sounds_have_a_spectrogram(length):
    bands = log_mel(
        np.ones(length, np.float32), 8000, sample_rate=8000, n_fft=1024, hop=10, n_mels=20, fmin=0, fmax=4000
    )
    assert bands.shape == (20, 1 + length // 10)
    assert np.isfinite(bands).all()


def test_resampling_keeps_a_tone():
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100).astype(np.float32)
    low = resample(tone, 44100, 16000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(low[500:-500], wanted[500:-500], atol=1e-3)
    assert low.dtype == np.float32


def test_picture_spans_black_to_white_whatever_the_loudness():
    bands = np.random.default_rng(0).uniform(-100, -20, (32, 50)).astype(np.float32)
    quiet, loud = picture(bands - 30, 64), picture(bands, 64)
    np.testing.assert_allclose(quiet, loud, atol=1e-5)
    assert loud.shape == (64, 64)
    assert loud.min() == 0
    assert loud.max() <= 1


def test_silence_is_a_flat_picture():
    assert np.ptp(picture(np.full((4, 4), -100.0, np.float32), 8)) < 1e-6
