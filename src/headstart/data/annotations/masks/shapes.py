"""Masks of shapes: polygons and run-length codes of objects, filled when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED
from headstart.data.annotations.masks.run_lengths import (
    boundary_points,
    compress,
    counts_part,
    decode_counts,
    encode_counts,
    expand,
    fill_polygon,
    polygon_part,
)
from headstart.data.annotations.picture_files import PictureFacts, turn_array
from headstart.errors import DataError

__all__ = ["Shape", "ShapeMask", "mask_of_shapes", "shape_box", "shape_of_mask", "shape_of_segmentation"]

MOST_POINTS = 1_000_000  # of a shape
MOST_BOUNDARY = 50_000_000  # points of its boundary on the fine grid
MOST_SHAPES = 100_000  # of a picture


@dataclass(frozen=True)
class Shape:
    """The pixels of an object as polygons, or as a compressed run-length code.

    Attributes:
        polygons: each (k, 2) corners, whose pixels are joined.
        runs: the code, or empty.
    """

    polygons: tuple[NDArray[np.float64], ...] = ()
    runs: str = ""


def shape_of_segmentation(value: Any, size: tuple[int, int], where: str) -> Shape:
    """The shape of COCO's ``segmentation``: a list of polygons, or an object with ``counts`` and ``size``.

    Args:
        value: as read.
        size: (width, height) of the stored pixels.
        where: its file and place, for messages.

    Raises:
        DataError: if it is neither, not finite, too long, or of another size.

    Examples:
        >>> shape_of_segmentation({"counts": [1, 2, 1], "size": [2, 2]}, (2, 2), "'a.json'").runs
        '121'
    """
    if isinstance(value, Mapping):
        return _coded(value, size, where)
    if not isinstance(value, list) or not value:
        raise DataError(
            f"The segmentation in {where} must be a list of polygons or a run-length code. Got {value!r:.60}."
        )
    polygons = value if isinstance(value[0], list) else [value]
    if sum(len(one) if isinstance(one, list) else 0 for one in polygons) > 2 * MOST_POINTS:
        raise DataError(f"The segmentation in {where} has more than {MOST_POINTS} points; simplify it.")
    return shape_of_polygons(polygons, size, where)


def shape_of_polygons(polygons: Sequence[Any], size: tuple[int, int], where: str) -> Shape:
    """The shape of polygons, each a list x, y, x, y, ... in pixels; what reaches far beyond the picture is cut."""
    kept = []
    for one in polygons:
        is_numbers = isinstance(one, list) and all(type(v) in (int, float) for v in one)
        if not is_numbers or len(one) % 2 or len(one) < 6:
            raise DataError(
                f"A polygon in {where} must be a list of at least three points x, y. Got {one!r:.60} instead."
            )
        try:
            xy = np.asarray(one, dtype=np.float64).reshape(-1, 2)
        except OverflowError:
            xy = np.full((1, 2), np.inf)
        if not np.isfinite(xy).all():
            raise DataError(f"A polygon in {where} must have finite numbers. Got {one!r:.60} instead.")
        side = max(size)
        kept.append(np.clip(xy, -side, 2 * side))
    if sum(map(boundary_points, kept)) > MOST_BOUNDARY:
        raise DataError(f"The polygons in {where} have too long a boundary for a picture of {size[0]} x {size[1]}.")
    return Shape(tuple(kept))


def _coded(value: Mapping[str, Any], size: tuple[int, int], where: str) -> Shape:
    stated = value.get("size")
    if stated != [size[1], size[0]]:
        raise DataError(
            f"The run-length code in {where} must be of the size [{size[1]}, {size[0]}] (height, width) of its "
            f"picture. Got {stated!r:.60} instead."
        )
    counts = value.get("counts")
    try:
        if isinstance(counts, str):
            numbers = expand(counts)
        elif isinstance(counts, list) and all(type(count) is int for count in counts):
            numbers = counts
        else:
            raise DataError(
                f"The counts in {where} must be a text or a list of whole numbers. Got {counts!r:.60} instead."
            )
        if min(numbers, default=0) < 0 or sum(numbers) != size[0] * size[1]:
            raise DataError(
                f"The run-length code in {where} must add up to the {size[0] * size[1]} pixels of its picture. Got "
                f"{str(sum(numbers))[:30]}; write it anew."
            )
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"The run-length code in {where} cannot be read: {error}; write it anew.") from None
    return Shape(runs=compress(numbers))


def mask_of_shape(shape: Shape, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels (height, width) of a shape."""
    if shape.runs:
        return decode_counts(expand(shape.runs), size)
    filled = np.zeros((size[1], size[0]), dtype=bool)
    for polygon in shape.polygons:
        filled |= fill_polygon(polygon, size)
    return filled


def _parts(shape: Shape, size: tuple[int, int]) -> Iterator[tuple[tuple[int, int], NDArray[np.bool_]]]:
    """(left, top) of a box and the pixels in it, of each polygon or of the code."""
    if shape.runs:
        yield counts_part(expand(shape.runs), size)
    for polygon in () if shape.runs else shape.polygons:
        yield polygon_part(polygon, size)


def _area(shape: Shape, size: tuple[int, int]) -> int:
    """The pixels of a shape; those that several polygons share count once."""
    if shape.runs:
        return sum(expand(shape.runs)[1::2])
    if len(shape.polygons) == 1:
        return int(polygon_part(shape.polygons[0], size)[1].sum())
    return int(mask_of_shape(shape, size).sum())


def shape_of_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's compressed run-length code of a mask (height, width).

    Examples:
        >>> shape_of_mask(np.array([[0, 1], [1, 0]], bool))
        {'size': [2, 2], 'counts': '121'}
    """
    return {"size": list(mask.shape), "counts": compress(encode_counts(mask))}


def shape_box(shape: Shape, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box x0, y0, x1, y1 around a shape: around the corners of polygons, around the pixels of a code.

    Examples:
        >>> shape_box(Shape((np.array([[1.0, 0.0], [3.5, 0.0], [1.0, 2.0]]),)), (4, 3))
        (1.0, 0.0, 3.5, 2.0)
    """
    if shape.polygons:
        xy = np.concatenate(shape.polygons)
        (x0, y0), (x1, y1) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
        return x0, y0, x1, y1
    filled = mask_of_shape(shape, size)
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


@dataclass(frozen=True, eq=False)
class ShapeMask:
    """A `headstart.annotations.Mask` of shapes: small ones lie on large ones, crowds are ignored.

    Attributes:
        shapes: of the objects, in pixels as stored.
        codes: the class of each, `IGNORED` for a crowd.
        things: whether each is an object that counts, not a region of stuff.
        facts: of the picture.
        turn: the EXIF orientation by which the shapes are turned.

    Examples:
        >>> square = Shape((np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]),))
        >>> ShapeMask((square,), (3,), (True,), PictureFacts((3, 2))).classes().tolist()
        [[3, 3, 0], [3, 3, 0]]
    """

    shapes: tuple[Shape, ...]
    codes: tuple[int, ...]
    things: tuple[bool, ...]
    facts: PictureFacts
    turn: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        return self.facts.size

    def classes(self) -> NDArray[np.int16]:
        """(height, width) class codes."""
        return self._painted([(code, shape) for code, shape in zip(self.codes, self.shapes, strict=True)], np.int16)

    def instances(self) -> NDArray[np.int32] | None:
        """(height, width) numbers of objects, or None where all is stuff."""
        if not any(self.things):
            return None if self.shapes else np.zeros((self.size[1], self.size[0]), np.int32)
        numbers = np.cumsum([thing and code != IGNORED for thing, code in zip(self.things, self.codes, strict=True)])
        own = [
            (int(number) if is_thing and code != IGNORED else 0, shape)
            for number, is_thing, code, shape in zip(numbers, self.things, self.codes, self.shapes, strict=True)
        ]
        return self._painted(own, np.int32)

    def _painted(self, values: Sequence[tuple[int, Shape]], dtype: type[Any]) -> NDArray[Any]:
        size = self.facts.stored if self.turn == self.facts.turn else self.facts.size
        painted = np.zeros((size[1], size[0]), dtype=dtype)
        areas = [_area(shape, size) for shape in self.shapes]
        order = sorted(range(len(values)), key=lambda k: (self.codes[k] != IGNORED, -areas[k], k))
        for place in order:  # one shape at a time is filled, in the box around it
            value, shape = values[place]
            for (left, top), inside in _parts(shape, size):
                painted[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = value
        return np.ascontiguousarray(turn_array(painted, self.turn))


def mask_of_shapes(
    shapes: Sequence[tuple[Shape, int, bool]], facts: PictureFacts, stated: tuple[int, int] | None, where: str
) -> ShapeMask:
    """The mask of a picture's shapes, each with its class and whether it is a thing.

    Args:
        shapes: shape, class code or `IGNORED`, and whether it is an object that counts.
        facts: of the picture.
        stated: (width, height) of the picture by the annotation file, or None.
        where: for messages.

    Raises:
        DataError: if there are more than 100,000.

    Examples:
        >>> mask_of_shapes([(Shape(runs="121"), 1, True)], PictureFacts((2, 2)), None, "").classes().tolist()
        [[0, 1], [1, 0]]
    """
    if len(shapes) > MOST_SHAPES:
        raise DataError(f"The picture in {where} has {len(shapes)} shapes, and at most {MOST_SHAPES} are read.")
    kept, codes, things = zip(*shapes, strict=True) if shapes else ((), (), ())
    return ShapeMask(kept, codes, things, facts, facts.turn_for(stated))
