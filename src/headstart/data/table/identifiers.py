"""Identifier columns, and the files that they name without an extension."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.data.naming.label_names import label_name
from headstart.data.schema import MEDIA
from headstart.data.text.nearly_all import NEARLY_ALL
from headstart.types import Modality

__all__ = ["NamedFiles", "are_identifiers", "find_files"]

MAX_FOLDERS = 20  # with more, the folder is probably not one data set


@dataclass(frozen=True)
class NamedFiles:
    """Files that identifiers stand for.

    Attributes:
        root: the folder of the files.
        modality: kind of the files.
        names: file names by identifier, for those that have a file.

    Examples:
        >>> NamedFiles(Path("train"), "image", {"7f": "7f.jpg"}).names["7f"]
        '7f.jpg'
    """

    root: Path
    modality: Modality
    names: Mapping[str, str]


def are_identifiers(values: Sequence[Any]) -> bool:
    """Whether 90% of the values are distinct, and 90% are single words without an extension or whole numbers.

    Examples:
        >>> are_identifiers(["7f", "8a"]), are_identifiers(["two words", "8a"]), are_identifiers(["7f.png", "8a.png"])
        (True, False, False)
    """
    if not values or len(set(map(str, values))) < NEARLY_ALL * len(values):
        return False
    return sum(map(_is_identifier, values)) >= NEARLY_ALL * len(values)


def _is_identifier(value: object) -> bool:
    if isinstance(value, str):
        return value.split() == [value] and _kind(value) is None
    return not isinstance(value, bool) and isinstance(value, (int, float)) and label_name(value).lstrip("-").isdecimal()


def find_files(values: Collection[Any], roots: Collection[Path], modality: Modality | None) -> NamedFiles | None:
    """Find the files that identifiers name, in the folder that has most of them.

    Args:
        values: identifiers, possibly with folders in front (``train/7f``).
        roots: folders to search, each with its sub-folders (such as train and test) if there are at most 20.
        modality: kind of the files; None for pictures or sounds.

    Returns:
        The files, or None if there are none.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "train").mkdir()
        >>> _ = (root / "train" / "7f.JPG").write_bytes(b"")
        >>> find_files(["7f", "8a"], [root], None).names
        {'7f': '7f.JPG'}
    """
    # Group by folder and list each folder once: a look-up per file is slow on network drives.
    wanted: dict[str, dict[str, str]] = {}
    for value in map(label_name, values):
        parent, _, stem = value.replace("\\", "/").rpartition("/")
        wanted.setdefault(parent, {})[stem] = value
    kinds = sorted(set(MEDIA.values()) if modality is None else {modality} & set(MEDIA.values()), reverse=True)
    best: NamedFiles | None = None
    for folder in dict.fromkeys(found for root in roots for found in _with_folders(root)):
        found = _files(folder, wanted)
        for kind in kinds:
            names = found.get(kind, {})
            if names and (best is None or len(names) > len(best.names)):
                best = NamedFiles(folder, kind, names)
    return best


def _kind(name: str) -> Modality | None:
    return MEDIA.get(Path(name).suffix.lower())


def _with_folders(root: Path) -> list[Path]:
    folders = [root / name for name in _entries(root) if not name.startswith((".", "__")) and (root / name).is_dir()]
    return [root, *folders] if len(folders) <= MAX_FOLDERS else [root]


def _entries(folder: Path) -> list[str]:
    """The names in a folder; empty if it cannot be listed, just as `Path.is_file` is False there."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _files(folder: Path, wanted: Mapping[str, Mapping[str, str]]) -> dict[Modality, dict[str, str]]:
    """The wanted files below a folder by kind; if a name has two extensions, the alphabetically first one."""
    found: dict[Modality, dict[str, str]] = {}
    for parent, values in wanted.items():
        for name in _entries(folder / parent):
            kind, value = _kind(name), values.get(Path(name).stem)
            if kind is not None and value is not None:
                found.setdefault(kind, {}).setdefault(value, f"{parent}/{name}" if parent else name)
    return found
