"""Path columns: recognises strings that name files, and finds the files even if the table comes from elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from headstart.data.media.file_kinds import HEAD_BYTES, content_of, media_suffix
from headstart.data.text.unicode import normalized
from headstart.reporting.wording import plural
from headstart.types import Modality

__all__ = ["FilesFound", "describe_found", "evenly_spaced", "find_paths"]

SAMPLE = 50
HALF = 0.5  # share of the strings with a media extension, or that are files, for a column of paths
MAX_LENGTH = 1024
MAX_FILES = 100_000  # files of a folder to compare by name
EXAMPLES = 3
NOUNS = {"image": "pictures", "audio": "sounds"}


@dataclass(frozen=True)
class FilesFound:
    """The files that strings lead to.

    Attributes:
        root: the folder that most of the strings are relative to.
        modality: kind of most of the files.
        files: file paths relative to ``root`` by string, for strings that are not such paths as they stand.
        missing: the strings without a file.
        odd: the strings without an extension of this kind.
        count: number of strings.
    """

    root: Path
    modality: Modality
    files: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    count: int = 0


def evenly_spaced(values: Sequence[str], most: int = SAMPLE) -> Sequence[str]:
    """At most ``most`` of the values, evenly spaced.

    Examples:
        >>> evenly_spaced("abcdef", 3)
        'ace'
    """
    return values[:: max(1, -(-len(values) // most))]


def find_paths(
    values: Sequence[str], roots: Collection[Path], modality: Modality | None = None, *, search: bool = True
) -> FilesFound | None:
    r"""Find the files that strings name; None unless at least half of the strings are paths of pictures or sounds.

    A string counts as such a path by its extension, if at least one file exists, or by being a file. Each path is tried
    below each root as it stands (also with Windows separators), then by its last parts, because a table may contain
    paths of another computer, and then by names that differ only in case or Unicode normalization.

    Args:
        values: strings that are not blank.
        roots: folders that they may be relative to.
        modality: their kind, if known; then one existing file or one extension is enough.
        search: whether to search the folder for names that differ only in case or Unicode normalization.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.JPG").write_bytes(b""), (root / "b.jfif").write_bytes(b"")
        >>> find_paths(["C:\\photos\\a.jpg", "b.jfif"], [root]).files
        {'C:\\photos\\a.jpg': 'a.JPG'}
    """
    distinct = [value for value in dict.fromkeys(values) if len(value) <= MAX_LENGTH and "\x00" not in value]
    if not distinct or not roots or (modality is None and len(distinct) * 2 < len(dict.fromkeys(values))):
        return None
    kinds = Counter(media_suffix(_slashes(value)) for value in evenly_spaced(distinct, 1000))
    named = sum(count for kind, count in kinds.items() if kind is not None)
    by_name = named >= HALF * kinds.total() or (modality is not None and named > 0)
    # Fifty of the paths determine the root; then all of them are looked up there.
    probe = evenly_spaced(distinct)
    root, depth, found = _best_place(probe, roots)
    if found == 0 and not (by_name and search and _finder(probe, root)):
        return None
    if not by_name and found < (HALF * len(probe) if modality is None else 1):
        return None
    kind = modality or _commonest(kinds) or _commonest(Counter(_content(root / value) for value in probe))
    if kind not in NOUNS:
        return None
    finder = _Finder(root, is_empty=not search)
    return _resolve(distinct, depth, kind, len(values), finder)


def _commonest(kinds: Counter[Modality | None]) -> Modality | None:
    return next((kind for kind, _ in kinds.most_common() if kind is not None), None)


def _resolve(distinct: Sequence[str], depth: int, modality: Modality, count: int, finder: _Finder) -> FilesFound:
    files: dict[str, str] = {}
    missing: list[str] = []
    root = finder.root
    for value in distinct:
        name = _tail(value, depth)
        if not _is_file(root / name):
            name = finder.find(value) or name
            if not _is_file(root / name):
                missing.append(value)
                continue
        if name != value:
            files[value] = name
    odd = tuple(value for value in distinct if media_suffix(_slashes(value)) != modality)
    return FilesFound(root, modality, files, tuple(missing), odd, count)


def _slashes(value: str) -> str:
    return value.strip().replace("\\", "/")


def _tail(value: str, depth: int) -> str:
    """The last ``depth`` parts of a path; 0 for all of it as it stands."""
    if depth == 0:
        return value if "\\" not in value else _slashes(value)
    return "/".join(PurePosixPath(_slashes(value)).parts[-depth:])


def _best_place(probe: Sequence[str], roots: Iterable[Path]) -> tuple[Path, int, int]:
    """Where most of the strings are files: the root, how many last parts of the path count, and how many are found."""
    places = list(roots)
    best = (places[0], 0, -1)
    # First the path as it stands, then shorter and shorter tails, since a short tail may match the wrong file.
    for depth in (0, 3, 2, 1):
        for root in places:
            found = sum(_is_file(root / _tail(value, depth)) for value in probe)
            best = (root, depth, found) if found > best[2] else best
        if best[2] == len(probe):
            break
    return best


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _content(path: Path) -> Modality | None:
    try:
        with path.open("rb") as file:
            return content_of(file.read(HEAD_BYTES)).kind
    except (OSError, ValueError):
        return None


def _finder(probe: Sequence[str], root: Path) -> bool:
    finder = _Finder(root)
    return any(finder.find(value) is not None for value in probe)


class _Finder:
    """Finds files below a folder by names that differ only in case or Unicode normalization."""

    def __init__(self, root: Path, *, is_empty: bool = False) -> None:
        self.root = root
        self.files: dict[str, list[str]] | None = {} if is_empty else None

    def _listed(self) -> dict[str, list[str]]:
        files: dict[str, list[str]] = {}
        count = 0
        for here, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            prefix = "" if here == str(self.root) else Path(here).relative_to(self.root).as_posix() + "/"
            for name in sorted(names):
                files.setdefault(_plain(name), []).append(prefix + name)
            count += len(names)
            if count > MAX_FILES:
                break
        return files

    def find(self, value: str) -> str | None:
        """The only file whose path ends like a given path, compared by as many parts as needed; else None."""
        parts = PurePosixPath(_slashes(value)).parts
        if not parts:
            return None
        if self.files is None:
            self.files = self._listed()
        candidates = self.files.get(_plain(parts[-1]), [])
        for depth in range(2, len(parts) + 1):
            if len(candidates) < 2:
                break
            wanted = _plain("/".join(parts[-depth:]))
            candidates = [name for name in candidates if _plain(name).endswith(wanted)] or candidates
        return candidates[0] if len(candidates) == 1 else None


def _plain(name: str) -> str:
    return normalized(name).casefold()


def describe_found(found: FilesFound, column: str) -> list[str]:
    """Notes on the paths of a column that need to be reported: odd, missing and renamed files.

    Args:
        found: the files they lead to.
        column: name of the column.

    Examples:
        >>> describe_found(FilesFound(Path("p"), "image", {}, ("b.jpg",), (), 10), "image")
        ["In column 'image', 1 path leads to no file: 'b.jpg'."]
    """
    notes = []
    if found.odd:
        there = sum(1 for value in found.odd if value not in found.missing)
        which = plural(len(found.odd), "other cell does", "other cells do")
        notes.append(
            f"Read column '{column}' as paths of {NOUNS[found.modality]}, as most of its {found.count} cells end like "
            f"them; {which} not ({_some(found.odd)}), of which {there} {'is' if there == 1 else 'are'} files."
        )
    if found.missing:
        which = plural(len(found.missing), "path leads", "paths lead")
        notes.append(f"In column '{column}', {which} to no file: {_some(found.missing)}.")
    if found.files:
        value, name = next(iter(found.files.items()))
        which = plural(len(found.files), "path", "paths")
        notes.append(
            f"Found {which} of column '{column}' under a different name, such as '{value}' as '{found.root / name}'."
        )
    return notes


def _some(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values[:EXAMPLES]) + (", ..." if len(values) > EXAMPLES else "")
