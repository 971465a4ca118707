"""Whisper's log-mel spectrogram without its padding, against the feature extractor of transformers."""

import numpy as np
import pytest

from headstart.sources.preprocessing.speech_mel import RATE, speech_mel, speech_parts


def noise(n, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(scale=0.1, size=n) * np.geomspace(1, 1e-3, n)).astype(np.float32)


@pytest.mark.parametrize("n", [1, 100, 320, 5123, 16_000, 479_681, 480_000])
def test_it_is_the_beginning_of_the_padded_spectrogram(n):
    from transformers import WhisperFeatureExtractor

    extractor, wave = WhisperFeatureExtractor(), noise(n)
    [part] = speech_parts(wave)
    mel = speech_mel(part)
    assert mel.shape == (2 * -(-n // 320), 80)
    exact = extractor._np_extract_fbank_features(np.pad(wave, (0, 480_000 - n))[None], "cpu")[0].T  # in float64
    np.testing.assert_allclose(mel, exact[: len(mel)], rtol=0, atol=1e-6)
    usual = extractor(wave, sampling_rate=RATE, return_tensors="np")["input_features"][0].T
    np.testing.assert_allclose(mel, usual[: len(mel)], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("seconds", "lengths"), [(30, [30]), (30.01, [15.02, 15.0]), (61, [20.34, 20.34, 20.32])])
def test_long_sounds_are_split_into_equal_parts(seconds, lengths):
    wave = noise(int(seconds * RATE))
    parts = speech_parts(wave)
    assert [len(part) / RATE for part in parts] == pytest.approx(lengths)
    joined = np.concatenate(parts)
    np.testing.assert_array_equal(joined[: len(wave)], wave)
    assert not joined[len(wave) :].any()
    assert len(joined) - len(wave) < 320 * len(parts)
