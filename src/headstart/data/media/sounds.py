"""Sound files: supported formats, limits on memory, and checks for truncated files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.file_kinds import content_of

if TYPE_CHECKING:
    import soundfile

__all__ = ["SOUND_FORMATS", "UnreadSoundError", "decode_sound"]

SOUND_FORMATS = (
    "WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "MPEG", "AIFF", "AU", "CAF", "VOC", "NIST",
)  # fmt: skip
"""Supported formats, by libsndfile's names; Ogg contains Vorbis, Opus or FLAC."""

MAX_SAMPLES = 2**29  # 2 GiB of float32
BLOCK = 2**20  # values decoded at a time
UNKNOWN_SIZE = 0x7FFF0000  # streaming programs write sizes from here on, because they do not know the real one
LACKING = 0.01  # share of a file that may be missing: padding, or tags after the sound


class UnreadSoundError(ValueError):
    """Content that is not decoded; the message completes the sentence "Cannot read X as a sound: ...".

    Examples:
        >>> str(UnreadSoundError("its content is a PNG picture, not a sound"))
        'its content is a PNG picture, not a sound'
    """


def decode_sound(raw: bytes, most_seconds: float) -> tuple[NDArray[np.float32], int]:
    """Decode a sound file to mono, by averaging its channels; the format is detected from the content.

    Integer samples of 8, 16, 24 or 32 bits are scaled to [-1, 1]; float samples are unchanged. The channels are
    averaged block by block, so many channels take no more memory than one.

    Args:
        raw: the content of the file.
        most_seconds: the maximum duration in seconds.

    Returns:
        Samples (n,) float32, and the sampling rate in Hz.

    Raises:
        UnreadSoundError: if it contains something else, is truncated, or is too long.
        SoundFileError: if it is damaged.

    Examples:
        >>> import soundfile
        >>> file = io.BytesIO()
        >>> soundfile.write(file, np.zeros((400, 2)), 8000, format="AIFF", subtype="PCM_24")
        >>> samples, rate = decode_sound(file.getvalue(), 60.0)
        >>> samples.shape, rate
        ((400,), 8000)
    """
    import soundfile

    _check_content(raw)
    _check_size(raw)
    with soundfile.SoundFile(io.BytesIO(raw)) as sound:
        if sound.format not in SOUND_FORMATS:
            raise UnreadSoundError(f"its format, {sound.format}, is not supported; convert it to WAV or FLAC")
        if sound.frames > most_seconds * sound.samplerate:
            seconds = sound.frames / sound.samplerate
            raise UnreadSoundError(f"it lasts {seconds:.0f} s, and at most {most_seconds:g} s are allowed")
        if sound.frames > MAX_SAMPLES:
            raise UnreadSoundError(f"it has {sound.frames} samples per channel, and at most {MAX_SAMPLES} are allowed")
        step = max(1, BLOCK // sound.channels)
        samples = np.concatenate([np.zeros(0, np.float32), *_blocks(sound, step)])
        # MP3 frame counts are estimates unless a Xing or Info header states them.
        is_counted = sound.format not in ("MP3", "MPEG") or b"Xing" in raw[:8192] or b"Info" in raw[:8192]
        if is_counted and len(samples) < (1 - LACKING) * sound.frames - 4096:
            raise UnreadSoundError(f"it is truncated: it has {len(samples)} of {sound.frames} samples")
        return np.asarray(samples, dtype=np.float32), int(sound.samplerate)


def _blocks(sound: soundfile.SoundFile, step: int) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels, block by block (`soundfile.blocks` would pad a truncated file with zeros)."""
    while len(block := sound.read(step, dtype="float32", always_2d=True)):
        yield block.mean(axis=1)


def _check_content(raw: bytes) -> None:
    content = content_of(raw)
    if not content.name or (content.kind == "audio" and not content.advice):
        return
    if content.name == "text":
        raise UnreadSoundError("its content is text, not a known sound format")
    raise UnreadSoundError(f"its content is {content.name}, {content.advice or 'not a sound'}")


def _check_size(raw: bytes) -> None:
    """Raise if the file is shorter than its header states: libsndfile reads truncated files without an error."""
    stated = _stated_size(raw)
    if stated < UNKNOWN_SIZE and len(raw) < (1 - LACKING) * stated:
        raise UnreadSoundError(f"it is truncated: it has {len(raw)} of {stated} bytes")


def _stated_size(raw: bytes) -> int:
    """The size of the file in bytes according to its header; 0 if the header does not state it."""
    if raw[:4] == b"RIFF":
        return int.from_bytes(raw[4:8], "little") + 8
    if raw[:4] in (b"FORM", b"RIFX"):
        return int.from_bytes(raw[4:8], "big") + 8
    if raw[:4] == b".snd":
        return int.from_bytes(raw[4:8], "big") + int.from_bytes(raw[8:12], "big")
    if raw[:4] == b"riff":
        return int.from_bytes(raw[16:24], "little")
    return 0
