"""Whisper's log-mel spectrogram, of a sound at its own length: it isn't padded to 30 seconds.

Reference: Radford et al. 2023, "Robust Speech Recognition via Large-Scale Weak Supervision", and the feature extractor
of transformers, whose frames these are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from headstart.sources.preprocessing.mel import FLOOR, mel_power

__all__ = ["BANDS", "MOST_FRAMES", "RATE", "speech_mel", "speech_parts"]

RATE = 16_000  # Hz
BANDS = 80  # mel bands, from 0 Hz to half the rate
WINDOW, HOP = 400, 160  # samples
STEP = 2 * HOP  # samples per frame of the body, whose second convolution halves the frames of the spectrogram
MOST_FRAMES = 1500  # of the body: 30 s
RANGE = 8.0  # of log10 of the power below the loudest point, 80 dB


def speech_parts(wave: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """A sound as the equal parts that the body reads: one of at most 30 seconds, or as few as possible.

    Args:
        wave: (n,) samples at 16 kHz, at least one.

    Returns:
        The parts, each padded with zeros to a multiple of 320 samples, which is one frame of the body.

    Examples:
        >>> [len(part) for part in speech_parts(np.ones(100, np.float32))]
        [320]
        >>> [len(part) / RATE for part in speech_parts(np.ones(40 * RATE, np.float32))]
        [20.0, 20.0]
    """
    frames = math.ceil(len(wave) / STEP)
    count = math.ceil(frames / MOST_FRAMES)
    size = math.ceil(frames / count) * STEP
    parts = [wave[begin : begin + size] for begin in range(0, len(wave), size)]
    return [np.pad(part, (0, -len(part) % STEP)) for part in parts]


def speech_mel(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whisper's log-mel spectrogram of one part: (log10 max(M |STFT|², 1e-10) clipped to 8 below its maximum + 4) / 4.

    Args:
        part: (n,) samples at 16 kHz, n a multiple of 320 and at most 30 seconds, as `speech_parts` gives it.

    Returns:
        (n / 160, 80) float32: the first frames of the spectrogram that Whisper computes of the sound and the silence
        that it pads to 30 seconds. (The clipping may differ: a sound quieter than 1e-10 everywhere is a constant.)

    Examples:
        >>> speech_mel(np.zeros(RATE, np.float32)).shape
        (100, 80)
    """
    half, frames = WINDOW // 2, len(part) // HOP
    # Frames are centred on multiples of the hop. After the sound there is silence, up to the mirror at 30 s.
    silence = min(half, MOST_FRAMES * STEP - len(part))
    padded = np.pad(np.pad(part, (0, silence)), (half, half - silence), mode="reflect")
    power = mel_power(padded, sample_rate=RATE, n_fft=WINDOW, hop=HOP, n_mels=BANDS, fmin=0.0, fmax=RATE / 2)[:frames]
    bands = np.log10(np.maximum(power, FLOOR))
    scaled: NDArray[np.float32] = ((np.maximum(bands, bands.max() - RANGE) + 4) / 4).astype(np.float32)
    return scaled
