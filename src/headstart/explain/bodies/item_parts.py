"""The parts of an item that run through a body one by one: a picture, or the pictures or patches of a sound.

For a sound, a part also says which time and which frequencies it covers, and what the body saw of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio
from headstart.errors import ItemError
from headstart.sources.audio_bodies.yamnet_source import YamnetSource
from headstart.sources.preprocessing.mel import mel_centres, resample
from headstart.sources.preprocessing.speech_mel import BANDS, RATE
from headstart.sources.preprocessing.yamnet_patches import FRAMES, HOP, SAMPLE_RATE, patch_starts
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.transformers.media_body import MediaBody
from headstart.sources.transformers.speech_body import SpeechBody
from headstart.types import Source

__all__ = ["ItemParts", "SoundPart", "item_parts"]

Array = NDArray[np.float64]
SPEECH_FRAME = 0.02  # seconds


@dataclass(frozen=True, eq=False)
class SoundPart:
    """Where a part lies in a sound.

    Attributes:
        start: in seconds.
        stop: in seconds.
        seen: (frequencies, frames) what the body saw, low frequencies first; one row for a waveform.
    """

    start: float
    stop: float
    seen: Array


@dataclass(frozen=True, eq=False)
class ItemParts:
    """The parts of an item.

    Attributes:
        prepared: the prepared item of each part, as the source's ``collate`` takes it.
        height: pixels, or mel bands, of a part; 1 where a body has positions in time only.
        width: pixels, or frames, of a part.
        time_first: whether the maps of the body have time on their first axis and frequency on their second one.
        top_first: whether the first row of a map is the top of the picture, the highest frequency.
        sound: where each part lies in a sound; empty for a picture.
        hertz: the frequency of each row of ``seen``; empty for a picture.
        notes: what a reader must know, a sentence each.

    Examples:
        >>> second = SoundPart(0.0, 1.0, np.zeros((1, 50)))
        >>> ItemParts((), 1, 50, sound=(second,)).in_time_only, ItemParts((), 64, 64).in_time_only
        (True, False)
    """

    prepared: tuple[Any, ...]
    height: int
    width: int
    time_first: bool = False
    top_first: bool = True
    sound: tuple[SoundPart, ...] = ()
    hertz: Array = field(default_factory=lambda: np.empty(0))
    notes: tuple[str, ...] = ()

    @property
    def in_time_only(self) -> bool:
        """Whether the positions of a map are times, and not times and frequencies."""
        return bool(self.sound) and self.height == 1


def item_parts(source: Source, item: Any) -> ItemParts:
    """The parts of an item, as a body reads them.

    Args:
        source: a source of pictures or of sounds.
        item: a picture or a sound.

    Raises:
        ItemError: if the item cannot be read, or the source makes something else of it than these bodies do.

    Examples:
        >>> from headstart.sources import open_source
        >>> parts = item_parts(open_source("headstart:image"), np.zeros((10, 10, 3), np.uint8))
        >>> len(parts.prepared), parts.height, parts.width
        (1, 64, 64)
    """
    if isinstance(source, Spectrogram):
        return _pictures_of_sound(source, item)
    if isinstance(source, SpeechBody):
        return _stretches(source, item)
    if isinstance(source, YamnetSource):
        return _patches(source, item)
    prepared = source.prepare(item)
    if isinstance(prepared, np.ndarray) and source.info.modality == "image" and prepared.ndim == 3:
        last = prepared.shape[-1] == 3 and prepared.dtype == np.uint8
        height, width = prepared.shape[:2] if last else prepared.shape[1:]
        return ItemParts((prepared,), height, width)
    if isinstance(source, MediaBody) and source.info.modality == "audio" and prepared.ndim == 1:
        samples, rate = read_audio(item)
        seconds = min(len(samples) / rate, len(prepared) / RATE)
        return ItemParts((prepared,), 1, len(prepared), sound=(SoundPart(0.0, seconds, _loudness(prepared)),))
    raise ItemError(f"The source '{source.info.name}' has no maps of its items that could be shown; use 'occlusion'.")


def _pictures_of_sound(source: Spectrogram, item: Any) -> ItemParts:
    settings = source.settings
    samples, rate = read_audio(item)
    prepared = source.prepare((samples, rate))
    length = len(resample(samples, rate, settings.sample_rate))
    spans = source.spans(length)
    seen = [_grey(picture)[::-1] for picture in prepared]
    sound = tuple(
        SoundPart(begin / settings.sample_rate, end / settings.sample_rate, one)
        for (begin, end), one in zip(spans, seen, strict=True)
    )
    height, width = seen[0].shape
    centres = mel_centres(settings.n_mels, settings.fmin, settings.sample_rate / 2)
    hertz = np.interp(np.linspace(0, len(centres) - 1, height), np.arange(len(centres)), centres)
    left = length - sum(end - begin for begin, end in spans)
    notes = (f"{left / settings.sample_rate:.0f} seconds of the sound are not read.",) if left > 1 else ()
    return ItemParts(tuple([one] for one in prepared), height, width, sound=sound, hertz=hertz, notes=notes)


def _stretches(source: SpeechBody, item: Any) -> ItemParts:
    prepared = source.prepare(item)
    sound, begin = [], 0.0
    for part in prepared:
        seconds = part.shape[1] // 2 * SPEECH_FRAME
        sound.append(SoundPart(begin, begin + seconds, np.asarray(part[:, :, 0], np.float64)))
        begin += seconds
    hertz = mel_centres(BANDS, 0.0, RATE / 2)
    return ItemParts(tuple([one] for one in prepared), 1, prepared[0].shape[1] // 2, sound=tuple(sound), hertz=hertz)


def _patches(source: YamnetSource, item: Any) -> ItemParts:
    samples, rate = read_audio(item)
    prepared = source.prepare((samples, rate))
    starts = patch_starts(len(resample(samples, rate, SAMPLE_RATE))) / SAMPLE_RATE
    seconds = FRAMES * HOP / SAMPLE_RATE
    sound = tuple(
        SoundPart(float(start), float(start) + seconds, np.asarray(patch.T, np.float64))
        for start, patch in zip(starts, prepared, strict=True)
    )
    parts = tuple(prepared[k : k + 1] for k in range(len(prepared)))
    return ItemParts(
        parts, prepared.shape[1], prepared.shape[2], time_first=True, top_first=False, sound=sound,
        hertz=source.band_hertz,
    )  # fmt: skip


def _grey(picture: NDArray[Any]) -> Array:
    """(height, width) of a prepared picture, channels first or last."""
    axis = 2 if picture.shape[-1] == 3 else 0
    return np.asarray(np.asarray(picture, np.float64).mean(axis=axis))


def _loudness(samples: NDArray[Any], columns: int = 400) -> Array:
    """(1, columns) the level of a waveform over time."""
    cut: Sequence[NDArray[Any]] = np.array_split(np.asarray(samples, np.float64), min(columns, max(len(samples), 1)))
    return np.array([[float(np.sqrt(np.mean(part**2))) for part in cut]])
