"""Targets of cells: the share of each class inside a cell, with object outlines as a class of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED, Mask
from headstart.decode.instances import outlines
from headstart.errors import DataError

__all__ = ["CellTargets", "cell_targets", "pixel_codes", "resized_codes"]

Code = TypeVar("Code", bound=np.integer[Any])


@dataclass(frozen=True, eq=False)
class CellTargets:
    """What the cells of one picture show.

    Attributes:
        shares: (cells, k) float64, how much of the cell's labelled pixels each class has; 0 where none is labelled.
        labelled: (cells,) float64, the share of its pixels that is labelled, not ignored.

    Examples:
        >>> float(CellTargets(np.array([[0.5, 0.5]]), np.ones(1)).shares.sum())
        1.0
    """

    shares: NDArray[np.float64]
    labelled: NDArray[np.float64]


def pixel_codes(mask: Mask, num_classes: int, *, boundary: bool, width: int = 2) -> NDArray[np.int16]:
    """The classes of a mask's pixels, with the outlines of objects as one further class.

    Args:
        mask: of one picture.
        num_classes: C of the task.
        boundary: whether outlines get the code C, where the mask tells objects apart.
        width: of the outlines, in pixels.

    Raises:
        DataError: if a code lies outside of the task's classes.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> mask = MaskArray(np.ones((1, 5), np.int16), np.array([[1, 1, 1, 2, 2]], np.int32))
        >>> pixel_codes(mask, 2, boundary=True, width=1)
        array([[1, 1, 2, 2, 1]], dtype=int16)
    """
    codes = np.asarray(mask.classes())
    if codes.size and (codes.min() < IGNORED or codes.max() >= num_classes):
        raise DataError(
            f"The codes of a mask must lie in -1 (ignored) to {num_classes - 1}. Got {codes.min()} to {codes.max()}."
        )
    objects = mask.instances() if boundary else None
    if objects is None:
        return codes.astype(np.int16)
    return np.where(outlines(objects, width) & (codes > 0), num_classes, codes).astype(np.int16)


def resized_codes(codes: NDArray[Code], size: tuple[int, int]) -> NDArray[Code]:
    """Codes at another size (height, width), by the nearest pixel: codes have no mean.

    Examples:
        >>> resized_codes(np.array([[1, 2]], np.int16), (2, 4))
        array([[1, 1, 2, 2],
               [1, 1, 2, 2]], dtype=int16)
    """
    if codes.shape == size:
        return codes
    rows, columns = (
        np.minimum(((np.arange(wanted) + 0.5) * there / wanted).astype(int), there - 1)
        for there, wanted in zip(codes.shape, size, strict=True)
    )
    resized: NDArray[Code] = codes[rows[:, None], columns]
    return resized


def cell_targets(codes: NDArray[np.int16], num_classes: int, stride: int) -> CellTargets:
    """The shares of classes in cells of ``stride`` x ``stride`` pixels; those at the border have the pixels that exist.

    Args:
        codes: (height, width) in 0 to ``num_classes - 1``, or ignored.
        num_classes: k.
        stride: pixels a cell.

    Examples:
        >>> targets = cell_targets(np.array([[0, 1, 1], [0, 0, -1]], np.int16), 2, 2)
        >>> targets.shares.tolist(), targets.labelled.tolist()
        ([[0.75, 0.25], [0.0, 1.0]], [1.0, 0.5])
    """
    height, width = codes.shape
    rows, columns = -(-height // stride), -(-width // stride)
    cells = (np.arange(height) // stride)[:, None] * columns + np.arange(width) // stride
    kept = codes >= 0
    joined = cells[kept] * num_classes + codes[kept]
    counts = np.bincount(joined, minlength=rows * columns * num_classes).reshape(-1, num_classes).astype(np.float64)
    labelled = counts.sum(axis=1)
    pixels = np.bincount(cells.ravel(), minlength=rows * columns)
    return CellTargets(counts / np.maximum(labelled, 1)[:, None], labelled / pixels)
