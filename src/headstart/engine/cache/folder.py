"""The cache folder: its entries, its size limit, and which entries are removed first.

::

    $HEADSTART_CACHE/
        bodies/KEY/      a converted body
        features/KEY/    the feature rows of one body
        archives/KEY/    an unpacked tar or zip
        rankings/KEY/    how fast a source encodes, or results of a ranking
        trainings/KEY/   the checkpoint of a training run that has not finished

Each KEY is an entry. It can be removed at any time, even while other processes use it: they keep the files that they
have open and start a new entry for later results.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import ModelFolderError, ParameterError
from headstart.io import cache_folder, make_folder, read_json

__all__ = [
    "ABOUT",
    "CacheEntry",
    "cache_entries",
    "cache_limit",
    "entry_folder",
    "make_room",
    "mark_used",
    "parse_size",
    "prune",
    "remove_entry",
    "sweep",
    "training_entry",
    "write_about",
]

ABOUT = "about.json"
KINDS = {
    "features": "features", "body": "bodies", "archive": "archives", "ranking": "rankings", "training": "trainings",
}  # fmt: skip
MARKS = (ABOUT, "data.mdb", "facts.json")  # an entry of features or of a body holds one of these files
LIMITED = ("features", "body")  # not archives: a job that is running may still read files of an unpacked one
MAX_LIMIT = 20 * 2**30  # bytes
DISK_SHARE = 0.1
LEFTOVER_SECONDS = 3600.0  # a half-written file that has not changed for this long is abandoned
TRASH = ".trash-"
LEFTOVERS = (TRASH, ".partial-", ".old-")
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


@dataclass(frozen=True)
class CacheEntry:
    """One entry of the cache.

    Attributes:
        kind: ``"features"``, ``"body"``, ``"archive"``, ``"ranking"`` or ``"training"``.
        key: the name of its folder.
        folder: where it is.
        about: its description (for features: source, form and width); may be empty.
        bytes: its size on disk.
        last_used: Unix time in seconds.
    """

    kind: str
    key: str
    folder: Path
    about: Mapping[str, Any]
    bytes: int
    last_used: float


def entry_folder(kind: str, key: str) -> Path:
    """The folder of an entry, which need not exist.

    Args:
        kind: ``"features"``, ``"body"``, ``"archive"``, ``"ranking"`` or ``"training"``.
        key: its name.

    Examples:
        >>> entry_folder("body", "ab12").relative_to(cache_folder()).as_posix()
        'bodies/ab12'
    """
    return cache_folder() / KINDS[kind] / key


def parse_size(text: str) -> int:
    """Bytes in a size such as ``"5GB"``, ``"512 MiB"`` or ``"1000"``; GB is 10^9 and GiB 2^30 bytes.

    Raises:
        ParameterError: if the text is not a size.

    Examples:
        >>> parse_size("5GB"), parse_size("1.5 KiB")
        (5000000000, 1536)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?)?B?\s*", text.upper(), flags=re.ASCII)
    if match is None:
        raise ParameterError(f"A size must be a number with KB, MB, GB or TB, such as '5GB'. Got {text!r} instead.")
    return int(float(match.group(1)) * UNITS[match.group(2) or ""])


def training_entry(key: str, source: str, form: str) -> Path:
    """The folder for the checkpoints of a training run. A killed run stays listed, and can be pruned.

    Args:
        key: identifies the training run.
        source: the name of the source whose body is trained.
        form: how it is trained, in a word or two.

    Examples:
        >>> training_entry("ab12", "toy", "fine-tuning").relative_to(cache_folder()).as_posix()
        'trainings/ab12'
    """
    folder = entry_folder("training", key)
    with suppress(OSError):  # a cache that cannot be written is reported when a checkpoint is saved
        make_folder(folder)
        write_about(folder, {"source": source, "form": form})
    return folder


def cache_limit() -> int:
    """Bytes that bodies and features may take: HEADSTART_CACHE_LIMIT, else 20 GiB or a tenth of the disk if smaller.

    Raises:
        ParameterError: if the environment variable is not a size.

    Examples:
        >>> cache_limit() <= 20 * 2**30
        True
    """
    named = os.environ.get("HEADSTART_CACHE_LIMIT")
    if named:
        try:
            return parse_size(named)
        except ParameterError as error:
            raise ParameterError(f"The environment variable HEADSTART_CACHE_LIMIT cannot be read: {error}") from None
    places = (cache_folder(), *cache_folder().parents)
    try:  # unlike Path.is_dir, os.path.isdir never raises
        there = next(place for place in places if os.path.isdir(place))  # noqa: PTH112
        return min(MAX_LIMIT, int(DISK_SHARE * shutil.disk_usage(there).total))
    except (OSError, StopIteration):
        return MAX_LIMIT


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Record what an entry is, unless that is recorded already.

    Args:
        folder: the entry's folder, which exists.
        about: plain JSON values, such as source, form and width.

    Raises:
        OSError: if it cannot be written.

    Examples:
        >>> import tempfile
        >>> write_about(Path(tempfile.mkdtemp()), {"source": "toy"})
    """
    path = folder / ABOUT
    if not about or path.exists():
        return
    scratch = folder / f".{ABOUT}.partial-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    scratch.write_text(json.dumps(dict(about), ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    scratch.chmod(0o600)
    scratch.replace(path)


def mark_used(folder: Path) -> None:
    """Mark an entry as used now; the least recently used entries are removed first.

    Args:
        folder: the entry's folder.

    Examples:
        >>> import tempfile
        >>> mark_used(Path(tempfile.mkdtemp()))
    """
    path = folder / ABOUT
    try:
        os.utime(path if path.exists() else folder)
    except OSError:  # removed by another process, or not ours to write: the order is then only approximate
        return


def cache_entries(kinds: tuple[str, ...] = tuple(KINDS)) -> list[CacheEntry]:
    """The entries of the cache, the most recently used first.

    Args:
        kinds: which kinds of entries.

    Examples:
        >>> all(entry.kind == "body" for entry in cache_entries(("body",)))
        True
    """
    found = [_entry(kind, folder) for kind in kinds for folder in _folders(cache_folder() / KINDS[kind])]
    return sorted((entry for entry in found if entry), key=lambda entry: (-entry.last_used, entry.key))


def _folders(parent: Path) -> Iterator[Path]:
    try:
        found = sorted(parent.iterdir())
    except OSError:
        return
    yield from (folder for folder in found if not folder.name.startswith(".") and _is_entry(folder))


def _is_entry(folder: Path) -> bool:
    """Whether a folder was created by Headstart: HEADSTART_CACHE may name one that holds other files too."""
    if folder.parent.name == KINDS["archive"]:
        return re.fullmatch("[0-9a-f]{24}", folder.name) is not None and folder.is_dir()
    return any((folder / name).exists() for name in MARKS) or any(folder.glob("choice-*.json"))


def _entry(kind: str, folder: Path) -> CacheEntry | None:
    try:
        path = folder / ABOUT
        used = (path if path.exists() else folder).stat().st_mtime
    except OSError:  # another process has just removed it
        return None
    try:
        about = read_json(path)
    except (ModelFolderError, OSError):
        about = {}
    return CacheEntry(kind, folder.name, folder, about, _size(folder), used)


def _size(folder: Path) -> int:
    """Bytes on disk; holes of sparse files take none."""
    total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                about = os.lstat(os.path.join(here, name))  # noqa: PTH118 (a million files of an archive)
            except OSError:
                continue
            # st_blocks counts units of 512 bytes, and leaves out the holes of a sparse file
            total += min(about.st_size, getattr(about, "st_blocks", about.st_size) * 512)
    return total


def remove_entry(folder: Path) -> bool:
    """Remove an entry, even while other processes use it: they keep the files that they have open.

    Args:
        folder: the entry's folder.

    Returns:
        Whether it existed and could be removed.

    Examples:
        >>> remove_entry(Path("nowhere"))
        False
    """
    trash = folder.with_name(f"{TRASH}{folder.name}-{uuid.uuid4().hex[:8]}")
    try:  # renamed first, so that no process opens an entry that is half deleted
        folder.rename(trash)
    except OSError:
        return False
    shutil.rmtree(trash, ignore_errors=True)
    return True


def prune(limit: int = 0, *, kinds: tuple[str, ...] = tuple(KINDS), keep: Path | None = None) -> list[CacheEntry]:
    """Remove leftovers, and the least recently used entries until the others take at most ``limit`` bytes.

    Args:
        limit: bytes that may stay.
        kinds: which kinds of entries count and may be removed.
        keep: the folder of an entry that is never removed.

    Returns:
        The entries that were removed.

    Examples:
        >>> prune(10**15)
        []
    """
    sweep()
    entries = cache_entries(kinds)
    total = sum(entry.bytes for entry in entries)
    removed = []
    for entry in reversed(entries):
        if total <= limit:
            break
        if entry.folder != keep and remove_entry(entry.folder):
            total -= entry.bytes
            removed.append(entry)
    return removed


def make_room(wanted: int, *, keep: Path, limit: int | None = None) -> int:
    """Bytes by which the cache may grow; other entries are removed if less than ``wanted`` is free.

    Args:
        wanted: bytes.
        keep: the folder of the entry that grows.
        limit: bytes that bodies and features may take together; None for `cache_limit`.

    Raises:
        ParameterError: with ``limit=None``, if HEADSTART_CACHE_LIMIT is not a size.

    Examples:
        >>> make_room(1, keep=entry_folder("features", "ab12")) >= 1
        True
    """
    limit = cache_limit() if limit is None else limit
    free = limit - _used()
    if free < wanted:
        prune(max(0, limit - wanted), kinds=LIMITED, keep=keep)
        free = limit - _used()
    return max(0, free)


def _used() -> int:
    return sum(_size(folder) for kind in LIMITED for folder in _folders(cache_folder() / KINDS[kind]))


def sweep() -> None:
    """Remove what killed processes left: trash, and half-written files and folders older than an hour.

    Examples:
        >>> sweep()
    """
    for kind, name in KINDS.items():
        inside = () if kind == "archive" else (cache_folder() / name).glob("*/.*")  # never look inside archives
        for path in (*(cache_folder() / name).glob(".*"), *inside):
            if any(mark in path.name for mark in LEFTOVERS) and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)
                _unlink(path)


def _is_abandoned(path: Path) -> bool:
    if path.name.startswith(TRASH):
        return True
    newest = 0.0
    try:
        for one in (path, *path.rglob("*")):
            newest = max(newest, one.lstat().st_mtime)
    except OSError:  # it is changing now
        return False
    return time.time() - newest > LEFTOVER_SECONDS


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # a folder that could not be emptied, or not ours: the next sweep tries again
        return
