"""Pictures that annotations belong to: where they are, and their size and orientation by their header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.annotations.location import Location
from headstart.data.media.file_kinds import content_of
from headstart.data.media.pictures import UnreadPictureError, open_picture_file, orientation
from headstart.data.media.readers import DAMAGED, MAX_IMAGE_BYTES, MAX_PIXELS, read_bytes
from headstart.data.text.unicode import normalized
from headstart.errors import ItemError

__all__ = [
    "PictureFacts",
    "PictureFinder",
    "evenly",
    "facts_of",
    "picture_facts",
    "safe_name",
    "turn_array",
    "turn_boxes",
]

HEAD = 2**18  # bytes that nearly always hold the header
SWAPPED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@dataclass(frozen=True)
class PictureFacts:
    """What the header of a picture says.

    Attributes:
        stored: (width, height) of the pixels in the file.
        turn: the EXIF orientation, 1 to 8; a picture is shown, and read, turned by it.

    Examples:
        >>> PictureFacts((40, 30), 6).size
        (30, 40)
    """

    stored: tuple[int, int]
    turn: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright picture, as `headstart.data.read_image` gives it."""
        return (self.stored[1], self.stored[0]) if self.turn in SWAPPED else self.stored

    def turn_for(self, stated: tuple[int, int] | None) -> int:
        """The turn that brings annotations to the upright picture.

        Tools differ in what they annotate: the pixels as stored, or the picture as it is shown. Where the stated size
        tells which, it decides; else the annotations are those of the stored pixels, as most tools write them.

        Args:
            stated: (width, height) that the annotation states, or None.
        """
        is_shown = self.turn in SWAPPED and stated == self.size and stated != self.stored
        return 1 if is_shown else self.turn


def picture_facts(item: Any) -> PictureFacts:
    """Size and orientation of a picture, of which only the header is read where that suffices.

    Args:
        item: a path or encoded bytes.

    Raises:
        ItemError: if it is no picture that can be read, or too large.

    Examples:
        >>> picture_facts(b"P5 2 1 255 " + bytes(2))
        PictureFacts(stored=(2, 1), turn=1)
    """
    if isinstance(item, (str, Path)):
        try:
            with Path(item).open("rb") as file:
                head = file.read(HEAD)
        except OSError:
            head = b""
        if len(head) == HEAD and content_of(head).name == "a JPEG picture":
            try:
                return _facts(head, str(item))
            except ItemError:
                pass  # a header longer than that
    return _facts(read_bytes(item, MAX_IMAGE_BYTES), str(item) if isinstance(item, (str, Path)) else None)


def _facts(raw: bytes, name: str | None) -> PictureFacts:
    from PIL import Image, UnidentifiedImageError

    title = f"'{name}'" if name else "the picture given"
    try:
        with open_picture_file(raw, name, MAX_PIXELS) as picture:
            # Pillow decodes a PNG to look for a late EXIF chunk
            has_turn = picture.format != "PNG" or b"eXIf" in raw
            return PictureFacts(picture.size, orientation(picture) if has_turn else 1)
    except UnidentifiedImageError as error:
        raise ItemError(f"Cannot read {title} as a picture: its content is not in a known image format.") from error
    except (UnreadPictureError, Image.DecompressionBombError, *DAMAGED) as error:
        reason = " ".join(str(error).split()).rstrip(".") or "it is damaged"
        raise ItemError(f"Cannot read {title} as a picture: {reason}.") from error


def turn_boxes(xyxy: NDArray[np.float64], stored: tuple[int, int], turn: int) -> NDArray[np.float64]:
    """Boxes (k, 4) of the stored pixels in the upright picture.

    Args:
        xyxy: left, top, right, bottom.
        stored: (width, height) of the stored pixels.
        turn: EXIF orientation.

    Examples:
        >>> turn_boxes(np.array([[0.0, 0.0, 2.0, 1.0]]), (4, 3), 6).tolist()
        [[2.0, 0.0, 3.0, 2.0]]
    """
    x0, y0, x1, y1 = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4).T
    width, height = stored
    sides = {
        1: (x0, y0, x1, y1), 2: (width - x1, y0, width - x0, y1), 3: (width - x1, height - y1, width - x0, height - y0),
        4: (x0, height - y1, x1, height - y0), 5: (y0, x0, y1, x1), 6: (height - y1, x0, height - y0, x1),
        7: (height - y1, width - x1, height - y0, width - x0), 8: (y0, width - x1, y1, width - x0),
    }  # fmt: skip
    return np.stack(sides.get(turn, sides[1]), axis=1)


def turn_array(values: NDArray[Any], turn: int) -> NDArray[Any]:
    """An array (height, width) of the stored pixels as that of the upright picture.

    Examples:
        >>> turn_array(np.array([[1, 2, 3], [4, 5, 6]]), 6).tolist()
        [[4, 1], [5, 2], [6, 3]]
    """
    turned = {
        1: values, 2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1], 5: values.T,
        6: values[::-1].T, 7: values[::-1, ::-1].T, 8: values.T[::-1],
    }  # fmt: skip
    return turned.get(turn, values)


INVERSE_TURNS = {6: 8, 8: 6}


def safe_name(name: str) -> str | None:
    r"""A path that an annotation file states, with slashes and without what leaves the folder; None if nothing is left.

    Examples:
        >>> safe_name("..\\photos\\a.jpg"), safe_name("/etc/passwd"), safe_name("..")
        ('photos/a.jpg', 'etc/passwd', None)
    """
    plain = name.strip().replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".", "..") and not part.endswith(":")]
    return "/".join(parts) or None if "\0" not in plain and len(plain) <= 4096 else None


class PictureFinder:
    """Finds the pictures that annotation files name: by path, by the last parts of a path, by name, by stem.

    Only files below the folder are found, whatever a file states.

    Args:
        pictures: POSIX paths below the folder.

    Examples:
        >>> finder = PictureFinder(["images/a.JPG", "images/b.jpg"])
        >>> finder.find("/home/me/a.jpg"), finder.find("b"), finder.find("../c.jpg")
        ('images/a.JPG', 'images/b.jpg', None)
    """

    def __init__(self, pictures: Iterable[str]) -> None:
        self.pictures = tuple(pictures)
        self._known = set(self.pictures)
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for path in self.pictures:
            name = PurePosixPath(path)
            self._by_name.setdefault(_plain(name.name), []).append(path)
            self._by_stem.setdefault(_plain(name.stem), []).append(path)

    def find(self, stated: str, beside: str = "") -> str | None:
        """The picture that a path, a file name or a stem leads to; None if there is none, or several fit equally well.

        Args:
            stated: what the annotation file says.
            beside: the path of the annotation file, whose own folder and its neighbours come first.
        """
        name = safe_name(stated)
        if name is None:
            return None
        folder = str(PurePosixPath(beside).parent) if beside else "."
        for candidate in (name, f"{folder}/{name}" if folder != "." else name):
            if candidate in self._known:
                return candidate
        path = PurePosixPath(name)
        found = self._by_name.get(_plain(path.name)) or self._by_stem.get(_plain(path.name))
        found = found or self._by_stem.get(_plain(path.stem), [])
        return _best(found, path, folder)


def _best(found: Sequence[str], stated: PurePosixPath, folder: str) -> str | None:
    """Of pictures with a fitting name, the one whose folders agree most with the stated path, then with the file's."""
    if len(found) < 2:
        return found[0] if found else None
    own = [part.lower() for part in stated.parts[:-1]]
    near = [part.lower() for part in PurePosixPath(folder).parts]

    def agreement(path: str) -> tuple[int, int]:
        parts = [part.lower() for part in PurePosixPath(path).parts[:-1]]
        tail = 0
        while tail < min(len(parts), len(own)) and parts[-1 - tail] == own[-1 - tail]:
            tail += 1
        return tail, len(set(parts) & set(near))

    ranked = sorted(found, key=agreement, reverse=True)
    return ranked[0] if agreement(ranked[0]) > agreement(ranked[1]) else None


def _plain(name: str) -> str:
    return normalized(name).casefold()


def evenly(values: Sequence[Any], most: int) -> Sequence[Any]:
    """At most ``most`` of the values, evenly spaced.

    Args:
        values: any sequence.
        most: how many at most.

    Examples:
        >>> evenly("abcdef", 3)
        'ace'
    """
    return values[:: max(1, -(-len(values) // most))]


def facts_of(location: Location, name: str) -> PictureFacts:
    """`picture_facts` of one of a location's pictures, named in messages as the user knows it.

    Args:
        location: the folder.
        name: POSIX path of the picture in it.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.pgm").write_bytes(b"P5 2 1 255 " + bytes(2))
        >>> facts_of(Location(root), "a.pgm").size
        (2, 1)
    """
    try:
        return picture_facts(location.file(name))
    except ItemError as error:
        raise ItemError(str(error).replace(f"'{location.file(name)}'", location.title(name))) from error
