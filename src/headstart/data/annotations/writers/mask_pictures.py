"""The writer of masks as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.annotations import IGNORED
from headstart.data.annotations.masks.coding import VOID
from headstart.data.annotations.writers.pictures import stored_array, write_pictures, write_splits
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["voc_palette", "write_masks"]


def write_masks(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Write ``images/``, ``labels/NAME.png`` with indexed classes, ``instances/NAME.png`` and ``classes.txt``.

    Ignored pixels have the value 255; numbers of objects are written with 16 bits, where a mask has them.

    Args:
        dataset: of masks.
        folder: an empty folder.

    Raises:
        DataError: if there are more than 254 classes or, in one mask, more than 65,535 objects.

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
    from PIL import Image

    task, y = dataset.labelled()
    if len(task.labels) > VOID:
        raise DataError(f"Masks with 8 bits hold 254 classes and the background at most. Got {len(task.labels) - 1}.")
    pictures = write_pictures(dataset, folder)
    (folder / "labels").mkdir()
    for picture, mask in zip(pictures, y, strict=True):
        classes = mask.classes()
        values = stored_array(np.where(classes == IGNORED, VOID, classes).astype(np.uint8), picture.facts)
        indexed = Image.fromarray(values)
        indexed.putpalette(voc_palette())
        indexed.save(folder / "labels" / f"{picture.stem}.png")
        objects = mask.instances()
        if objects is not None:
            if objects.max(initial=0) > 65535:
                raise DataError(f"The mask of '{picture.name}' has more than 65535 objects.")
            (folder / "instances").mkdir(exist_ok=True)
            numbers = stored_array(objects.astype(np.uint16), picture.facts)
            Image.fromarray(numbers).save(folder / "instances" / f"{picture.stem}.png")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in task.labels), encoding="utf-8")
    write_splits(dataset, pictures, folder)
    return ()


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
