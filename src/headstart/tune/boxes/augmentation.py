"""Changes of pictures with boxes for training: mirrored, of another scale and place, other colours, four in one.

Reference: Bochkovskiy et al. 2020, "YOLOv4" (mosaic).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Augmented", "BoxAugmentation", "flipped", "placed"]

Picture = NDArray[np.uint8]
Array = NDArray[np.float64]
GREY = 114  # of what no picture covers


@dataclass(frozen=True, eq=False)
class Augmented:
    """A picture with its boxes.

    Attributes:
        picture: (height, width, 3) uint8.
        boxes: (k, 4) left, top, right, bottom as shares of the picture.
        labels: (k,) class codes.
        ignored: (k,) bool, regions that count neither way.

    Examples:
        >>> one = Augmented(np.zeros((2, 2, 3), np.uint8), np.ones((1, 4)), np.zeros(1, np.int64), np.zeros(1, bool))
        >>> len(one.boxes)
        1
    """

    picture: Picture
    boxes: Array
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True)
class BoxAugmentation:
    """How pictures are changed.

    Attributes:
        scale: least and largest factor of the size.
        stretch: largest factor of one side against the other.
        mirror: share of pictures that are mirrored left to right.
        upside_down: share that are mirrored top to bottom.
        colour: largest relative change of brightness, contrast and saturation.
        mosaic: share of pictures that four pictures share, until ``mosaic_until``.
        mosaic_until: share of the training.
        visible: share of a box that must stay in the picture; with less it is an ignored region.

    Examples:
        >>> BoxAugmentation().mirror
        0.5
    """

    scale: tuple[float, float] = (0.6, 1.5)
    stretch: float = 1.2
    mirror: float = 0.5
    upside_down: float = 0.0
    colour: float = 0.3
    mosaic: float = 0.0
    mosaic_until: float = 0.7
    visible: float = 0.35

    def __call__(
        self, position: int, load: Callable[[int], Augmented], count: int, rng: np.random.Generator, share: float
    ) -> Augmented:
        """The changed picture at ``position`` of ``count``, at this share of the training."""
        if rng.random() < self.mosaic and share < self.mosaic_until and count > 1:
            made = self._mosaic(position, load, count, rng)
        else:
            made = self._moved(load(position), rng)
        return Augmented(self._coloured(made.picture, rng), made.boxes, made.labels, made.ignored)

    def _moved(self, one: Augmented, rng: np.random.Generator) -> Augmented:
        width, height = self._size(rng)
        # where the left and upper edges come to: the picture covers the frame, or the frame holds the picture
        left, top = _edge(width, rng), _edge(height, rng)
        return placed(
            one, (left, top, left + width, top + height), one.picture.shape[:2], self.visible,
            mirror=rng.random() < self.mirror, upside_down=rng.random() < self.upside_down,
        )  # fmt: skip

    def _size(self, rng: np.random.Generator) -> tuple[float, float]:
        factor = float(np.exp(rng.uniform(*np.log(self.scale))))
        side = float(np.exp(rng.uniform(-0.5, 0.5) * np.log(self.stretch)))
        return factor * side, factor / side

    def _mosaic(
        self, position: int, load: Callable[[int], Augmented], count: int, rng: np.random.Generator
    ) -> Augmented:
        others = [position, *rng.integers(0, count, 3).tolist()]
        first = load(position)
        tall, wide = first.picture.shape[:2]
        x, y = (rng.uniform(0.35, 0.65, 2) * (wide, tall)).astype(int).tolist()
        canvas = np.empty_like(first.picture)
        boxes, labels, ignored = [], [], []
        for k, other in enumerate(others):
            columns = slice(0, x) if k % 2 == 0 else slice(x, wide)
            rows = slice(0, y) if k < 2 else slice(y, tall)
            size = (rows.stop - rows.start, columns.stop - columns.start)
            part = self._quarter(load(other), size, (tall, wide), rng)
            canvas[rows, columns] = part.picture
            corner, extent = np.array([columns.start, rows.start] * 2), np.array([size[1], size[0]] * 2)
            boxes.append((part.boxes * extent + corner) / (wide, tall, wide, tall))
            labels.append(part.labels)
            ignored.append(part.ignored)
        return Augmented(canvas, np.concatenate(boxes), np.concatenate(labels), np.concatenate(ignored))

    def _quarter(
        self, one: Augmented, size: tuple[int, int], full: tuple[int, int], rng: np.random.Generator
    ) -> Augmented:
        width, height = self._size(rng)
        width, height = width * 0.7 * full[1] / size[1], height * 0.7 * full[0] / size[0]
        left, top = _edge(width, rng), _edge(height, rng)
        area = (left, top, left + width, top + height)
        return placed(
            one, area, size, self.visible, mirror=rng.random() < self.mirror,
            upside_down=rng.random() < self.upside_down,
        )  # fmt: skip

    def _coloured(self, picture: Picture, rng: np.random.Generator) -> Picture:
        if not self.colour:
            return picture
        from PIL import Image, ImageEnhance

        image = Image.fromarray(picture)
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(float(rng.uniform(1 - self.colour, 1 + self.colour)))
        return np.asarray(image)


def _edge(extent: float, rng: np.random.Generator) -> float:
    """Where a picture begins that covers the frame, or that the frame holds."""
    return float(rng.uniform(min(0.0, 1 - extent), max(0.0, 1 - extent)))


def placed(
    one: Augmented,
    area: tuple[float, float, float, float],
    size: tuple[int, int],
    visible: float,
    *,
    mirror: bool = False,
    upside_down: bool = False,
) -> Augmented:
    """A picture drawn into an area of a frame, which may be larger or smaller than the frame.

    Args:
        one: the picture with its boxes.
        area: left, top, right and bottom of the picture as shares of the frame.
        size: (height, width) of the frame in pixels.
        visible: share of a box that must stay in the frame; with less it is an ignored region, with none it goes.
        mirror: whether left and right change places.
        upside_down: whether top and bottom change places.

    Examples:
        >>> one = Augmented(np.zeros((4, 4, 3), np.uint8), np.array([[0, 0, 0.5, 1]]), np.zeros(1, int), np.zeros(1, bool))
        >>> placed(one, (0, 0, 1, 1), (4, 4), 0.3, mirror=True).boxes
        array([[0.5, 0. , 1. , 1. ]])
    """  # noqa: E501
    from PIL import Image

    left, top, right, bottom = area
    height, width = size
    tall, wide = one.picture.shape[:2]
    step_x, step_y = wide / ((right - left) * width), tall / ((bottom - top) * height)
    first_x, first_y = -left * width * step_x, -top * height * step_y
    if mirror:
        step_x, first_x = -step_x, wide - first_x
    if upside_down:
        step_y, first_y = -step_y, tall - first_y
    drawn = Image.fromarray(one.picture).transform(
        (width, height), Image.Transform.AFFINE, (step_x, 0, first_x, 0, step_y, first_y),
        Image.Resampling.BILINEAR, fillcolor=(GREY, GREY, GREY),
    )  # fmt: skip
    boxes = flipped(one.boxes, mirror=mirror, upside_down=upside_down)
    boxes = boxes * np.array([right - left, bottom - top] * 2)
    boxes = boxes + np.array([left, top, left, top])
    inside = boxes.clip(0, 1)
    kept = _areas(inside) / np.maximum(_areas(boxes), 1e-12)
    stays = kept > 0.02
    ignored = one.ignored | (kept < visible)
    return Augmented(np.asarray(drawn), inside[stays], one.labels[stays], ignored[stays])


def flipped(boxes: Array, *, mirror: bool = True, upside_down: bool = False) -> Array:
    """Boxes (k, 4) as shares of a picture, after mirroring it.

    Examples:
        >>> flipped(np.array([[0.1, 0.2, 0.3, 0.4]])).round(3)
        array([[0.7, 0.2, 0.9, 0.4]])
    """
    found = boxes.copy()
    if mirror:
        found[:, [0, 2]] = 1 - boxes[:, [2, 0]]
    if upside_down:
        found[:, [1, 3]] = 1 - boxes[:, [3, 1]]
    return found


def _areas(boxes: Array) -> Array:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
