"""The beginning of a sound as a small file that a browser plays."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_SOUND_BYTES", "sound_clip"]

MAX_SOUND_BYTES = 48_000
"""Longest sound file that is embedded, in bytes."""

RATE, SECONDS = 16_000, 10.0
BITRATE = 0.75  # of MP3 compression levels 0 (best) to 1 (smallest): about 32 kbit/s at 16 kHz


def sound_clip(samples: NDArray[np.float32], rate: int, most: int = MAX_SOUND_BYTES) -> tuple[bytes, str]:
    """The first ten seconds of a sound as a small file (mono, 16 kHz), and its media type.

    MP3, which every browser plays; Ogg where libsndfile cannot write MP3. A longer file than ``most`` is cut.

    Args:
        samples: (n,) mono.
        rate: in Hz.
        most: bytes of the file.

    Examples:
        >>> raw, kind = sound_clip(np.zeros(16_000, np.float32), 8000)
        >>> len(raw) < 48_000, kind.startswith("audio/")
        (True, True)
    """
    import soundfile
    import soxr

    mp3 = "MP3" in soundfile.available_formats()
    wave = soxr.resample(samples[: max(1, int(SECONDS * rate))], rate, RATE)
    while True:
        file = io.BytesIO()
        options = {"format": "MP3"} if mp3 else {"format": "OGG", "subtype": "VORBIS"}
        soundfile.write(file, wave, RATE, **options, compression_level=BITRATE)
        if file.tell() <= most or len(wave) <= RATE // 10:
            return file.getvalue(), "audio/mpeg" if mp3 else "audio/ogg"
        wave = wave[: len(wave) // 2]
