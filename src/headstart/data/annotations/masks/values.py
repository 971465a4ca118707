"""Masks in picture files: their values, decoded when they are asked for, and what each value stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED
from headstart.data.annotations.picture_files import turn_array
from headstart.data.media.pictures import UnreadPictureError, open_picture_file
from headstart.data.media.readers import DAMAGED, MAX_IMAGE_BYTES, MAX_PIXELS, read_bytes
from headstart.errors import ItemError

__all__ = ["COLOURS", "Coding", "MaskFile", "colour_key", "mask_values"]

COLOURS = 2**24
"""Values of colours that are not grey begin here: 2**24 + red * 65536 + green * 256 + blue."""

LOSSLESS = ("PNG", "TIFF", "BMP", "DIB", "GIF", "PPM")


@dataclass(frozen=True, eq=False)
class Coding:
    """What the values of mask files stand for.

    Attributes:
        keys: (v,) known values, ascending; a colour is its `colour_key`.
        codes: (v,) the class code of each, or `IGNORED`.
        is_instances: whether values are numbers of objects of one class instead, and 0 is the background.

    Examples:
        >>> Coding.of({0: 0, 255: 1}).classes(np.array([[0, 255, 7]])).tolist()
        [[0, 1, -1]]
    """

    keys: NDArray[np.int64]
    codes: NDArray[np.int16]
    is_instances: bool = False

    @classmethod
    def of(cls, table: dict[int, int]) -> Coding:
        """The coding of a table from value to class code."""
        keys = sorted(table)
        return cls(np.array(keys, dtype=np.int64), np.array([table[key] for key in keys], dtype=np.int16))

    @classmethod
    def instances(cls) -> Coding:
        """The coding of numbers of objects of one class."""
        return replace(cls.of({}), is_instances=True)

    def classes(self, values: NDArray[Any]) -> NDArray[np.int16]:
        """The class codes of values, `IGNORED` where a value has no class."""
        if self.is_instances:
            return np.asarray(values != 0, dtype=np.int16)
        place = np.searchsorted(self.keys, values)
        place = np.minimum(place, len(self.keys) - 1)
        known = self.keys[place] == values
        return np.asarray(np.where(known, self.codes[place], IGNORED), dtype=np.int16)


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A `headstart.annotations.Mask` in a file, which is decoded each time it is asked for.

    Attributes:
        path: of the picture file with the values.
        size: (width, height) of the upright picture that it belongs to.
        coding: what its values stand for.
        turn: the EXIF orientation by which its values are turned.
        objects: of a second file with numbers of objects, or None.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.pgm"
        >>> _ = path.write_bytes(b"P5 2 1 255 " + bytes([0, 7]))
        >>> MaskFile(path, (2, 1), Coding.instances()).instances().tolist()
        [[0, 7]]
    """

    path: Path
    size: tuple[int, int]
    coding: Coding
    turn: int = 1
    objects: Path | None = None

    def classes(self) -> NDArray[np.int16]:
        """(height, width) class codes; raises `ItemError` where the file cannot be read any more."""
        return self.coding.classes(self._values(self.path))

    def instances(self) -> NDArray[np.int32] | None:
        """(height, width) numbers of objects, 0 where there is none, or None."""
        if self.objects is not None:
            return np.where(self.classes() > 0, self._values(self.objects), 0).astype(np.int32)
        return self._values(self.path).astype(np.int32) if self.coding.is_instances else None

    def _values(self, path: Path) -> NDArray[np.int32]:
        values = turn_array(mask_values(path), self.turn)
        if values.shape != (self.size[1], self.size[0]):
            raise ItemError(
                f"The mask '{path}' has {values.shape[1]} x {values.shape[0]} pixels, but had "
                f"{self.size[0]} x {self.size[1]} when it was read; read the data again."
            )
        return values


def mask_values(item: Any) -> NDArray[np.int32]:
    """(height, width) values of a mask file: palette indices, grey levels, or colours by `colour_key`.

    Args:
        item: a path or encoded bytes.

    Raises:
        ItemError: if it cannot be read, or is in a format that changes values, such as JPEG.

    Examples:
        >>> mask_values(b"P5 2 1 255 " + bytes([0, 7])).tolist()
        [[0, 7]]
    """
    from PIL import Image, UnidentifiedImageError

    title = f"'{item}'" if isinstance(item, (str, Path)) else "the mask given"
    raw = read_bytes(item, MAX_IMAGE_BYTES)
    try:
        with open_picture_file(raw, str(item) if isinstance(item, (str, Path)) else None, MAX_PIXELS) as picture:
            if picture.format not in LOSSLESS:
                raise UnreadPictureError(
                    f"{picture.format} changes the values of pixels, so classes cannot be told; save masks as PNG"
                )
            picture.load()
            return _integers(picture)
    except UnidentifiedImageError as error:
        raise ItemError(f"Cannot read {title} as a mask: its content is not in a known image format.") from error
    except (UnreadPictureError, Image.DecompressionBombError, *DAMAGED) as error:
        reason = " ".join(str(error).split()).rstrip(".") or "it is damaged"
        raise ItemError(f"Cannot read {title} as a mask: {reason}.") from error


def colour_key(red: Any, green: Any, blue: Any) -> Any:
    """The value that stands for a colour: its level if it is grey, else a number above all levels.

    Args:
        red: level, or an int32 array of levels.
        green: the same.
        blue: the same.

    Examples:
        >>> int(colour_key(7, 7, 7)), int(colour_key(1, 0, 0)) == COLOURS + 65536
        (7, True)
    """
    grey = np.logical_and(np.equal(red, green), np.equal(red, blue))
    return np.where(grey, red, COLOURS + red * 65536 + green * 256 + blue)


def _integers(picture: Any) -> NDArray[np.int32]:
    if picture.mode in ("LA", "La"):
        picture = picture.convert("L")
    if picture.mode in ("1", "L", "P") or picture.mode.startswith("I"):
        return np.asarray(picture).astype(np.int32)
    if picture.mode not in ("RGB", "RGBA", "RGBX"):
        raise UnreadPictureError(f"its pixels are of mode {picture.mode}; save masks as PNG with 8 or 16 bits")
    values = np.asarray(picture)
    red, green, blue = (values[..., channel].astype(np.int32) for channel in range(3))
    return np.asarray(colour_key(red, green, blue), dtype=np.int32)
