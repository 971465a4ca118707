"""The annotated data of ``headstart demo``: sentences made from templates, drawn objects, and drawn cells."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from headstart.annotations import Boxes, MaskArray, Sentence, Span
from headstart.types import Dataset, Modality, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["drawn_cells", "drawn_objects", "made_sentences"]

FULL = 0.7  # of the persons have a first name too


def made_sentences(count: int = 400, seed: int = 0) -> Dataset:
    """Sentences with persons, places and firms, from fixed templates and lists of names.

    Args:
        count: how many.
        seed: of the draws.

    Examples:
        >>> data = made_sentences(3)
        >>> data.items[1].text, [(span.label, data.items[1].surface(span)) for span in data.y[1]]
        ('We asked Viktor Santos why the bridge was closed .', [('person', 'Viktor Santos')])
    """
    draw = random.Random(seed)  # noqa: S311 (no secret)
    lists = json.loads((files("headstart") / "assets" / "made_sentences.json").read_text(encoding="utf-8"))
    items, labels = [], []
    for _ in range(count):
        words: list[str] = []
        spans: list[Span] = []
        for word in draw.choice(lists["templates"]).split():
            kind = word.strip("{}")
            found = _name(kind, lists, draw) if word.startswith("{") else [word]
            if word.startswith("{"):
                spans.append(Span(len(words), len(words) + len(found), kind))
            words += found
        items.append(Sentence.of_words(words))
        labels.append(tuple(spans))
    return _dataset(items, labels, Task("token", ("firm", "person", "place")), "text")


def _name(kind: str, lists: Mapping[str, Sequence[str]], draw: random.Random) -> list[str]:
    if kind != "person":
        return [draw.choice(lists[f"{kind}s"])]
    last = [draw.choice(lists["last names"])]
    return [draw.choice(lists["first names"]), *last] if draw.random() < FULL else last


def drawn_objects(count: int = 80, seed: int = 0, size: tuple[int, int] = (224, 160)) -> Dataset:
    """Pictures with discs, squares and rings on a noisy ground, as boxes.

    Args:
        count: how many.
        seed: of the draws.
        size: (width, height) in pixels.

    Examples:
        >>> data = drawn_objects(2)
        >>> data.task.labels, [len(boxes) for boxes in data.y], data.items[0].size
        (('disc', 'ring', 'square'), [2, 1], (224, 160))
    """
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(seed)
    labels = ("disc", "ring", "square")
    items, found = [], []
    for _ in range(count):
        picture = Image.fromarray(_ground(rng, size))
        pen = ImageDraw.Draw(picture)
        boxes: list[tuple[float, ...]] = []
        codes: list[int] = []
        for _ in range(int(rng.integers(1, 5))):
            side = float(rng.uniform(20, 52))
            left, top = rng.uniform(0, size[0] - side), rng.uniform(0, size[1] - side)
            corners = (float(left), float(top), float(left + side), float(top + side))
            if any(_overlap(corners, other) for other in boxes):
                continue
            code, colour = int(rng.integers(3)), tuple(int(c) for c in rng.integers(0, 256, 3))
            if labels[code] == "square":
                pen.rectangle(corners, fill=colour)
            elif labels[code] == "disc":
                pen.ellipse(corners, fill=colour)
            else:
                pen.ellipse(corners, outline=colour, width=max(3, int(side / 8)))
            boxes.append(corners)
            codes.append(code)
        items.append(picture)
        found.append(Boxes(np.array(boxes), np.array(codes), size))
    return _dataset(items, found, Task("box", labels), "image")


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def drawn_cells(count: int = 40, seed: int = 0, side: int = 128) -> Dataset:
    """Pictures of bright round cells, some of which touch, as masks with a number for each cell.

    Args:
        count: how many.
        seed: of the draws.
        side: width and height in pixels.

    Examples:
        >>> data = drawn_cells(2)
        >>> data.task.labels, data.items[0].size, [int(mask.instances().max()) for mask in data.y]
        (('background', 'cell'), (128, 128), [12, 13])
    """
    from PIL import Image

    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    items, found = [], []
    for _ in range(count):
        light = rng.normal(40, 9, (side, side))
        objects = np.zeros((side, side), np.int32)
        for number in range(1, int(rng.integers(7, 16))):
            centre, radii = rng.uniform(4, side - 4, 2), rng.uniform(6, 12, 2)
            inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
            fresh = inside & (objects == 0)
            if fresh.sum() < 0.7 * inside.sum():
                continue
            objects[fresh] = number
            light[fresh] += rng.uniform(50, 140)
        objects = np.unique(objects, return_inverse=True)[1].reshape(side, side).astype(np.int32)
        grey = np.clip(light + rng.normal(0, 6, light.shape), 0, 255).astype(np.uint8)
        items.append(Image.fromarray(np.stack([grey] * 3, axis=2)))
        found.append(MaskArray((objects > 0).astype(np.int16), objects))
    return _dataset(items, found, Task("mask", ("background", "cell")), "image")


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    base = rng.uniform(60, 200, 3) + rng.normal(0, 12, (size[1], size[0], 3))
    return np.clip(base, 0, 255).astype(np.uint8)


def _dataset(
    items: Sequence[Sentence | Image.Image], found: Sequence[object], task: Task, modality: Modality
) -> Dataset:
    y = np.empty(len(found), object)
    y[:] = found
    names = tuple(f"{k:04}" for k in range(len(items)))
    return Dataset(items, names, modality, task, y, origin="the data that the demo makes")
