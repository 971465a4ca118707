"""What the values of mask files stand for: classes, colours or numbers of objects, told from the files themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED
from headstart.data.annotations.masks.names import BACKGROUNDS, ClassTable
from headstart.data.annotations.masks.values import COLOURS, Coding, mask_values
from headstart.data.annotations.picture_files import evenly
from headstart.errors import DataError, ItemError

__all__ = ["MaskReading", "classes_of_values", "decide"]

SAMPLE = 24
VOID = 255  # of 8 bits: the border of objects in Pascal VOC, unlabelled pixels in Cityscapes
MOST_VALUES = 256  # that are classes without names
CONNECTED = 0.9  # share of numbers of objects whose pixels hang together


@dataclass(frozen=True)
class MaskReading:
    """How the values of masks are read.

    Attributes:
        coding: what each value stands for.
        labels: names of the classes; the first is the background.
        note: why, in one sentence.
        unknown: by position of a mask, a value without a class.
    """

    coding: Coding
    labels: tuple[str, ...]
    note: str
    unknown: Mapping[int, int]


def decide(paths: Sequence[Path], table: ClassTable | None, given: str) -> MaskReading:
    """Tell what the values of masks stand for.

    Values are numbers of objects if some exceed 255, or if they number pieces that hang together, as many as there
    happen to be: 1 to 5 in one mask, 1 to 17 in another. Else they are classes: those of the table, or each value one.
    255 is the border that does not count, unless 0 and 255 are all there is.

    Args:
        paths: of the mask files.
        table: names of the classes, or None.
        given: ``"classes"``, ``"instances"`` or empty to tell.

    Raises:
        ItemError: if none of a sample can be read.
        DataError: if there are too many values for classes.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.pgm"
        >>> _ = path.write_bytes(b"P5 3 1 255 " + bytes([0, 4, 9]))
        >>> decide([path], None, "").labels
        ('background', '4', '9')
    """
    if given == "instances" or (not given and table is None and _are_instances(paths)):
        why = "as stated" if given else "because they number connected pieces"
        note = (
            f"Read the values of the masks as numbers of objects of one class, {why}; if they are classes, state "
            "--annotations masks,values=classes."
        )
        return MaskReading(Coding.instances(), ("background", "object"), note, {})
    values = _all_values(paths)
    found = sorted({value for own in values for value in own})
    if table is not None:
        return _named(values, found, table)
    if len(found) > MOST_VALUES:
        raise DataError(
            f"The masks, such as '{paths[0]}', hold {len(found)} different values, which are too many for classes; "
            "state --annotations masks,values=instances if they number objects, or save them without smoothing."
        )
    return classes_of_values(found)


def classes_of_values(found: Sequence[int]) -> MaskReading:
    """The reading of values that are classes without names: 0 is the background, and each other value is one class.

    A class is named by its value, so that its name is the same in all data; one that is the only class is "object". 255
    is the border that does not count, unless 0 and 255 are all there is.

    Args:
        found: the distinct values, ascending.

    Examples:
        >>> classes_of_values([0, 255]).labels, classes_of_values([0, 1, 7, 255]).labels
        (('background', 'object'), ('background', '1', '7'))
    """
    void = [VOID] if found and found[-1] == VOID and len(found) > 2 else []
    kept = [value for value in found if value not in void and value != 0]
    names = ["object"] if len(kept) == 1 else [_colour_name(value) for value in kept]
    codes = {0: 0} | {value: code for code, value in enumerate(kept, start=1)} | dict.fromkeys(void, IGNORED)
    border = "; 255 is ignored" if void else ""
    what = "1 class" if len(kept) == 1 else f"{len(kept)} classes without names"
    note = f"Read the values of the masks as classes: 0 is the background, and there {_is(kept)} {what}{border}."
    return MaskReading(Coding.of(codes), ("background", *names), note, {})


def _is(kept: Sequence[int]) -> str:
    return "is" if len(kept) == 1 else "are"


def _colour_name(value: int) -> str:
    return str(value) if value < COLOURS else f"#{value - COLOURS:06x}"


def _named(values: Sequence[Sequence[int]], found: Sequence[int], table: ClassTable) -> MaskReading:
    names = dict(table.names)
    background = next((key for key, name in names.items() if name.lower() in BACKGROUNDS), None)
    if background is None and 0 in names:
        background = 0
    void = {VOID: IGNORED} if VOID not in names and VOID in found else {}
    order = [key for key in names if key != background]
    first = {} if background is None else {background: 0}
    codes = (first or {0: 0}) | {key: code for code, key in enumerate(order, start=1)} | void
    labels = ("background" if background is None else names[background], *(names[key] for key in order))
    unknown = {
        row: missing[0] for row, own in enumerate(values) if (missing := [value for value in own if value not in codes])
    }
    border = "; 255 is ignored" if void else ""
    note = f"Read the names of {len(labels)} classes from '{table.file}'{border}."
    return MaskReading(Coding.of(codes), labels, note, unknown)


def _all_values(paths: Sequence[Path]) -> list[list[int]]:
    """The distinct values of each mask; those that cannot be read have none."""

    def distinct(path: Path) -> list[int]:
        try:
            return [int(value) for value in np.unique(mask_values(path))]
        except ItemError:
            return []

    return _each(distinct, paths)


def _each(function: Callable[[Path], list[int]], paths: Sequence[Path]) -> list[list[int]]:
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(function, paths))


def _are_instances(paths: Sequence[Path]) -> bool:
    tops, shares, errors = [], [], []
    for path in evenly(paths, SAMPLE):
        try:
            values = mask_values(path)
        except ItemError as error:
            errors.append(error)
            continue
        top = int(values.max(initial=0))
        if top >= COLOURS:
            return False
        if top > 255:
            return True
        numbers, share = _pieces(values)
        if numbers:
            tops.append(numbers == list(range(1, len(numbers) + 1)) and top)
            shares.append(share)
    if not tops and errors:
        raise errors[0]
    # objects are numbered without gaps, each is one piece, and pictures differ in how many they have
    numbered = [top for top in tops if top]
    return (
        len(numbered) >= 0.8 * max(len(tops), 1)
        and len(set(numbered)) > 1
        and bool(np.mean(shares) >= CONNECTED)
        and max(numbered) > 2
    )


def _pieces(values: NDArray[np.int32]) -> tuple[list[int], float]:
    """The values above 0 of a mask, and the share of them whose pixels are one connected piece."""
    from scipy import ndimage

    numbers = [int(value) for value in np.unique(values) if value > 0]
    boxes = ndimage.find_objects(values)
    whole = 0
    for value in numbers:
        part = values[boxes[value - 1]] == value
        whole += ndimage.label(part, structure=np.ones((3, 3)))[1] == 1
    return numbers, whole / max(len(numbers), 1)
