"""Readers of one picture or sound, from a file, bytes or an object, with size limits; every failure is an ItemError."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.arrays import is_picture_shape, picture_of_array
from headstart.data.media.file_kinds import content_of, media_suffix
from headstart.data.media.pictures import (
    PICTURE_FORMATS,
    ReadPicture,
    UnreadPictureError,
    decode_picture,
    orientation,
    to_rgb,
    upright,
)
from headstart.data.media.sounds import decode_sound
from headstart.data.text.file_names import readable_name
from headstart.errors import ItemError
from headstart.types import Modality

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["media_kind", "read_audio", "read_bytes", "read_image", "read_picture", "sound_seconds"]

MAX_PIXELS = 178_956_970  # where Pillow raises DecompressionBombError: twice its MAX_IMAGE_PIXELS
MAX_IMAGE_BYTES = 512 * 2**20
MAX_AUDIO_BYTES = 2**30
MAX_SECONDS = 3600.0
MAX_CHANNELS = 64
OBJECT_FORMATS = ("TGA", "QOI", "SGI", "SUN", "DDS", "ICNS", "PSD", "XBM", "CUR")  # of PIL images that the user opened
BROKEN = (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, OverflowError, struct.error)
# What decoders raise for damaged files; UserWarning only if warnings are turned into errors.
DAMAGED = (*BROKEN, RuntimeError, ArithmeticError, AttributeError, AssertionError, MemoryError, UserWarning)


def media_kind(value: object) -> Modality | None:
    """Whether an object is a picture or a sound; None if it is neither.

    It recognises PIL images, arrays with the shape of a picture, encoded bytes, ``(samples, rate)`` tuples, and the
    dicts of Hugging Face ``datasets`` (``bytes`` and ``path``, or ``array`` and ``sampling_rate``).

    Examples:
        >>> media_kind((np.zeros(8000), 8000)), media_kind({"bytes": b"RIFF....WAVE", "path": None}), media_kind("hi")
        ('audio', 'audio', None)
    """
    if isinstance(value, Mapping):
        return _kind_of_dict(value)
    if isinstance(value, bytes):
        return _encoded_kind(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray) and np.isscalar(value[1]):
        return "audio"
    if isinstance(value, np.ndarray):
        return "image" if value.dtype.kind in "biuf" and is_picture_shape(value.shape) else None
    return "image" if type(value).__module__.startswith("PIL.") else None


def _kind_of_dict(value: Mapping[Any, Any]) -> Modality | None:
    if "array" in value and "sampling_rate" in value:
        return "audio"
    if isinstance(value.get("bytes"), bytes):
        return _encoded_kind(value["bytes"])
    path = value.get("path")
    return media_suffix(path) if isinstance(path, str) and "bytes" in value else None


def _encoded_kind(raw: bytes) -> Modality | None:
    kind = content_of(raw).kind
    return kind if kind in ("image", "audio") else None


def _label(item: object) -> str:
    if isinstance(item, (str, os.PathLike)):
        return f"'{readable_name(os.fsdecode(item))}'"
    if isinstance(item, Mapping) and isinstance(item.get("path"), str):
        return f"'{readable_name(item['path'])}'"
    return f"the {type(item).__name__} given"


def read_bytes(item: object, most: int) -> bytes:
    """Read the encoded bytes of a path, of bytes, or of a dict with ``bytes`` or ``path``.

    Args:
        item: the path, bytes or dict.
        most: the maximum number of bytes.

    Raises:
        ItemError: if it is not a regular file, or is empty, too large or unreadable.

    Examples:
        >>> read_bytes(b"abc", 10)
        b'abc'
    """
    raw = item.get("bytes") or item.get("path") if isinstance(item, Mapping) else item
    if isinstance(raw, bytes):
        return _bounded(raw, len(raw), item, most)
    if not isinstance(raw, (str, os.PathLike)):
        raise ItemError(f"Cannot read {_label(item)}: it is not a path, bytes, an array, a picture or a sound.")
    path = Path(raw)
    try:
        if not path.is_file():  # so pipes and devices are never opened
            raise ItemError(f"Cannot read {_label(item)}: there is no such file.")
        size = path.stat().st_size
        if size > most:
            return _bounded(b"", size, item, most)
        return _bounded(path.read_bytes(), size, item, most)
    except OSError as error:
        raise ItemError(f"Cannot read {_label(item)}: {error.strerror or error}.") from error


def _bounded(raw: bytes, size: int, item: object, most: int) -> bytes:
    if size > most:
        raise ItemError(f"Cannot read {_label(item)}: it has {size} bytes, and at most {most} are allowed.")
    if not raw:
        raise ItemError(f"Cannot read {_label(item)}: it is empty (0 bytes).")
    return raw


def read_image(item: object, draft_size: tuple[int, int] | None = None) -> Image:
    """Read a picture as RGB, upright, however it was stored.

    Transparent pictures are composited on white, as in a browser. Of several pages or frames only the first is read.
    The EXIF orientation is applied. Pictures with more than 8 bits per channel are divided by the smallest of 255,
    1023, 4095, 16383, 65535, ... that no value exceeds (for floats, 1, 4, 16 and 64 come first), so a 12-bit picture in
    a 16-bit file does not look nearly black: see `headstart.data.media.levels.white_level`.

    Args:
        item: a path, encoded bytes, a dict with ``bytes`` or ``path``, a PIL image, or an array (h, w), (h, w, 1),
            (h, w, 3), (h, w, 4), or with channels first, of integers, floats or booleans.
        draft_size: (width, height) that suffices: a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its size, which is
            many times faster. The complete file is still read, so truncation is detected. None decodes in full.

    Returns:
        A PIL image of mode RGB.

    Raises:
        ItemError: if it is not a picture, in a format that is not in `headstart.data.media.pictures.PICTURE_FORMATS`,
            truncated, larger than 178,956,970 pixels (fewer for decoders that need more memory) or than 512 MiB.

    Examples:
        >>> read_image(np.zeros((4, 6), np.uint8)).size
        (6, 4)
    """
    return read_picture(item, draft_size).image


def read_picture(item: object, draft_size: tuple[int, int] | None = None) -> ReadPicture:
    """As `read_image`, with facts about how the picture was stored.

    Args:
        item: as for `read_image`.
        draft_size: as for `read_image`.

    Raises:
        ItemError: as for `read_image`.

    Examples:
        >>> read_picture(np.full((4, 6), 1023, np.uint16)).white
        1023.0
    """
    from PIL import Image, UnidentifiedImageError

    if isinstance(item, np.ndarray):
        return picture_of_array(item)
    try:
        if isinstance(item, Image.Image):
            return _of_pillow(item)
        return decode_picture(read_bytes(item, MAX_IMAGE_BYTES), _file_name(item), MAX_PIXELS, draft_size)
    except ItemError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError(
            f"Cannot read {_label(item)}: a picture may have {MAX_PIXELS} pixels at most; {error}."
        ) from error
    except UnidentifiedImageError as error:
        raise ItemError(
            f"Cannot read {_label(item)} as a picture: its content is not in a known image format."
        ) from error
    except DAMAGED as error:
        raise ItemError(f"Cannot read {_label(item)} as a picture: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than is available"
    return " ".join(str(error).split()).rstrip(".") or "it is damaged"


def _file_name(item: object) -> str | None:
    name = item.get("path") if isinstance(item, Mapping) else item
    return os.fspath(name) if isinstance(name, str | os.PathLike) else None


def _of_pillow(picture: Image) -> ReadPicture:
    if picture.format is not None and picture.format not in (*PICTURE_FORMATS, *OBJECT_FORMATS):
        raise UnreadPictureError(f"files in the format {picture.format} are not decoded; give a copy of the picture")
    picture.load()
    image, white = to_rgb(picture)
    return ReadPicture(upright(image, orientation(picture)), white)


def read_audio(item: object) -> tuple[NDArray[np.float32], int]:
    """Read a sound as mono: the mean of its channels.

    Args:
        item: a path or encoded bytes (WAV, FLAC, Ogg with Vorbis or Opus, MP3, AIFF, AU, CAF, W64, VOC, NIST; see
            `headstart.data.media.sounds.SOUND_FORMATS`), a dict with ``bytes`` or ``path``, a tuple
            ``(samples, rate)``, or a dict with ``array`` and ``sampling_rate``. Samples are (n,) or, with channels,
            (n, channels) or (channels, n), where the longer axis is time; integers are scaled to [-1, 1].

    Returns:
        Samples (n,) float32, and the sampling rate in Hz.

    Raises:
        ItemError: if it is not a sound, has no samples, is longer than an hour or larger than 1 GiB.

    Examples:
        >>> samples, rate = read_audio((np.zeros((100, 2)), 8000))
        >>> samples.shape, rate
        ((100,), 8000)
    """
    if isinstance(item, Mapping) and item.get("array") is not None:
        samples, rate = np.asarray(item["array"]), item["sampling_rate"]
    elif isinstance(item, tuple) and len(item) == 2:
        samples, rate = np.asarray(item[0]), item[1]
    else:
        samples, rate = _decode(item)
    return _mono(samples, rate, item), int(rate)


def sound_seconds(item: object) -> float:
    """The duration of a sound in seconds, by its header or its number of samples; 0.0 if it cannot be told.

    Nothing is decoded; of an MP3 file whose header has no count it is an estimate.

    Args:
        item: as in `read_audio`.

    Examples:
        >>> sound_seconds((np.zeros((16_000, 2)), 8000)), sound_seconds("no such file")
        (2.0, 0.0)
    """
    import soundfile

    try:
        if isinstance(item, Mapping) and item.get("array") is not None:
            item = (item["array"], item["sampling_rate"])
        if isinstance(item, tuple) and len(item) == 2:
            return float(max(np.shape(item[0]), default=0) / max(_rate(item[1]), 1))
        with soundfile.SoundFile(io.BytesIO(read_bytes(item, MAX_AUDIO_BYTES))) as sound:
            return float(sound.frames / sound.samplerate)
    except (ItemError, soundfile.LibsndfileError, *DAMAGED):
        return 0.0


def _decode(item: object) -> tuple[NDArray[np.float32], int]:
    import soundfile

    raw = read_bytes(item, MAX_AUDIO_BYTES)
    try:
        return decode_sound(raw, MAX_SECONDS)
    except soundfile.LibsndfileError as error:
        raise ItemError(f"Cannot read {_label(item)} as a sound: {error.error_string.rstrip('.')}.") from error
    except DAMAGED as error:
        raise ItemError(f"Cannot read {_label(item)} as a sound: {_reason(error)}.") from error


def _rate(rate: object) -> int:
    return int(rate) if isinstance(rate, (int, float, np.integer, np.floating)) and np.isfinite(rate) else 0


def _mono(samples: NDArray[Any], rate: Any, item: object) -> NDArray[np.float32]:
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "fiu" or _rate(rate) < 1:
        raise ItemError(f"Cannot read {_label(item)} as a sound: give samples (n,) or (n, channels) and a rate in Hz.")
    if samples.dtype.kind in "iu":
        info = np.iinfo(samples.dtype)
        # Unsigned samples are centred on the middle of their range; for signed ones the middle is 0.
        middle = (int(info.max) + int(info.min) + 1) / 2
        samples = (samples - middle) / ((int(info.max) - int(info.min) + 1) / 2)
    if samples.ndim == 2:
        channels = 0 if samples.shape[0] < samples.shape[1] and samples.shape[0] <= MAX_CHANNELS else 1
        samples = samples.mean(axis=channels) if samples.shape[channels] else samples[:0].ravel()
    if not samples.size:
        raise ItemError(f"Cannot read {_label(item)} as a sound: it has no samples.")
    if len(samples) > MAX_SECONDS * int(rate):
        raise ItemError(
            f"Cannot read {_label(item)}: it lasts {len(samples) / rate:.0f} s, and at most 3600 s are allowed."
        )
    if not np.isfinite(samples).all():
        raise ItemError(f"Cannot read {_label(item)} as a sound: some samples are not finite.")
    return np.ascontiguousarray(samples, dtype=np.float32)
