"""Content digests: the same picture, sound or text has the same digest, wherever it is stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Sentence
from headstart.data.media.readers import BROKEN, MAX_AUDIO_BYTES, MAX_IMAGE_BYTES, read_bytes
from headstart.errors import ItemError
from headstart.types import Modality

__all__ = ["DIGEST_BYTES", "item_digest"]

DIGEST_BYTES = 16
KNOWN_KEYS = {"bytes", "path", "array", "sampling_rate"}  # of the dicts of Hugging Face datasets
MAX_BYTES = {"image": MAX_IMAGE_BYTES, "audio": MAX_AUDIO_BYTES}


def item_digest(item: object, modality: Modality) -> bytes | None:
    """A digest of 16 bytes (BLAKE2b) of the exact content of an item.

    A file, its bytes, and a Hugging Face dict of either have the same digest, that of the encoded bytes; the path does
    not count. A decoded picture or sound (a PIL image, an array, ``(samples, rate)``) has another digest than its file.

    Args:
        item: a path, bytes, a dict with ``bytes`` or ``path`` or with ``array`` and ``sampling_rate``, a PIL image, an
            array, a tuple ``(samples, rate)``, a text, a sentence of words, or a row of numbers.
        modality: the kind of item; a string is a text for ``"text"``, and a path otherwise.

    Returns:
        The digest; None if the item is unreadable or its content cannot be determined exactly, so it is not cached.

    Examples:
        >>> item_digest("good", "text").hex()[:8], item_digest("nowhere.jpg", "image")
        ('82ac3b82', None)
        >>> item_digest(b"GIF89a", "image") == item_digest({"bytes": b"GIF89a", "path": None}, "image")
        True
    """
    try:
        return _content_digest(item, modality)
    except (ItemError, *BROKEN, AttributeError, MemoryError):
        return None  # preparing the item will report what is wrong with it


def _content_digest(item: object, modality: Modality) -> bytes | None:
    if modality == "text":
        return _text(item)
    if modality == "vector" or isinstance(item, np.ndarray):
        return _array("array", np.asarray(item))
    if isinstance(item, Mapping) and not KNOWN_KEYS.issuperset(item):
        return None  # the source may read its other keys
    samples, rate = item if isinstance(item, tuple) else _decoded(item)
    if samples is not None:
        values = np.asarray(samples)
        return _array("sound", values, repr(float(rate)).encode()) if values.dtype.kind in "iuf" else None
    if isinstance(item, bytes | str | os.PathLike | Mapping):
        return _digest("file", read_bytes(item, MAX_BYTES[modality]))
    return _picture(item)


def _text(item: object) -> bytes | None:
    if isinstance(item, Sentence):
        return _digest("words", *(word.encode("utf-8") for word in item.words))
    return _digest("text", item.encode("utf-8")) if isinstance(item, str) else None


def _decoded(item: object) -> tuple[Any, Any]:
    return (item.get("array"), item.get("sampling_rate")) if isinstance(item, Mapping) else (None, None)


def _digest(kind: str, *parts: bytes | memoryview) -> bytes:
    """The digest of the parts with their lengths, so that two ways to split the same bytes differ."""
    state = hashlib.blake2b(digest_size=DIGEST_BYTES, person=kind.encode())
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def _array(kind: str, values: NDArray[Any], *more: bytes) -> bytes | None:
    if values.dtype.hasobject:
        return None
    about = f"{values.dtype.str} {values.shape}".encode()
    return _digest(kind, about, np.ascontiguousarray(values).tobytes(), *more)


def _picture(item: object) -> bytes | None:
    """The digest of the decoded pixels and of everything that determines how they look."""
    from PIL import ExifTags, Image

    if not isinstance(item, Image.Image):
        return None
    pixels = item.tobytes()  # before the rest: decoding the file also fills in its palette and metadata
    palette = item.getpalette("RGBA") if item.mode in ("P", "PA") else None
    shown = (
        item.mode,
        item.size,
        palette,
        item.info.get("transparency"),
        item.getexif().get(ExifTags.Base.Orientation),
    )
    return _digest("picture", pixels, repr(shown).encode())
