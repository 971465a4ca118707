"""The pictures of ``headstart demo``: scanned digits as PNG files, and small scenes drawn by the program."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["SCENES", "draw_scenes", "write_digits"]

Colour = tuple[int, int, int]
Draw = Callable[["Pen"], None]
SIDE = 96  # pixels


def write_digits(folder: Path) -> Path:
    """Write scikit-learn's 1,797 scanned digits of 8 x 8 pixels as ``folder/DIGIT/NUMBER.png``, 32 pixels a side.

    Examples:
        >>> import tempfile
        >>> len(list(write_digits(Path(tempfile.mkdtemp())).glob("7/*.png")))
        179
    """
    from PIL import Image
    from PIL.Image import Resampling
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (page, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        # scikit-learn stores ink from 0 to 16; the picture is black (0) on white (255)
        ink = Image.fromarray(np.round(255 * (1 - page / 16)).astype(np.uint8))
        ink.resize((32, 32), Resampling.BICUBIC).save(place / f"{number:04}.png")
    return folder


def draw_scenes(folder: Path, *, each: int = 24, seed: int = 0) -> Path:
    """Draw ``each`` pictures of every scene as ``folder/SCENE/NUMBER.png``, 96 pixels a side.

    Position, size, tilt, colours and noise level are random for each picture.

    Examples:
        >>> import tempfile
        >>> sorted(path.name for path in draw_scenes(Path(tempfile.mkdtemp()), each=1).iterdir())[:3]
        ['boat', 'car', 'fish']
    """
    for name, draw in SCENES.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for number in range(each):
            # a generator for each picture: the first ones are the same for any number of pictures
            rng = np.random.default_rng([seed, list(SCENES).index(name), number])
            _scene(draw, rng).save(place / f"{number:03}.png")
    return folder


class Pen:
    """Draws shapes in the coordinates of an object (x and y from -1 to 1, y downwards) at its place on the picture.

    Args:
        draw: Pillow's drawing context of the picture.
        rng: source of the random colours, position, size and tilt.
        side: of the picture, in pixels.

    Examples:
        >>> from PIL import Image, ImageDraw
        >>> page = Image.new("RGB", (64, 64))
        >>> Pen(ImageDraw.Draw(page), np.random.default_rng(0), 64).round(0, 0, 1, (255, 0, 0))
        >>> page.getpixel((32, 32))
        (255, 0, 0)
    """

    def __init__(self, draw: ImageDraw, rng: np.random.Generator, side: int) -> None:
        self._draw, self.rng = draw, rng
        self._size = side * rng.uniform(0.24, 0.4)
        self._x, self._y = side * rng.uniform(0.42, 0.58, 2)
        angle = rng.uniform(-0.25, 0.25)  # radians
        self._cos, self._sin = math.cos(angle), math.sin(angle)

    def colour(self) -> Colour:
        """Any colour that is not too dark."""
        red, green, blue = (int(value) for value in self.rng.integers(40, 256, 3))
        return red, green, blue

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point of the object: rotated, scaled, then shifted."""
        return (
            self._x + self._size * (x * self._cos - y * self._sin),
            self._y + self._size * (x * self._sin + y * self._cos),
        )

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([self.place(*point) for point in points], fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def round(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        px, py = self.place(x, y)
        reach = radius * self._size
        self._draw.ellipse((px - reach, py - reach, px + reach, py + reach), fill=colour)

    def line(self, points: list[tuple[float, float]], colour: Colour, width: float = 0.08) -> None:
        """A line through points."""
        wide = max(1, round(width * self._size))
        self._draw.line([self.place(*point) for point in points], fill=colour, width=wide)


def _boat(pen: Pen) -> None:
    hull, sail, mast = pen.colour(), pen.colour(), pen.colour()
    pen.shape([(-0.9, 0.3), (0.9, 0.3), (0.6, 0.75), (-0.6, 0.75)], hull)
    pen.line([(0, 0.3), (0, -0.9)], mast)
    pen.shape([(0.05, -0.85), (0.7, 0.15), (0.05, 0.15)], sail)


def _car(pen: Pen) -> None:
    body, glass = pen.colour(), pen.colour()
    pen.box(-1, 0, 1, 0.45, body)
    pen.shape([(-0.6, 0), (-0.35, -0.4), (0.4, -0.4), (0.65, 0)], body)
    pen.shape([(-0.42, -0.03), (-0.27, -0.3), (0.33, -0.3), (0.48, -0.03)], glass)
    for x in (-0.55, 0.55):
        pen.round(x, 0.45, 0.24, (25, 25, 25))


def _fish(pen: Pen) -> None:
    body, fin = pen.colour(), pen.colour()
    pen.shape([(0.5, 0), (1, -0.45), (1, 0.45)], fin)
    pen.shape([(0.65 * math.cos(t), 0.42 * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 24)], body)
    pen.round(-0.4, -0.1, 0.08, (10, 10, 10))


def _flower(pen: Pen) -> None:
    petal, heart = pen.colour(), pen.colour()
    pen.line([(0, 0), (0.05, 1)], (40, 140, 50))
    for turn in np.linspace(0, 2 * math.pi, int(pen.rng.integers(5, 9)), endpoint=False):
        pen.round(0.42 * math.cos(turn), 0.42 * math.sin(turn) - 0.2, 0.24, petal)
    pen.round(0, -0.2, 0.24, heart)


def _house(pen: Pen) -> None:
    wall, roof, door = pen.colour(), pen.colour(), pen.colour()
    pen.box(-0.7, -0.1, 0.7, 0.8, wall)
    pen.shape([(-0.9, -0.1), (0, -0.9), (0.9, -0.1)], roof)
    pen.box(-0.15, 0.3, 0.15, 0.8, door)
    for x in (-0.5, 0.3):
        pen.box(x, 0.05, x + 0.2, 0.25, (230, 240, 250))


def _tree(pen: Pen) -> None:
    pen.box(-0.12, 0.2, 0.12, 0.95, (110, 75, 40))
    green = int(pen.rng.integers(90, 200))
    for _ in range(9):
        x, y = pen.rng.uniform((-0.45, -0.75), (0.45, 0.15))
        pen.round(x, y, 0.33, (green // 3, green, green // 3))


SCENES: dict[str, Draw] = {
    "boat": _boat, "car": _car, "fish": _fish, "flower": _flower, "house": _house, "tree": _tree,
}  # fmt: skip


def _scene(draw: Draw, rng: np.random.Generator) -> Image:
    """One picture: a sky with a gradient, the object, and Gaussian noise."""
    from PIL import ImageDraw
    from PIL.Image import Resampling, fromarray

    side = 2 * SIDE  # drawn at twice the size and averaged down, so that edges are smooth
    top, bottom = rng.uniform(60, 255, (2, 1, 1, 3))
    fade = np.linspace(0, 1, side).reshape(-1, 1, 1)
    sky = np.broadcast_to((1 - fade) * top[0] + fade * bottom[0], (side, side, 3))
    page = fromarray(np.round(sky).astype(np.uint8))
    draw(Pen(ImageDraw.Draw(page), rng, side))
    pixels = np.asarray(page.resize((SIDE, SIDE), Resampling.BOX), np.float32)
    noisy = pixels + rng.normal(0, rng.uniform(0, 25), pixels.shape)
    return fromarray(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
