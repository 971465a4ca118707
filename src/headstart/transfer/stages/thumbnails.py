"""Items as small pictures, short texts and short sounds, bounded in bytes, for reports."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio, read_image
from headstart.data.media.sound_clips import sound_clip
from headstart.data.table.several_columns import QUANTITIES, parse_column
from headstart.errors import ItemError
from headstart.report.gallery import GalleryItem, Thumbnail
from headstart.sources.preprocessing.mel import log_mel
from headstart.types import Dataset

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SIDE", "picture_thumbnail", "show_items", "spectrogram_thumbnail"]

SIDE = 96
"""Longest side of a thumbnail, in pixels."""

MAX_PICTURE_BYTES = 6_000  # of one thumbnail; a picture of noise is compressed more
QUALITIES = (75, 50, 30, 15)
MAX_TEXT = 4_000  # characters of one text
MAX_VALUES = 8  # numbers of a row
RATE, SECONDS = 16_000, 10.0  # of an embedded sound
SPECTROGRAM = (160, 64)  # width and height in pixels
RANGE_DB = 60.0  # from the loudest point of a spectrogram to black
THREADS = 8
# Stops of the colour map "magma" (CC0; S. van der Walt and N. Smith), black to light yellow.
MAGMA = ((0, 0, 4), (59, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191))


def show_items(dataset: Dataset, labels: Sequence[str], *, sounds: int) -> list[GalleryItem]:
    """Each item as a report shows it; an item that cannot be read says why.

    Args:
        dataset: the n items to show.
        labels: n labels or values in words.
        sounds: how many items, from the first on, get a sound; the others get the spectrogram alone.

    Examples:
        >>> show_items(Dataset(["Where is it?"], ("row 1",), "text"), ["question"], sounds=0)
        [GalleryItem(name='row 1', label='question', thumbnails=(), texts=('Where is it?',), ...)]
    """

    def show(place: int) -> GalleryItem:
        name, label = dataset.ids[place], labels[place]
        try:
            return _shown(dataset, dataset.items[place], name, label, with_sound=place < sounds)
        except ItemError as error:
            return GalleryItem(name, label, missing=str(error))

    if dataset.modality in ("text", "vector"):
        return [show(place) for place in range(len(dataset))]
    with ThreadPoolExecutor(THREADS) as pool:  # decoders release the interpreter lock
        return list(pool.map(show, range(len(dataset))))


def _shown(dataset: Dataset, item: Any, name: str, label: str, *, with_sound: bool) -> GalleryItem:
    if dataset.modality == "image":
        return GalleryItem(name, label, (picture_thumbnail(item),))
    if dataset.modality == "audio":
        samples, rate = read_audio(item)
        sound, kind = sound_clip(samples, rate) if with_sound else (b"", "")
        shown = (spectrogram_thumbnail(samples, rate),)
        return GalleryItem(name, label, shown, is_sound=True, sound=sound, sound_type=kind)
    if dataset.modality == "text":
        return GalleryItem(name, label, texts=(str(item)[:MAX_TEXT],))
    if dataset.modality == "vector":
        return GalleryItem(name, label, values=_numbers(item, dataset.columns))
    return _of_several_columns(dataset, item, name, label)


def _numbers(row: Any, columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    values = np.ravel(np.asarray(row))[:MAX_VALUES].tolist()
    names = columns if len(columns) == np.size(row) else [f"x{place}" for place in range(len(values))]
    return tuple((name, f"{value:.4g}") for name, value in zip(names, values, strict=False))


def _of_several_columns(dataset: Dataset, item: Any, name: str, label: str) -> GalleryItem:
    """Pictures and sounds as thumbnails, texts as texts, and the quantities, which are the item's last part."""
    columns = [parse_column(text) for text in dataset.columns]
    media = [column for column in columns if column.kind not in QUANTITIES]
    quantities = [column.name for column in columns if column.kind in QUANTITIES]
    pictures, texts = [], []
    for column, value in zip(media, item, strict=False):
        if value is None:
            continue
        if column.kind == "image":
            pictures.append(picture_thumbnail(value))
        elif column.kind == "audio":
            pictures.append(spectrogram_thumbnail(*read_audio(value)))
        else:
            texts.append(str(value)[:MAX_TEXT])
    values = item[len(media)] if quantities and len(item) > len(media) else ()
    pairs = tuple(zip(quantities, map(_quantity, values), strict=False))[:MAX_VALUES]
    return GalleryItem(name, label, tuple(pictures), tuple(texts), values=pairs)


def _quantity(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def picture_thumbnail(item: Any) -> Thumbnail:
    """A picture as a JPEG of at most 96 pixels a side and at most 6,000 bytes, usually about 3,000.

    Args:
        item: as for `headstart.data.media.readers.read_image`.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> small = picture_thumbnail(np.zeros((300, 600, 3), np.uint8))
        >>> small.width, small.height, len(small.jpeg) < 1000
        (96, 48, True)
    """
    image = read_image(item, (SIDE, SIDE))
    image.thumbnail((SIDE, SIDE))
    return _jpeg(image)


def _jpeg(image: Image) -> Thumbnail:
    raw = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        raw = file.getvalue()
        if len(raw) <= MAX_PICTURE_BYTES:
            break
    return Thumbnail(raw, image.width, image.height)


def spectrogram_thumbnail(samples: NDArray[np.float32], rate: int) -> Thumbnail:
    """The log-mel spectrogram of the first ten seconds of a sound as a small picture; time runs to the right.

    Args:
        samples: (n,) mono.
        rate: in Hz.

    Examples:
        >>> spectrogram_thumbnail(np.zeros(8000, np.float32), 8000).width
        160
    """
    from PIL import Image

    wave = _beginning(samples, rate)
    width, height = SPECTROGRAM
    hop = max(160, round(len(wave) / rate * RATE / width))
    bands = log_mel(wave, rate, sample_rate=RATE, n_fft=1024, hop=hop, n_mels=height, fmin=50, fmax=RATE / 2)
    level = np.clip((bands - bands.max()) / RANGE_DB + 1, 0, 1)[::-1]  # low frequencies at the bottom
    stops = np.linspace(0, 1, len(MAGMA))
    channels = [np.interp(level, stops, [stop[channel] for stop in MAGMA]) for channel in range(3)]
    return _jpeg(Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).resize(SPECTROGRAM))


def _beginning(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    return samples[: max(1, int(SECONDS * rate))]
