"""The annotated data of ``headstart demo``: sentences made from templates, drawn objects, and drawn cells.

They are hard on purpose: what a pretrained body knows of names, shapes and surfaces should show in the figures.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.annotations import Boxes, MaskArray, Sentence, Span
from headstart.types import Dataset, Modality, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["drawn_cells", "drawn_objects", "in_parts", "made_sentences"]

FULL = 0.7  # of the persons have a first name too
SEVERAL = 0.2  # of the names whose sentence tells their type are those of several types (Washington, Ford)


def made_sentences(count: int = 60, seed: int = 0, *, part: Literal["training", "test"] = "training") -> Dataset:
    """Sentences with persons, places, firms and products. The two parts share neither names nor sentences.

    In half of the templates nothing but the name tells its type ("Why Lisbon ?"); in the others the same name may be of
    several types.

    Args:
        count: how many.
        seed: of the draws.
        part: whose names and templates to take.

    Examples:
        >>> data = made_sentences(3)
        >>> data.items[1].text, [(span.label, data.items[1].surface(span)) for span in data.y[1]]
        ('The new office of Intel in Delhi opens next week .', [('firm', 'Intel'), ('place', 'Delhi')])
    """
    draw = random.Random(seed)  # noqa: S311 (no secret)
    lists = json.loads((files("headstart") / "assets" / "made_sentences.json").read_text(encoding="utf-8"))[part]
    items, labels = [], []
    for _ in range(count):
        words: list[str] = []
        spans: list[Span] = []
        for word in draw.choice(lists["templates"]).split():
            if not word.startswith("{"):
                words.append(word)
                continue
            kinds = word.strip("{}").split("|")
            kind = draw.choice(kinds)
            found = _name(kind, lists, draw, told=len(kinds) == 1)
            spans.append(Span(len(words), len(words) + len(found), kind))
            words += found
        items.append(Sentence.of_words(words))
        labels.append(tuple(spans))
    return _dataset(items, labels, Task("token", ("firm", "person", "place", "product")), "text")


def _name(kind: str, lists: Mapping[str, Any], draw: random.Random, *, told: bool) -> list[str]:
    several = [name for name, kinds in lists["several types"].items() if kind in kinds]
    if told and several and draw.random() < SEVERAL:
        return [draw.choice(several)]
    if kind != "person":
        return str(draw.choice(lists[f"{kind}s"])).split()
    last = [draw.choice(lists["last names"])]
    return [draw.choice(lists["first names"]), *last] if draw.random() < FULL else last


def in_parts(training: Dataset, test: Dataset) -> Dataset:
    """One dataset with the given split into training and test items.

    Args:
        training: n items.
        test: m items of the same task.

    Examples:
        >>> data = in_parts(made_sentences(3), made_sentences(2, part="test"))
        >>> data.split.tolist()
        ['train', 'train', 'train', 'test', 'test']
    """
    y = np.concatenate([training.labelled()[1], test.labelled()[1]])
    split = np.repeat(["train", "test"], [len(training), len(test)])
    names = tuple(f"{k:04}" for k in range(len(y)))
    return replace(training, items=[*training.items, *test.items], ids=names, y=y, split=split)


OBJECTS = ("disc", "ring", "square")
OTHERS = ("cross", "half disc", "triangle")  # drawn too, and no class
COVERED = 0.2  # of the smaller box at most


def drawn_objects(count: int = 40, seed: int = 0, size: tuple[int, int] = (224, 160)) -> Dataset:
    """Pictures with discs, squares and rings as boxes, among crosses, half discs and triangles.

    Objects and ground are plain, striped, chequered or cloudy in colours at random; some objects lie on others, and
    light falls from one side.

    Args:
        count: how many.
        seed: of the draws.
        size: (width, height) in pixels.

    Examples:
        >>> data = drawn_objects(2)
        >>> data.task.labels, [len(boxes) for boxes in data.y], data.items[0].size
        (('disc', 'ring', 'square'), [1, 3], (224, 160))
    """
    rng = np.random.default_rng(seed)
    items, found = [], []
    for _ in range(count):
        light = _texture(rng, size)
        boxes: list[tuple[float, ...]] = []
        codes: list[int] = []
        for _ in range(int(rng.integers(3, 8))):
            side = float(rng.uniform(20, 52))
            left, top = float(rng.uniform(0, size[0] - side)), float(rng.uniform(0, size[1] - side))
            corners = (left, top, left + side, top + side)
            if any(_covered(corners, other) > COVERED for other in boxes):
                continue
            shape = str(rng.choice(OBJECTS + OTHERS))
            inside = _shape(shape, corners, size)
            light[inside] = _texture(rng, size)[inside]
            if shape in OBJECTS:
                boxes.append(corners)
                codes.append(OBJECTS.index(shape))
        items.append(_picture(rng, light))
        found.append(Boxes(np.array(boxes).reshape(-1, 4), np.array(codes, np.int64), size))
    return _dataset(items, found, Task("box", OBJECTS), "image")


def _covered(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(width, 0.0) * max(height, 0.0) / smaller


def _shape(name: str, corners: tuple[float, ...], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of a picture lie in the shape that fills a box."""
    down, right = np.mgrid[: size[1], : size[0]] + 0.5
    u = (2 * right - corners[0] - corners[2]) / (corners[2] - corners[0])  # -1 to 1 inside
    v = (2 * down - corners[1] - corners[3]) / (corners[3] - corners[1])
    square, disc = np.maximum(abs(u), abs(v)) < 1, u**2 + v**2 < 1
    shapes: dict[str, NDArray[np.bool_]] = {
        "square": square,
        "disc": disc,
        "ring": disc & (u**2 + v**2 > 0.5),
        "half disc": disc & (v < 0),
        "triangle": square & (2 * abs(u) < v + 1),
        "cross": square & (np.minimum(abs(u), abs(v)) < 0.3),
    }
    return shapes[name]


def _texture(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """A plain, striped, chequered or cloudy surface of two colours, (height, width, 3)."""
    down, right = np.mgrid[: size[1], : size[0]]
    step = int(rng.integers(4, 10))
    share = {
        "plain": np.zeros(down.shape),
        "stripes": (down + int(rng.integers(-1, 2)) * right) // step % 2,
        "checks": (down // step + right // step) % 2,
        "clouds": _clouds(rng, size, 12),
    }[str(rng.choice(["plain", "stripes", "checks", "clouds"]))]
    colours: NDArray[np.float64] = rng.uniform(30, 225, 3) + share[:, :, None] * rng.uniform(-40, 40, 3)
    return colours


def _clouds(rng: np.random.Generator, size: tuple[int, int], step: int) -> NDArray[np.float64]:
    """Smooth noise from 0 to 1 whose details are about ``step`` pixels wide, (height, width)."""
    from PIL import Image

    coarse = rng.integers(0, 256, (size[1] // step + 1, size[0] // step + 1)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float64) / 255


def _picture(rng: np.random.Generator, light: NDArray[np.float64]) -> Image.Image:
    """A picture that is lit from one side, with noise."""
    from PIL import Image

    down, right = (axis / axis.max() - 0.5 for axis in np.mgrid[: light.shape[0], : light.shape[1]])
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.7)
    lit = light * (1 + strength * (np.cos(angle) * right + np.sin(angle) * down))[:, :, None]
    noise = rng.normal(0, 6, light.shape[:2])[:, :, None]
    return Image.fromarray(np.clip(lit + noise, 0, 255).astype(np.uint8))


def drawn_cells(count: int = 16, seed: int = 0, side: int = 128) -> Dataset:
    """Pictures of cells with a nucleus, some of which touch, as masks with a number for each cell.

    Bubbles, drops without a nucleus and fibres of the same brightness lie between them; the ground is cloudy, and light
    falls from one side.

    Args:
        count: how many.
        seed: of the draws.
        side: width and height in pixels.

    Examples:
        >>> data = drawn_cells(2)
        >>> data.task.labels, data.items[0].size, [int(mask.instances().max()) for mask in data.y]
        (('background', 'cell'), (128, 128), [4, 3])
    """
    rng = np.random.default_rng(seed)
    items, found = [], []
    for _ in range(count):
        light = 50 + 40 * _clouds(rng, (side, side), 10)
        objects, taken = np.zeros((side, side), np.int32), np.zeros((side, side), bool)
        for number in range(1, int(rng.integers(10, 22))):
            kind = str(rng.choice(["cell", "cell", "bubble", "drop", "fibre"]))
            inside, depth = _blob(rng, side, thin=kind == "fibre")
            if (taken & inside).sum() > 0.3 * inside.sum():
                continue
            fresh = inside & ~taken
            _paint(rng, light, kind, fresh, depth)
            taken |= fresh
            objects[fresh & (kind == "cell")] = number
        objects = np.unique(objects, return_inverse=True)[1].reshape(side, side).astype(np.int32)
        items.append(_picture(rng, np.repeat(light[:, :, None], 3, axis=2)))
        found.append(MaskArray((objects > 0).astype(np.int16), objects))
    return _dataset(items, found, Task("mask", ("background", "cell")), "image")


def _blob(rng: np.random.Generator, side: int, *, thin: bool) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The pixels of a turned ellipse, and how deep each lies in it: 0 at the outline, 1 in the middle."""
    down, right = np.mgrid[:side, :side] - rng.uniform(4, side - 4, 2)[:, None, None]
    angle = rng.uniform(0, np.pi)
    along, across = (rng.uniform(20, 35), rng.uniform(1.5, 3)) if thin else rng.uniform(7, 13, 2)
    u = (np.cos(angle) * right + np.sin(angle) * down) / along
    v = (np.cos(angle) * down - np.sin(angle) * right) / across
    depth = 1 - np.sqrt(u**2 + v**2)
    return depth > 0, depth


def _paint(
    rng: np.random.Generator,
    light: NDArray[np.float64],
    kind: str,
    where: NDArray[np.bool_],
    depth: NDArray[np.float64],
) -> None:
    """Draw one object: cells are grainy with a nucleus, drops and fibres smooth, bubbles have a rim alone."""
    bright = rng.uniform(35, 110)
    if kind == "bubble":
        where = where & (depth < 0.25)
    light[where] += bright
    if kind == "cell":
        light[where] += rng.normal(0, 0.15 * bright, int(where.sum()))
        nucleus = where & (depth > rng.uniform(0.45, 0.65))
        light[nucleus] -= rng.choice([-0.6, 0.6]) * bright


def _dataset(
    items: Sequence[Sentence | Image.Image], found: Sequence[object], task: Task, modality: Modality
) -> Dataset:
    y = np.empty(len(found), object)
    y[:] = found
    names = tuple(f"{k:04}" for k in range(len(items)))
    return Dataset(items, names, modality, task, y, origin="the data that the demo makes")
