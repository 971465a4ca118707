"""YAMNet's input: log-mel patches of 0.96 s, each half a patch after the one before.

Reference: Hershey et al. 2017, "CNN Architectures for Large-Scale Audio Classification", ICASSP; the parameters are
those of YAMNet in the TensorFlow Model Garden (``params.py``, ``features.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "BINS", "FRAMES", "HOP", "INPUT", "SAMPLE_RATE", "WINDOW", "log_mel_patches", "patch_starts"]

SAMPLE_RATE = 16_000  # Hz
WINDOW, HOP, N_FFT = 400, 160, 512  # samples: 25 ms, 10 ms, and the length of the transform
BINS, BANDS = N_FFT // 2 + 1, 64
FRAMES, FRAME_HOP = 96, 48  # of a patch: 0.96 s and 0.48 s
LOG_OFFSET = 0.001
PATCH = (FRAMES - 1) * HOP + WINDOW  # samples that a patch covers: 0.975 s
PATCH_HOP = FRAME_HOP * HOP
MOST_PATCHES = 240  # about two minutes; of a longer sound that many patches, evenly spaced
MOST_SECONDS = (PATCH + (MOST_PATCHES - 1) * PATCH_HOP) / SAMPLE_RATE  # 115.7: a sound that is read as a whole
INPUT: Mapping[str, Any] = {
    "sample_rate": SAMPLE_RATE,
    "frames": FRAMES,
    "n_mels": BANDS,
    "patch_seconds": 0.96,
    "patch_hop_seconds": 0.48,
    "most_seconds": round(MOST_SECONDS, 1),
    "longer": f"{MOST_PATCHES} patches, evenly spaced; the rest of the sound is not read",
}


def log_mel_patches(
    wave: NDArray[np.float32], window: NDArray[np.float32], mel: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The patches of a sound: log(M |STFT| + 0.001), of the magnitude and not of the power.

    A sound shorter than a patch, or than its last patch, is filled with zeros at its end.

    Args:
        wave: (n,) mono samples in [-1, 1] at 16 kHz, at least one.
        window: (400,), the window of the transform.
        mel: (64, 257), the mel filters.

    Returns:
        (patches, 96, 64) float32: frames by mel bands. A sound of s seconds has 1 + ceil((s - 0.975) / 0.48) patches,
        at least one; of one with more than 240, that many, evenly spaced.

    Examples:
        >>> mel = np.ones((64, 257), np.float32)
        >>> log_mel_patches(np.zeros(16_000, np.float32), np.ones(400, np.float32), mel).shape
        (2, 96, 64)
    """
    count = _count(len(wave))
    filled = np.pad(wave, (0, max(0, PATCH + (count - 1) * PATCH_HOP - len(wave))))
    if count <= MOST_PATCHES:
        frames = _log_mel(filled, window, mel)
        views = np.lib.stride_tricks.sliding_window_view(frames, FRAMES, axis=0)[::FRAME_HOP]  # (patches, 64, 96)
        return np.ascontiguousarray(views.transpose(0, 2, 1))
    return np.stack([_log_mel(filled[start : start + PATCH], window, mel) for start in patch_starts(len(wave))])


def patch_starts(length: int) -> NDArray[np.intp]:
    """The sample at which each patch of a sound begins.

    Args:
        length: of the sound, in samples at 16 kHz.

    Examples:
        >>> patch_starts(32_000)
        array([    0,  7680, 15360, 23040])
    """
    count = _count(length)
    return np.linspace(0, count - 1, min(count, MOST_PATCHES)).round().astype(np.intp) * PATCH_HOP


def _count(length: int) -> int:
    """How many patches cover a sound of ``length`` samples."""
    return 1 + max(0, math.ceil((length - PATCH) / PATCH_HOP))


def _log_mel(wave: NDArray[np.float32], window: NDArray[np.float32], mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 64) float32 of the frames that lie in the sound as a whole."""
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
    magnitude = np.abs(rfft(frames * window, n=N_FFT, axis=1))
    logarithm: NDArray[np.float32] = np.log(magnitude @ mel.T + np.float32(LOG_OFFSET)).astype(np.float32)
    return logarithm
