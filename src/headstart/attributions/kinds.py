"""What a prediction is attributed to: parts of a text, columns, layers, pixels, times and frequencies, or items."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ColumnShare",
    "ColumnShares",
    "LayerShare",
    "LayerShares",
    "PixelMap",
    "Shown",
    "TextShare",
    "TextShares",
    "TimeFrequencyMap",
    "TrainingItem",
    "TrainingItems",
    "cell_sums",
]

Array = NDArray[np.float64]


@runtime_checkable
class Shown(Protocol):
    """What every kind of attribution has.

    Examples:
        >>> isinstance(TextShares("hi", (TextShare("hi", 0, 2, 1.0),)), Shown)
        True
    """

    @property
    def values(self) -> Array:
        """The attributions as one array."""
        ...

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The parts of the largest absolute value, in words, with their values."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values, with ``"kind"``."""
        ...


def _largest(names: list[str], values: Array, count: int) -> list[tuple[str, float]]:
    order = np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[:count]
    return [(names[k], float(values[k])) for k in order]


@dataclass(frozen=True)
class TextShare:
    """A part of a text with its attribution.

    Attributes:
        text: the part.
        start: the position of its first character in the text.
        stop: the position after its last character.
        value: its attribution.
    """

    text: str
    start: int
    stop: int
    value: float


@dataclass(frozen=True)
class TextShares:
    """Attributions to the words of a text (in scripts without spaces, to its characters or pieces).

    Attributes:
        text: the text as the body read it, in normal form C.
        spans: its parts, first to last; they do not overlap.

    Examples:
        >>> TextShares("so good", (TextShare("so", 0, 2, 0.1), TextShare("good", 3, 7, 0.9))).largest(1)
        [('good', 0.9)]
    """

    text: str
    spans: tuple[TextShare, ...]

    @property
    def values(self) -> Array:
        """(parts,) the attributions."""
        return np.array([span.value for span in self.spans], np.float64)

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The parts of the largest absolute attribution."""
        return _largest([span.text for span in self.spans], self.values, count)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {"kind": "text", "text": self.text, "spans": [_plain(span) for span in self.spans]}


@dataclass(frozen=True)
class ColumnShare:
    """A column of an item with its attribution.

    Attributes:
        name: of the column, or of the source that reads it.
        cell: its value in this item, in words; empty where it has none.
        value: its attribution.
    """

    name: str
    cell: str
    value: float


@dataclass(frozen=True)
class ColumnShares:
    """Attributions to the columns of a table's row, or to the sources of a fused model.

    Attributes:
        columns: the columns, in the order of the item.

    Examples:
        >>> ColumnShares((ColumnShare("age", "61", 0.4), ColumnShare("dose", "2", -0.7))).largest(1)
        [('dose = 2', -0.7)]
    """

    columns: tuple[ColumnShare, ...]

    @property
    def values(self) -> Array:
        """(columns,) the attributions."""
        return np.array([column.value for column in self.columns], np.float64)

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The columns of the largest absolute attribution."""
        names = [f"{one.name} = {one.cell}" if one.cell else one.name for one in self.columns]
        return _largest(names, self.values, count)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {"kind": "columns", "columns": [_plain(column) for column in self.columns]}


@dataclass(frozen=True)
class LayerShare:
    """A layer of the body.

    Attributes:
        name: of the layer.
        value: the attribution of this answer to the layer's features.
        weight: the layer's share of the variance of the score over the training items; nan if unknown.
        loss: the leave-one-out loss of a head on this layer alone; nan if unknown.
    """

    name: str
    value: float
    weight: float = float("nan")
    loss: float = float("nan")


@dataclass(frozen=True)
class LayerShares:
    """Attributions to the layers that a head reads.

    Attributes:
        layers: first to last.
        sentence: what they say, in words.

    Examples:
        >>> LayerShares((LayerShare("layer.1", 0.2), LayerShare("layer.2", 0.9)), "").largest(1)
        [('layer.2', 0.9)]
    """

    layers: tuple[LayerShare, ...]
    sentence: str

    @property
    def values(self) -> Array:
        """(layers,) the attributions."""
        return np.array([layer.value for layer in self.layers], np.float64)

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The layers of the largest absolute attribution."""
        return _largest([layer.name for layer in self.layers], self.values, count)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {"kind": "layers", "sentence": self.sentence, "layers": [_plain(layer) for layer in self.layers]}


@dataclass(frozen=True, eq=False)
class PixelMap:
    """Attributions to the pixels of a picture.

    Attributes:
        values: (rows, columns) attributions, evenly spaced over ``box``; of a map that sums to something, the sum is
            that of all of them.
        picture: (height, width, 3) uint8, the picture.
        cells: (rows, columns) of the grid that the method computed, before it was enlarged.
        signed: whether values below 0 speak against the label; otherwise no value is below 0.
        box: the part of the picture that the body saw: left, top, right and bottom as fractions of its sides; below 0
            or above 1 where the body saw a margin around the picture.

    Examples:
        >>> PixelMap(np.eye(2), np.zeros((2, 2, 3), np.uint8), (2, 2)).to_dict()["cells"]
        [2, 2]
    """

    values: Array
    picture: NDArray[np.uint8] = field(repr=False)
    cells: tuple[int, int]
    signed: bool = True
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The cells of the largest sum (without signs: of the largest mean), by their place in what the body saw."""
        sums = cell_sums(self.values, self.cells, mean=not self.signed)
        names = [
            f"row {i + 1} of {self.cells[0]}, column {j + 1} of {self.cells[1]}"
            for i in range(self.cells[0])
            for j in range(self.cells[1])
        ]
        return _largest(names, sums.ravel(), count)

    def to_dict(self) -> dict[str, Any]:
        """The sums, or without signs the means, of the grid's cells as plain JSON values."""
        return {
            "kind": "pixels",
            "size": list(self.values.shape),
            "cells": list(self.cells),
            "box": [round(edge, 6) for edge in self.box],
            "signed": self.signed,
            "grid": np.round(cell_sums(self.values, self.cells, mean=not self.signed), 6).tolist(),
        }


@dataclass(frozen=True, eq=False)
class TimeFrequencyMap:
    """Attributions to the times and frequencies of a sound, or to its times alone.

    Attributes:
        values: (rows, columns) attributions, low frequencies first; one row for times alone.
        spectrogram: (frequencies, frames) the spectrogram that the body saw, for the background; over the same times.
        seconds: the time that the columns span.
        hertz: (frequencies,) the frequency of each row of the spectrogram; empty where it has none.
        signed: as in `PixelMap`.
        cells: (rows, columns) of the grid that the method computed, before it was enlarged; by default each value is
            one.

    Examples:
        >>> shown = TimeFrequencyMap(np.eye(2), np.zeros((2, 2)), 1.0, np.array([100.0, 200.0]))
        >>> shown.largest(1)
        [('0.00 to 0.50 s at 100 Hz', 1.0)]
    """

    values: Array
    spectrogram: Array = field(repr=False)
    seconds: float
    hertz: Array = field(repr=False)
    signed: bool = True
    cells: tuple[int, int] | None = None

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.cells or (self.values.shape[0], self.values.shape[1])

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The times and frequencies of the largest sum; without signs, of the largest mean."""
        rows, columns = self.grid
        step = self.seconds / max(columns, 1)
        bands = [f" at {band.mean():.0f} Hz" if band.size else "" for band in np.array_split(self.hertz, rows)]
        names = [
            f"{step * j:.2f} to {step * (j + 1):.2f} s{bands[i] if rows > 1 else ''}"
            for i in range(rows)
            for j in range(columns)
        ]
        return _largest(names, cell_sums(self.values, self.grid, mean=not self.signed).ravel(), count)

    def to_dict(self) -> dict[str, Any]:
        """The sums, or without signs the means, of the grid's cells as plain JSON values."""
        return {
            "kind": "time-frequency",
            "seconds": self.seconds,
            "hertz": np.round(self.hertz, 1).tolist(),
            "signed": self.signed,
            "cells": list(self.grid),
            "map": np.round(cell_sums(self.values, self.grid, mean=not self.signed), 6).tolist(),
        }


@dataclass(frozen=True)
class TrainingItem:
    """A training item with its influence on an answer, or its likeness to the item.

    Attributes:
        id: its name.
        label: its own label, or values.
        value: how much the quantity would fall without it, or the likeness between -1 and 1.
        output_without: the probability (or value) of the explained label without this item; nan where not computed.
        text: the text, the numbers or the path, if the items are at hand.
        picture: a small picture as a data URI, if there is one.
        sound: its beginning as a data URI, if it is a sound.
    """

    id: str
    label: str
    value: float
    output_without: float = float("nan")
    text: str = ""
    picture: str = field(default="", repr=False)
    sound: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class TrainingItems:
    """Training items: those for and those against an answer, or those most like the item.

    Attributes:
        supporters: the items that raise the quantity (or are most like the item), the most first.
        opponents: those that lower it, the most first; empty for a likeness.
        values: (n,) of all training items, in their order.

    Examples:
        >>> TrainingItems((TrainingItem("a.png", "cat", 0.3),), (), np.array([0.3, 0.0])).largest(1)
        [('a.png (cat)', 0.3)]
    """

    supporters: tuple[TrainingItem, ...]
    opponents: tuple[TrainingItem, ...]
    values: Array = field(repr=False)

    def largest(self, count: int) -> list[tuple[str, float]]:
        """The items of the largest absolute value."""
        items = [*self.supporters, *self.opponents]
        return _largest([f"{one.id} ({one.label})" for one in items], np.array([one.value for one in items]), count)

    def to_dict(self) -> dict[str, Any]:
        """The listed items as plain JSON values, without their pictures."""
        return {
            "kind": "training items",
            "items": len(self.values),
            "supporters": [_plain(item) for item in self.supporters],
            "opponents": [_plain(item) for item in self.opponents],
        }


def _plain(part: TextShare | ColumnShare | LayerShare | TrainingItem) -> dict[str, Any]:
    """The fields as plain JSON values, without a picture or sound; None for a number that is not defined."""
    fields = {name: value for name, value in asdict(part).items() if name not in ("picture", "sound")}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in fields.items()
    }


def cell_sums(values: Array, cells: tuple[int, int], *, mean: bool = False) -> Array:
    """The sums of a map over the cells of a grid, or the means.

    Args:
        values: (rows, columns).
        cells: rows and columns of the grid.
        mean: whether the means are wanted.

    Examples:
        >>> cell_sums(np.arange(8.0).reshape(2, 4), (1, 2))
        array([[10., 18.]])
    """
    rows = np.array_split(np.arange(values.shape[0]), cells[0])
    columns = np.array_split(np.arange(values.shape[1]), cells[1])
    parts = [[values[np.ix_(r, c)] for c in columns] for r in rows]
    return np.array([[one.mean() if mean else one.sum() for one in row] for row in parts], np.float64)
