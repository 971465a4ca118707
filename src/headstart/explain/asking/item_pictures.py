"""Small pictures and sounds of items, as data URIs for a page."""

from __future__ import annotations

import base64
import io
import os
from typing import Any

from headstart.data.media.file_kinds import media_suffix
from headstart.data.media.readers import media_kind, read_audio, read_image
from headstart.data.media.sound_clips import MAX_SOUND_BYTES, sound_clip
from headstart.errors import ItemError

__all__ = ["picture_of", "sound_of"]

SIDE = 160  # pixels of the longer side
QUALITY = 80  # of the JPEG


def picture_of(item: Any, side: int = SIDE) -> str:
    """A small JPEG of a picture as a data URI; empty for any other item, or one that cannot be read.

    Args:
        item: a path, bytes, a PIL image or an array.
        side: the longer side in pixels.

    Examples:
        >>> import numpy as np
        >>> picture_of(np.zeros((4, 4, 3), np.uint8))[:23], picture_of("a text"), picture_of([1.0, 2.0])
        ('data:image/jpeg;base64,', '', '')
    """
    if isinstance(item, str | os.PathLike):
        kind = media_suffix(os.fspath(item)) if len(os.fspath(item)) < 4096 else None
    else:
        kind = media_kind(item)
    if kind != "image":
        return ""
    try:
        picture = read_image(item, draft_size=(side, side))
    except ItemError:
        return ""
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def sound_of(item: Any, most: int = MAX_SOUND_BYTES) -> str:
    """The beginning of a sound, at most ten seconds, as a data URI of an MP3; empty if it cannot be read.

    Args:
        item: a path, bytes, or samples and their rate.
        most: bytes of the file.

    Examples:
        >>> import numpy as np
        >>> sound_of((np.zeros(1600, np.float32), 16_000))[:11]
        'data:audio/'
    """
    try:
        raw, kind = sound_clip(*read_audio(item), most)
    except ItemError:
        return ""
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"
