"""Names of the classes of masks: lists of names and colour tables beside them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from headstart.data.annotations.location import Location
from headstart.data.annotations.masks.values import colour_key
from headstart.errors import DataError

__all__ = ["ClassTable", "class_table"]

LISTS = ("classes.txt", "class_names.txt", "codes.txt", "labels.txt", "names.txt", "label_names.txt", "objectlist.txt")
TABLES = ("class_dict.csv", "_classes.csv", "classes.csv", "label_colors.txt", "labelmap.txt", "color_map.csv")
BACKGROUNDS = ("background", "_background_", "void", "__background__", "bg")
MOST_CLASSES = 4096
MOST_BYTES = 2**20


@dataclass(frozen=True)
class ClassTable:
    """Names of classes by value.

    Attributes:
        names: by value or colour key, in the order of the file.
        file: where they were read.
    """

    names: dict[int, str]
    file: str


def class_table(location: Location) -> ClassTable | None:
    r"""The list or colour table of classes in a folder; None if there is none.

    Lists of names (``classes.txt``, ``codes.txt``) name the values 0, 1, 2, ... Tables give a value
    (``_classes.csv``: value, class) or a colour (``class_dict.csv``: name, r, g, b; ``labelmap.txt`` of CVAT:
    name:r,g,b::).

    Args:
        location: the folder.

    Raises:
        DataError: with the line that cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "class_dict.csv").write_text("name,r,g,b\nsky,128,128,128\n")
        >>> class_table(Location(root)).names
        {128: 'sky'}
    """
    for wanted in (*TABLES, *LISTS):
        for name in location.files:
            path = PurePosixPath(name)
            if path.name.lower() == wanted and len(path.parts) <= 2:
                text = location.content(name, MOST_BYTES).decode("utf-8-sig", "replace")
                lines = [(k, line.strip()) for k, line in enumerate(text.splitlines(), 1) if line.strip()]
                names = _listed(lines) if wanted in LISTS else _coloured(lines, name, location)
                if len(names) > MOST_CLASSES:
                    raise DataError(f"{location.title(name)} names more than {MOST_CLASSES} classes.")
                if names:
                    return ClassTable(names, name)
    return None


def _listed(lines: list[tuple[int, str]]) -> dict[int, str]:
    return {value: line for value, (_, line) in enumerate(lines)}


def _coloured(lines: list[tuple[int, str]], name: str, location: Location) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, line in lines:
        if line.startswith("#"):
            continue
        numbers, label = _row(line)
        if label is None:
            continue
        if len(numbers) not in (1, 3):
            if number == lines[0][0]:  # the header
                continue
            raise DataError(
                f"Cannot read {location.title(name, number)}: it must hold a class with its value or its colour (red, "
                f"green, blue), but it holds {line[:60]!r}; correct the line."
            )
        if any(not 0 <= value <= 65535 for value in numbers):
            raise DataError(f"The colour in {location.title(name, number)} must be of numbers from 0 to 255.")
        key = numbers[0] if len(numbers) == 1 else int(colour_key(*numbers))
        names[key] = label
    return names


def _row(line: str) -> tuple[list[int], str | None]:
    """Numbers and the first text of a line that is separated by commas, colons, tabs or spaces."""
    if ":" in line:
        label, _, rest = line.partition(":")
        cells = [label.strip(), *re.split(r"[,\s]+", rest.split(":")[0].strip())]
    else:
        cells = [cell.strip() for cell in next(csv.reader([line]))] if "," in line else re.split(r"\s+", line)
    numbers = [int(cell) for cell in cells if re.fullmatch(r"\d{1,5}", cell)]
    texts = [cell for cell in cells if cell and not re.fullmatch(r"\d{1,5}", cell)]
    return numbers, texts[0] if texts else None
