"""Items as an exported folder reads them: files, texts and rows of numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.data.media.readers import read_audio, read_image
from headstart.types import Modality

__all__ = ["as_files"]


def as_files(items: Sequence[Any], modality: Modality, folder: Path) -> list[Any]:
    """Items as JSON values; what is no file yet is written to one without loss.

    Args:
        items: n items as a model takes them.
        modality: the kind of item.
        folder: where files are written.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> place = Path(tempfile.mkdtemp())
        >>> found = as_files([np.zeros((2, 3), np.uint8), b"GIF89a"], "image", place)
        >>> [Path(one).name for one in found], as_files(["a"], "text", place), as_files([np.ones(2)], "vector", place)
        (['0.png', '1'], ['a'], [[1.0, 1.0]])
    """
    if modality == "text":
        return list(items)
    if modality == "vector":
        return [[float(value) for value in row] for row in items]
    return [_file(item, modality, folder / str(k)) for k, item in enumerate(items)]


def _file(item: Any, modality: Modality, place: Path) -> str:
    if isinstance(item, str | os.PathLike):
        return str(Path(item).absolute())
    raw = item.get("bytes") if isinstance(item, Mapping) else item
    if isinstance(raw, bytes):
        place.write_bytes(raw)
        return str(place)
    if isinstance(item, Mapping) and item.get("path"):
        return str(Path(item["path"]).absolute())
    if modality == "image":
        file = place.with_suffix(".png")
        read_image(item).save(file)
        return str(file)
    import soundfile

    samples, rate = read_audio(item)
    file = place.with_suffix(".wav")
    soundfile.write(file, samples, rate, subtype="FLOAT")
    return str(file)
