"""Bounded readers of one picture or one sound, from a file, bytes or an object; every failure is one sentence."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ItemError
from headstart.types import Modality

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["media_kind", "read_audio", "read_bytes", "read_image"]

MAX_PIXELS = 178_956_970  # where Pillow raises DecompressionBombError: twice its MAX_IMAGE_PIXELS
MAX_IMAGE_BYTES = 512 * 2**20
MAX_AUDIO_BYTES = 2**30
MAX_SECONDS = 3600.0
MAX_CHANNELS = 64
BROKEN = (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, OverflowError, struct.error)


def media_kind(value: object) -> Modality | None:
    """Whether an object is a picture or a sound; None where it is neither.

    Known are PIL images, encoded bytes, ``(samples, rate)`` tuples, and the dicts of Hugging Face ``datasets``
    (``bytes`` and ``path``, or ``array`` and ``sampling_rate``).

    Examples:
        >>> media_kind((np.zeros(8000), 8000)), media_kind({"bytes": b"RIFF....WAVE", "path": None}), media_kind("hi")
        ('audio', 'audio', None)
    """
    if isinstance(value, Mapping):
        if "array" in value and "sampling_rate" in value:
            return "audio"
        if isinstance(value.get("bytes"), bytes):
            return _sniff(value["bytes"])
        path = value.get("path")
        return _extension_kind(path) if isinstance(path, str) and "bytes" in value else None
    if isinstance(value, bytes):
        return _sniff(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray) and np.isscalar(value[1]):
        return "audio"
    return "image" if type(value).__module__.startswith("PIL.") else None


def _extension_kind(path: str) -> Modality | None:
    from headstart.data.schema import MEDIA

    return MEDIA.get(Path(path).suffix.lower())


def _sniff(raw: bytes) -> Modality | None:
    sound = raw[:4] in (b"fLaC", b"OggS") or raw[:3] == b"ID3" or raw[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
    if sound or (raw[:4] == b"RIFF" and raw[8:12] == b"WAVE"):
        return "audio"
    signs = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"GIF8", b"II*\x00", b"MM\x00*", b"P6", b"P5")
    picture = raw.startswith(signs) or (raw[:4] == b"RIFF" and raw[8:12] == b"WEBP")
    return "image" if picture else None


def _label(item: object) -> str:
    if isinstance(item, (str, os.PathLike)):
        return f"'{os.fspath(item)}'"
    if isinstance(item, Mapping) and isinstance(item.get("path"), str):
        return f"'{item['path']}'"
    return f"the {type(item).__name__} given"


def read_bytes(item: Any, most: int) -> bytes:
    """The encoded bytes of a path, of bytes or of a dict that holds either.

    Args:
        item: the path, bytes or dict.
        most: how many bytes there may be.

    Raises:
        ItemError: if it is no regular file, empty, too large or unreadable.

    Examples:
        >>> read_bytes(b"abc", 10)
        b'abc'
    """
    raw = item.get("bytes") or item.get("path") if isinstance(item, Mapping) else item
    if isinstance(raw, bytes):
        return _bounded(raw, len(raw), item, most)
    if not isinstance(raw, (str, os.PathLike)):
        raise ItemError(f"Cannot read {_label(item)}: it is no path, no bytes, no array and no picture or sound.")
    path = Path(raw)
    try:
        if not path.is_file():  # also keeps pipes and devices from being opened
            raise ItemError(f"Cannot read {_label(item)}: there is no such file.")
        size = path.stat().st_size
        if size > most:
            return _bounded(b"", size, item, most)
        return _bounded(path.read_bytes(), size, item, most)
    except (OSError, ValueError) as error:
        if isinstance(error, ItemError):
            raise
        raise ItemError(f"Cannot read {_label(item)}: {getattr(error, 'strerror', None) or error}.") from error


def _bounded(raw: bytes, size: int, item: object, most: int) -> bytes:
    if size > most:
        raise ItemError(f"Cannot read {_label(item)}: it has {size} bytes, and at most {most} are read.")
    if not raw:
        raise ItemError(f"Cannot read {_label(item)}: it is empty (0 bytes).")
    return raw


def read_image(item: Any, draft_size: tuple[int, int] | None = None) -> Image:
    """A picture as RGB, upright, however it was stored.

    Transparent pictures are laid on white, as a browser page shows them. Of 16 bits a channel the upper 8 are kept;
    of a moving picture, the first frame. EXIF orientation is applied.

    Args:
        item: a path, encoded bytes, a dict with ``bytes`` or ``path``, a PIL image, or an array (h, w), (h, w, 1),
            (h, w, 3) or (h, w, 4) of uint8, or of floats in [0, 1].
        draft_size: (width, height) that is enough: a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its size, which
            is many times faster. The whole file is still read, so that a truncated one is seen.

    Returns:
        A PIL image of mode RGB.

    Raises:
        ItemError: if it is no picture, truncated, of more than 178,956,970 pixels or more than 512 MiB.

    Examples:
        >>> read_image(np.zeros((4, 6), np.uint8)).size
        (6, 4)
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if isinstance(item, np.ndarray):
        return Image.fromarray(_eight_bits(item))
    try:
        if isinstance(item, Image.Image):
            return _rgb(item)
        raw = read_bytes(item, MAX_IMAGE_BYTES)
        with Image.open(io.BytesIO(raw)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"it has {picture.width} x {picture.height} pixels")
            if draft_size is not None:
                picture.draft("RGB", draft_size)
            picture.load()
            return _rgb(ImageOps.exif_transpose(picture))
    except ItemError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError(
            f"Cannot read {_label(item)}: a picture may have {MAX_PIXELS} pixels at most; {error}."
        ) from error
    except UnidentifiedImageError as error:
        raise ItemError(f"Cannot read {_label(item)} as a picture: its content is of no known image format.") from error
    except (*BROKEN, MemoryError) as error:
        raise ItemError(f"Cannot read {_label(item)} as a picture: {error}.") from error


def _rgb(picture: Image) -> Image:
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        return Image.fromarray(_eight_bits(_deep(np.asarray(picture))))
    if "transparency" in picture.info or picture.mode in ("LA", "RGBA", "PA", "La", "RGBa"):
        rgba = picture.convert("RGBA")
        page = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(page, rgba).convert("RGB")
    return picture.convert("RGB")


def _deep(values: NDArray[Any]) -> NDArray[Any]:
    """Grey values of more than 8 bits as 0..255; floats in [0, 1] as they are."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values)
        is_unit = values.size and values.min() >= 0 and values.max() <= 1
        return values if is_unit else values.clip(0, 255).astype(np.uint8)
    deep = values.dtype.itemsize == 2 or (values.size and values.max() > 255)
    shifted = values.astype(np.int64) >> (8 if deep else 0)
    return shifted.clip(0, 255).astype(np.uint8)


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """An array of one picture as (h, w, 3) uint8."""
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)) or not values.size:
        raise ItemError(
            f"An array of a picture must be (h, w), (h, w, 1), (h, w, 3) or (h, w, 4). Got {values.shape} instead."
        )
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ItemError("An array of a picture in floats must lie in [0, 1]; divide it by its largest value.")
        values = np.round(values * 255).astype(np.uint8)
    elif values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    elif values.dtype != np.uint8:
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
            raise ItemError(f"An array of a picture must be uint8 or float in [0, 1]. Got {values.dtype} instead.")
        values = values.astype(np.uint8)
    grey = values if values.ndim == 2 else values[:, :, 0]
    if values.ndim == 2 or values.shape[2] == 1:
        return np.repeat(grey[:, :, None], 3, axis=2)
    if values.shape[2] == 3:
        return np.ascontiguousarray(values)
    alpha = values[:, :, 3:].astype(np.float32) / 255
    return np.round(values[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def read_audio(item: Any) -> tuple[NDArray[np.float32], int]:
    """A sound as the mean of its channels.

    Args:
        item: a path or encoded bytes (wav, flac, ogg, mp3), a dict with ``bytes`` or ``path``, a tuple
            ``(samples, rate)``, or a dict with ``array`` and ``sampling_rate``. Samples are (n,) or, with channels,
            (n, channels) or (channels, n), the longer axis being time; integers are scaled to [-1, 1].

    Returns:
        Samples (n,) float32 and their number a second.

    Raises:
        ItemError: if it is no sound, holds none, is longer than an hour or larger than 1 GiB.

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


def _decode(item: Any) -> tuple[NDArray[Any], int]:
    import soundfile

    raw = read_bytes(item, MAX_AUDIO_BYTES)
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as sound:
            if sound.frames > MAX_SECONDS * sound.samplerate:
                seconds = sound.frames / sound.samplerate
                raise ItemError(f"Cannot read {_label(item)}: it lasts {seconds:.0f} s, and at most 3600 s are read.")
            return sound.read(dtype="float32", always_2d=True), sound.samplerate
    except ItemError:
        raise
    except (soundfile.SoundFileError, RuntimeError, *BROKEN, MemoryError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise ItemError(f"Cannot read {_label(item)} as a sound: {reason.rstrip('.')}.") from error


def _rate(rate: object) -> int:
    return int(rate) if isinstance(rate, (int, float, np.integer, np.floating)) and np.isfinite(rate) else 0


def _mono(samples: NDArray[Any], rate: Any, item: object) -> NDArray[np.float32]:
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "fiu" or _rate(rate) < 1:
        raise ItemError(f"Cannot read {_label(item)} as a sound: give samples (n,) or (n, channels) and a rate in Hz.")
    if samples.dtype.kind in "iu":
        info = np.iinfo(samples.dtype)
        middle = (int(info.max) + int(info.min) + 1) / 2
        samples = (samples - middle) / ((int(info.max) - int(info.min) + 1) / 2)
    if samples.ndim == 2:
        channels = 0 if samples.shape[0] < samples.shape[1] and samples.shape[0] <= MAX_CHANNELS else 1
        samples = samples.mean(axis=channels) if samples.shape[channels] else samples[:0].ravel()
    if not samples.size:
        raise ItemError(f"Cannot read {_label(item)} as a sound: it holds no samples.")
    if len(samples) > MAX_SECONDS * int(rate):
        raise ItemError(
            f"Cannot read {_label(item)}: it lasts {len(samples) / rate:.0f} s, and at most 3600 s are read."
        )
    if not np.isfinite(samples).all():
        raise ItemError(f"Cannot read {_label(item)} as a sound: some samples are no finite numbers.")
    return np.ascontiguousarray(samples, dtype=np.float32)
