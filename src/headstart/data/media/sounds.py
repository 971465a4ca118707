"""Files of sounds: which formats are opened, how much memory one may take, and whether all of it is there."""

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
"""Names that libsndfile gives to the formats that are opened; Ogg holds Vorbis, Opus or FLAC."""

MAX_SAMPLES = 2**29  # 2 GiB of float32
BLOCK = 2**20  # values that are decoded at a time
UNKNOWN_SIZE = 0x7FFF0000  # sizes from here on are written by programs that do not know how much will follow
LACKING = 0.01  # share of a file that may be missing: padding, or tags behind the sound


class UnreadSoundError(ValueError):
    """Content that is not decoded; the message ends the sentence "Cannot read X as a sound: ...".

    Examples:
        >>> str(UnreadSoundError("its content is a PNG picture, no sound"))
        'its content is a PNG picture, no sound'
    """


def decode_sound(raw: bytes, most_seconds: float) -> tuple[NDArray[np.float32], int]:
    """The mean of the channels of a sound in a file, whatever the file is called.

    Samples of 8, 16, 24 or 32 bits are scaled to [-1, 1]; those of floats are as they are. The channels are averaged
    block by block, so that many channels take no more memory than one.

    Args:
        raw: the whole file.
        most_seconds: how long it may last.

    Returns:
        Samples (n,) float32 and their number a second.

    Raises:
        UnreadSoundError: if it holds something else, is truncated, or is too long.
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
            raise UnreadSoundError(f"its format, {sound.format}, is not read; convert it to WAV or FLAC")
        if sound.frames > most_seconds * sound.samplerate:
            seconds = sound.frames / sound.samplerate
            raise UnreadSoundError(f"it lasts {seconds:.0f} s, and at most {most_seconds:g} s are read")
        if sound.frames > MAX_SAMPLES:
            raise UnreadSoundError(f"it has {sound.frames} samples a channel, and at most {MAX_SAMPLES} are read")
        step = max(1, BLOCK // sound.channels)
        samples = np.concatenate([np.zeros(0, np.float32), *_blocks(sound, step)])
        is_counted = sound.format not in ("MP3", "MPEG") or b"Xing" in raw[:8192] or b"Info" in raw[:8192]
        if is_counted and len(samples) < (1 - LACKING) * sound.frames - 4096:
            raise UnreadSoundError(f"it is truncated: {len(samples)} of {sound.frames} samples are there")
        return np.asarray(samples, dtype=np.float32), int(sound.samplerate)


def _blocks(sound: soundfile.SoundFile, step: int) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels, block by block (`soundfile.blocks` fills up what a truncated file lacks)."""
    while len(block := sound.read(step, dtype="float32", always_2d=True)):
        yield block.mean(axis=1)


def _check_content(raw: bytes) -> None:
    content = content_of(raw)
    if not content.name or (content.kind == "audio" and not content.advice):
        return
    if content.name == "text":
        raise UnreadSoundError("its content is of no known sound format, but text")
    raise UnreadSoundError(f"its content is {content.name}, {content.advice or 'no sound'}")


def _check_size(raw: bytes) -> None:
    """Libsndfile reads as much of a truncated file as there is, without a word; its header knows better."""
    promised = _promised(raw)
    if promised < UNKNOWN_SIZE and len(raw) < (1 - LACKING) * promised:
        raise UnreadSoundError(f"it is truncated: {len(raw)} of {promised} bytes are there")


def _promised(raw: bytes) -> int:
    """How many bytes the file has by its header; 0 where that is not said."""
    if raw[:4] == b"RIFF":
        return int.from_bytes(raw[4:8], "little") + 8
    if raw[:4] in (b"FORM", b"RIFX"):
        return int.from_bytes(raw[4:8], "big") + 8
    if raw[:4] == b".snd":
        return int.from_bytes(raw[4:8], "big") + int.from_bytes(raw[8:12], "big")
    if raw[:4] == b"riff":
        return int.from_bytes(raw[16:24], "little")
    return 0
