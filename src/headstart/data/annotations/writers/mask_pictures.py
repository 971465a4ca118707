"""The writer of masks as pictures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED, Mask
from headstart.data.annotations.masks.coding import VOID
from headstart.data.annotations.writers.pictures import WrittenPicture, stored_array, write_pictures, write_splits
from headstart.errors import DataError
from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = ["voc_palette", "write_masks"]

MOST_OBJECTS = 65_535  # of a mask with 16 bits


def write_masks(dataset: Dataset, folder: Path, values: str = "classes") -> tuple[str, ...]:
    """Write ``images/`` and ``labels/NAME.png``.

    Args:
        dataset: of masks.
        folder: an empty folder.
        values: of the files in ``labels/``: ``"classes"`` (indexed, with ``classes.txt``, and 255 for ignored pixels)
            or ``"colours"`` (RGB, with ``class_dict.csv``), both with numbers of objects of 16 bits in ``instances/``
            where a mask has them; or ``"instances"``: these numbers alone.

    Returns:
        What the files cannot hold, one sentence each.

    Raises:
        DataError: if there are more than 254 classes or, in one mask, more than 65,535 objects; for ``"instances"``
            also if a mask does not tell objects apart.

    Examples:
        >>> import tempfile
        >>> from headstart.annotations import MaskArray
        >>> from headstart.types import Task
        >>> folder = Path(tempfile.mkdtemp())
        >>> y = np.array([MaskArray(np.eye(3, dtype=np.int16))], object)
        >>> data = Dataset([np.zeros((3, 3), np.uint8)], ("a",), "image", Task("mask", ("background", "line")), y)
        >>> write_masks(data, folder), sorted(path.name for path in folder.iterdir())
        ((), ['classes.txt', 'images', 'labels'])
    """
    task, y = dataset.labelled()
    if len(task.labels) > VOID:
        raise DataError(f"Masks with 8 bits hold 254 classes and the background at most. Got {len(task.labels) - 1}.")
    pictures = write_pictures(dataset, folder)
    ignored = 0
    for picture, mask in zip(pictures, y, strict=True):
        numbers = _numbers(mask, picture)
        if values == "instances":
            if numbers is None:
                raise DataError(
                    f"The mask of '{picture.name}' does not tell objects apart; write it with values=classes."
                )
            _save(numbers, folder / "labels", picture)
            continue
        classes = mask.classes()
        ignored += int(values == "colours" and bool((classes == IGNORED).any()))
        stored = stored_array(np.where(classes == IGNORED, VOID, classes).astype(np.uint8), picture.facts)
        _save(stored, folder / "labels", picture, is_coloured=values == "colours")
        if numbers is not None:
            _save(numbers, folder / "instances", picture)
    write_splits(dataset, pictures, folder)
    if values == "instances":
        return _lost(task.labels)
    _write_names(task.labels, folder, is_coloured=values == "colours")
    which = plural(ignored, "mask holds", "masks hold")
    return (f"{which} ignored pixels, whose colour has no name; they are read as ignored.",) if ignored else ()


def _lost(labels: Sequence[str]) -> tuple[str, ...]:
    stated = "Values number the objects; state --annotations masks,values=instances where they are read."
    return (stated, *(["Numbers of objects hold no classes."] if len(labels) > 2 else []))


def _numbers(mask: Mask, picture: WrittenPicture) -> NDArray[np.uint16] | None:
    """Numbers of objects as they are stored; None where objects are not told apart."""
    objects = mask.instances()
    if objects is None:
        return None
    if objects.max(initial=0) > MOST_OBJECTS:
        raise DataError(f"The mask of '{picture.name}' has more than {MOST_OBJECTS} objects.")
    return stored_array(objects.astype(np.uint16), picture.facts)


def _save(values: NDArray[Any], folder: Path, picture: WrittenPicture, *, is_coloured: bool = False) -> None:
    """A mask as PNG: 16 bits as they are, 8 bits as indices of a palette, or as its colours."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    image = Image.fromarray(values)
    if values.dtype == np.uint8:
        image.putpalette(voc_palette())
    (image.convert("RGB") if is_coloured else image).save(folder / f"{picture.stem}.png")


def _write_names(labels: Sequence[str], folder: Path, *, is_coloured: bool) -> None:
    if not is_coloured:
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in labels), encoding="utf-8")
        return
    odd = next((name for name in labels if name.strip().isdigit() or ":" in name or name.startswith("#")), None)
    if odd is not None:
        raise DataError(f"A table of colours cannot name the class '{odd}'; write the masks with values=classes.")
    levels = voc_palette()
    with (folder / "class_dict.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", "r", "g", "b"])
        table.writerows([name, *levels[3 * code : 3 * code + 3]] for code, name in enumerate(labels))


def voc_palette() -> list[int]:
    """The 256 colours of Pascal VOC's masks, three levels each, in which neighbouring classes differ.

    Examples:
        >>> voc_palette()[:9]
        [0, 0, 0, 128, 0, 0, 0, 128, 0]
    """
    levels = []
    for index in range(256):
        colour, rest = [0, 0, 0], index
        for shift in range(7, -1, -1):
            for channel in range(3):
                colour[channel] |= ((rest >> channel) & 1) << shift
            rest >>= 3
        levels += colour
    return levels
