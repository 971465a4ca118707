"""The grid of a picture: features of each cell with its neighbours, and what each cell should say.

All lengths are in pixels of the square that pictures are resized to; the cell in row j and column i of stride s has its
centre at ((i + ½) s, (j + ½) s).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes

__all__ = ["NEIGHBOURS", "ObjectCells", "cell_rows", "centres", "decode_cells", "encode_cells", "object_cells"]

Array = NDArray[np.float64]
F = TypeVar("F", bound=np.floating[Any])

NEIGHBOURS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""The cells whose features a cell sees, as (row, column) from it."""

SPREAD = 0.18  # standard deviation of the heat of an object, as a share of its sides
LEAST_SPREAD = 8.0  # in pixels
INNER = 0.25  # cells this share of an object's sides from its centre describe its box
OBJECT_WEIGHT = 9.0  # weight of a cell in the middle of an object, beyond that of an empty one


def centres(cells: int, stride: int) -> Array:
    """(cells², 2) x and y of the centres of a square grid, row by row.

    Examples:
        >>> centres(2, 16)
        array([[ 8.,  8.],
               [24.,  8.],
               [ 8., 24.],
               [24., 24.]])
    """
    along = (np.arange(cells) + 0.5) * stride
    x, y = np.meshgrid(along, along)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def cell_rows(rows: NDArray[F], cells: int) -> NDArray[F]:
    """The features of each cell and of its four neighbours, which at the border are the cell itself.

    Args:
        rows: (cells², d) of one picture, row by row.
        cells: cells along a side of the grid.

    Returns:
        (cells², 5 d).

    Examples:
        >>> cell_rows(np.arange(4, dtype=np.float32)[:, None], 2)
        array([[0., 0., 1., 0., 2.],
               [1., 0., 1., 1., 3.],
               [2., 2., 3., 0., 2.],
               [3., 2., 3., 1., 3.]], dtype=float32)
    """
    grid = rows.reshape(cells, cells, -1)
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), mode="edge")
    seen = [padded[1 + y : 1 + y + cells, 1 + x : 1 + x + cells] for y, x in NEIGHBOURS]
    return np.concatenate(seen, axis=2).reshape(cells * cells, -1)


@dataclass(frozen=True, eq=False)
class ObjectCells:
    """What the cells of one picture should say.

    Attributes:
        heat: (cells², C) 1 in the middle of an object of the class, falling to 0.
        weights: (cells²,) of each cell; 0 in ignored regions.
        inner: (p,) cells that describe a box, ascending.
        boxes: (p, 4) what they say of it, from `encode_cells`.
    """

    heat: Array
    weights: Array
    inner: NDArray[np.intp]
    boxes: Array


def object_cells(found: Boxes, points: Array, classes: int, scale: tuple[float, float, float]) -> ObjectCells:
    """The targets of a picture's cells.

    A cell within a quarter of an object's sides of its centre describes the object; the nearest cell always does. Where
    two objects want a cell, the smaller one gets it. Cells in ignored regions have no weight.

    Args:
        found: the objects, in pixels of the square.
        points: (P, 2) centres of the cells.
        classes: number of classes.
        scale: stride, usual width and usual height, as in `encode_cells`.

    Examples:
        >>> one = Boxes(np.array([[0, 0, 36, 36]]), np.array([0]))
        >>> made = object_cells(one, centres(4, 16), 1, (16, 36, 36))
        >>> made.inner, made.boxes, made.heat[:2, 0].round(2)
        (array([5]), array([[-0.375, -0.375,  0.   ,  0.   ]]), array([0.21, 0.35]))
    """
    boxes, labels, ignored = found.xyxy, found.labels, found.ignored
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = points[:, None] - middle[None]  # (P, k, 2)
    heat, weights = np.zeros((len(points), classes)), np.ones(len(points))
    near = np.exp(-0.5 * np.sum((away / np.maximum(SPREAD * sides, LEAST_SPREAD)) ** 2, axis=2))
    for label in np.unique(labels[~ignored]):
        heat[:, label] = near[:, ~ignored & (labels == label)].max(axis=1)
    weights += OBJECT_WEIGHT * heat.max(axis=1, initial=0.0)
    inside = np.asarray((np.abs(away) < sides / 2).all(axis=2))
    weights[inside[:, ignored].any(axis=1) & ~inside[:, ~ignored].any(axis=1)] = 0.0
    owner = np.full(len(points), -1)
    for k in np.argsort(-np.prod(sides, axis=1), kind="stable"):  # the smaller one writes last
        if not ignored[k]:
            owner[(np.abs(away[:, k]) < INNER * sides[k]).all(axis=1)] = k
            owner[np.argmin(np.sum(away[:, k] ** 2, axis=1))] = k
    inner = np.flatnonzero(owner >= 0)
    return ObjectCells(heat, weights, inner, encode_cells(boxes[owner[inner]], points[inner], scale))


def encode_cells(boxes: Array, points: Array, scale: tuple[float, float, float]) -> Array:
    """Boxes as the numbers that their cells say: (Δx/s, Δy/s, ln w/w₀, ln h/h₀) from the cell's centre.

    Args:
        boxes: (p, 4) left, top, right, bottom.
        points: (p, 2) centres of the cells.
        scale: the stride s, the usual width w₀ and the usual height h₀.

    Examples:
        >>> encode_cells(np.array([[0.0, 0, 32, 32]]), np.array([[8.0, 8]]), (16, 32, 32))
        array([[0.5, 0.5, 0. , 0. ]])
    """
    stride, width, height = scale
    offset = ((boxes[:, :2] + boxes[:, 2:]) / 2 - points) / stride
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    return np.concatenate([offset, np.log(sides / (width, height))], axis=1)


def decode_cells(said: Array, points: Array, scale: tuple[float, float, float], limit: float) -> Array:
    """The boxes of `encode_cells`, (p, 4); no side is longer than ``limit`` pixels.

    Args:
        said: (p, 4).
        points: (p, 2).
        scale: as in `encode_cells`.
        limit: in pixels.

    Examples:
        >>> decode_cells(np.array([[0.5, 0.5, 0, 0]]), np.array([[8.0, 8]]), (16, 32, 32), 640)
        array([[ 0.,  0., 32., 32.]])
    """
    stride, width, height = scale
    middle = points + said[:, :2] * stride
    sides = np.exp(np.minimum(said[:, 2:], np.log(limit / np.array([width, height])))) * (width, height)
    return np.concatenate([middle - sides / 2, middle + sides / 2], axis=1)
