"""What writers of boxes and masks share: pictures copied under unique names, turns undone, splits as lists."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.annotations.picture_files import PictureFacts, picture_facts, turn_array, turn_boxes
from headstart.data.media.readers import read_image
from headstart.types import Dataset

__all__ = ["WrittenPicture", "plain_number", "stored_array", "stored_boxes", "write_pictures", "write_splits"]

INVERSE = {6: 8, 8: 6}  # all other turns are their own inverse
UNSAFE = str.maketrans(dict.fromkeys('<>:"|?*\\/\x00\n\r\t', "_"))


@dataclass(frozen=True)
class WrittenPicture:
    """A picture that was copied.

    Attributes:
        name: of its file, such as ``"a.jpg"``; its stem is unique.
        facts: its size and orientation.

    Examples:
        >>> WrittenPicture("a.jpg", PictureFacts((4, 3))).stem
        'a'
    """

    name: str
    facts: PictureFacts

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return PurePosixPath(self.name).stem


def write_pictures(dataset: Dataset, folder: Path, below: str = "images") -> list[WrittenPicture]:
    """Copy the pictures of a dataset; those in memory are written as PNG.

    Args:
        dataset: of pictures.
        folder: where to write.
        below: the folder inside it.

    Raises:
        ItemError: if a picture cannot be read.

    Examples:
        >>> import tempfile
        >>> data = Dataset([np.zeros((3, 4), np.uint8)], ("x/a.jpg",), "image")
        >>> write_pictures(data, Path(tempfile.mkdtemp()))
        [WrittenPicture(name='a.png', facts=PictureFacts(stored=(4, 3), turn=1))]
    """
    (folder / below).mkdir(parents=True, exist_ok=True)
    written = []
    for stem, item in zip(_stems(dataset.ids), dataset.items, strict=True):
        if isinstance(item, (str, os.PathLike)):
            facts = picture_facts(str(item))
            name = stem + Path(item).suffix.lower()
            shutil.copyfile(item, folder / below / name)
        else:
            image = read_image(item)
            facts, name = PictureFacts(image.size), f"{stem}.png"
            image.save(folder / below / name)
        written.append(WrittenPicture(name, facts))
    return written


def _stems(ids: Sequence[str]) -> list[str]:
    short = [PurePosixPath(name).stem.translate(UNSAFE) for name in ids]
    counts = Counter(stem.lower() for stem in short)
    stems = [
        stem if counts[stem.lower()] == 1 else str(PurePosixPath(name).with_suffix("")).translate(UNSAFE)
        for stem, name in zip(short, ids, strict=True)
    ]
    seen: Counter[str] = Counter()
    unique = []
    for stem in stems:
        seen[stem.lower()] += 1
        unique.append(stem if seen[stem.lower()] == 1 else f"{stem}_{seen[stem.lower()]}")
    return unique


def write_splits(dataset: Dataset, pictures: Sequence[WrittenPicture], folder: Path) -> None:
    r"""Write ``splits/SPLIT.txt`` with the names of the pictures, where the dataset has a given split.

    Args:
        dataset: n pictures.
        pictures: as `write_pictures` gave them.
        folder: where to write.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> data = Dataset(["a.jpg"], ("a.jpg",), "image", split=np.array(["test"]))
        >>> write_splits(data, [WrittenPicture("a.jpg", PictureFacts((4, 3)))], folder)
        >>> (folder / "splits" / "test.txt").read_text()
        'a\n'
    """
    if dataset.split is None:
        return
    (folder / "splits").mkdir(exist_ok=True)
    for split in ("train", "val", "test"):
        names = [picture.stem for picture, own in zip(pictures, dataset.split, strict=True) if own == split]
        if names:
            (folder / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def stored_boxes(xyxy: NDArray[np.float64], facts: PictureFacts) -> NDArray[np.float64]:
    """Boxes of the upright picture in the pixels as they are stored, which is what files state.

    Args:
        xyxy: (k, 4) left, top, right, bottom.
        facts: of the picture.

    Examples:
        >>> stored_boxes(np.array([[2.0, 0.0, 3.0, 2.0]]), PictureFacts((4, 3), 6)).tolist()
        [[0.0, 0.0, 2.0, 1.0]]
    """
    return turn_boxes(xyxy, facts.size, INVERSE.get(facts.turn, facts.turn))


def stored_array(values: NDArray[Any], facts: PictureFacts) -> NDArray[Any]:
    """An array of the upright picture as one of the pixels as they are stored.

    Args:
        values: (height, width) of the upright picture.
        facts: of the picture.

    Examples:
        >>> stored_array(np.array([[4, 1], [5, 2], [6, 3]]), PictureFacts((3, 2), 6)).tolist()
        [[1, 2, 3], [4, 5, 6]]
    """
    return np.ascontiguousarray(turn_array(values, INVERSE.get(facts.turn, facts.turn)))


def plain_number(value: float) -> str:
    """A number as text that is read back as the same number, without a fraction where there is none.

    Examples:
        >>> plain_number(12.0), plain_number(0.1)
        ('12', '0.1')
    """
    return str(int(value)) if value == int(value) else repr(float(value))
