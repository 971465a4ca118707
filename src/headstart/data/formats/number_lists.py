"""Lists of numbers, such as embeddings, in the cells of a text file."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.data.text.nearly_all import NEARLY_ALL
from headstart.reporting.wording import plural

__all__ = ["read_vectors"]

PROBE = 256
VECTOR = re.compile(r"\s*\[[-+\d.eE,\s]+\]\s*")
BETWEEN = re.compile(r"\s*,\s*|\s+")


def read_vectors(cells: Sequence[str]) -> tuple[NDArray[np.object_], str] | None:
    """Parse strings as lists of numbers; None unless 90% of them are lists, all of one length above 1.

    Args:
        cells: the strings of a column.

    Returns:
        (n,) float64 arrays, all NaN for cells that are not lists; and a note for the user.

    Examples:
        >>> read_vectors(["[1, 2]", "[0.5 1.5]"])[0].tolist()
        [array([1., 2.]), array([0.5, 1.5])]
        >>> read_vectors(["one", "two"]) is None
        True
    """
    # A spread sample first: most columns are not lists, and all their cells need not be parsed.
    probe = cells[:: max(1, len(cells) // PROBE)]
    if sum(VECTOR.fullmatch(cell) is not None for cell in probe) * 2 <= len(probe):
        return None
    found = [_vector(cell) for cell in cells]
    widths = {len(one) for one in found if one is not None}
    odd = [cell for cell, one in zip(cells, found, strict=True) if one is None]
    if len(widths) != 1 or max(widths) < 2 or len(odd) > (1 - NEARLY_ALL) * len(cells):
        return None
    values = np.empty(len(cells), dtype=object)
    for row, one in enumerate(found):
        values[row] = np.full(max(widths), np.nan) if one is None else one
    if not odd:
        return values, "read as lists of numbers"
    which = plural(len(odd), "other cell counts as missing", "other cells count as missing")
    return values, f"read as lists of numbers; {which} ({odd[0][:40]!r})"


def _vector(cell: str) -> NDArray[np.float64] | None:
    if VECTOR.fullmatch(cell) is None:
        return None
    try:
        return np.array(BETWEEN.split(cell.strip()[1:-1].strip().rstrip(",")), dtype=np.float64)
    except ValueError:
        return None
