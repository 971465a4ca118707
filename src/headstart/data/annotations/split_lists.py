"""Lists of names that state splits: a text file for each split with a picture's name in each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from headstart.data.annotations.location import Location, split_of
from headstart.data.annotations.remarks import Remarks
from headstart.data.schema import SPLITS
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural

__all__ = ["SplitLists"]

FOLDERS = ("splits", "imagesets", "image_sets", "main", "segmentation", "layout")
MOST_LINES = 10_000_000


class SplitLists:
    """The given split of pictures: lists ``train.txt``, ``val.txt`` and ``test.txt`` in a folder, else folder names.

    Lists of two splits, such as ``trainval.txt``, say nothing more and are not read.

    Args:
        location: the folder.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> root = Path(tempfile.mkdtemp())
        >>> for split in ("train", "test"):
        ...     _ = (root / f"{split}.txt").write_text(f"{split}_1")
        >>> SplitLists(Location(root)).of(["images/test_1.jpg", "images/other.jpg"], Remarks())
        ['test', '']
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._lists: dict[str, str] = {}  # the file of each split
        for name in location.with_suffix(".txt"):
            path = PurePosixPath(name)
            split = SPLITS.get(path.stem.lower())
            if split is None or not (len(path.parts) == 1 or path.parent.name.lower() in FOLDERS):
                continue
            # ImageSets/Main comes before ImageSets/Segmentation, and each split has one list
            self._lists.setdefault(split, name)

    def of(self, names: Sequence[str], remarks: Remarks) -> list[str] | None:
        """The split of each picture, empty where none is stated; None without splits.

        Args:
            names: POSIX paths of pictures below the folder.
            remarks: says where the split comes from.

        Raises:
            DataError: if a picture stands in two lists.
        """
        if not self._lists:
            found = [split_of(str(PurePosixPath(name).parent / "x")) or "" for name in names]
            if len(set(found) - {""}) < 2:
                return None
            remarks.say("Took the given split from the folders.")
            return found
        split = self._listed(names)
        used = name_some(self._lists.values())
        left = sum(not own for own in split)
        rest = f"; {plural(left, 'picture is', 'pictures are')} in none of them" if left else ""
        remarks.say(f"Took the given split from {used}{rest}.")
        return split

    def _listed(self, names: Sequence[str]) -> list[str]:
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            path = PurePosixPath(name)
            for key in {str(path), str(path.with_suffix("")), path.name, path.stem}:
                rows.setdefault(key, []).append(row)
        split = [""] * len(names)
        for own, file in self._lists.items():
            text, _ = self._location.text(file)
            for number, line in enumerate(text.splitlines()[:MOST_LINES], start=1):
                stated = re.sub(r"\s+-?[01]$", "", line.strip()).removeprefix("./")  # VOC: whether it shows a class
                found = rows.get(stated) or rows.get(PurePosixPath(stated or "-").name, [])
                for row in found if len(found) == 1 else []:
                    if split[row] not in ("", own):
                        raise DataError(
                            f"The picture '{stated}' in {self._location.title(file, number)} stands in the lists of "
                            f"'{split[row]}' and of '{own}'; a picture may be in one split only."
                        )
                    split[row] = own
        return split
