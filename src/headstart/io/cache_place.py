"""Where the cache is, and that nobody else can read it: it holds rows of private items and whole private archives."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from headstart.errors import ParameterError

__all__ = ["cache_folder", "is_private", "make_folder", "make_private"]

PARTS = ("features", "bodies", "archives", "rankings", "trainings")
OTHERS = 0o077
ANYBODY_WRITES = 0o002


def cache_folder() -> Path:
    """Where the cache is: the environment variable HEADSTART_CACHE, else ``headstart`` in the user's cache folder.

    That is ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS and ``%LOCALAPPDATA%`` on
    Windows. The folder need not exist. What is in it is for its owner alone: folders and files that others may read
    are tightened the first time.

    Raises:
        ParameterError: if it belongs to somebody else, or anybody may write to it and it holds other things too.

    Examples:
        >>> cache_folder().is_absolute()
        True
    """
    place = _place()
    if os.name == "posix":
        _secure(place)
    return place


def _place() -> Path:
    named = os.environ.get("HEADSTART_CACHE")
    return Path(named).expanduser().absolute() if named else _user_cache() / "headstart"


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


@lru_cache(maxsize=64)
def _secure(place: Path) -> None:
    """Refuse a cache of somebody else; make_private one of ours. A folder with other things in it stays as it is."""
    try:
        about, names = place.stat(), {path.name for path in place.iterdir()}
    except OSError:  # not there yet, or not to be read: whoever uses it says so
        return
    if about.st_uid not in (os.geteuid(), os.getuid()) and os.geteuid() != 0:
        raise ParameterError(
            f"The cache folder '{place}' belongs to another user, who could read and change what is kept there; name "
            "one of your own with the environment variable HEADSTART_CACHE."
        )
    ours = all(name in PARTS or name.startswith(".") for name in names)
    if about.st_mode & ANYBODY_WRITES and not ours:
        raise ParameterError(
            f"Anybody may write to the cache folder '{place}', which holds other things too; name a folder of its own "
            "with the environment variable HEADSTART_CACHE."
        )
    with suppress(OSError):  # not ours to change
        if ours and about.st_mode & OTHERS:
            place.chmod(0o700)
        for name in names & set(PARTS):
            if (place / name).stat().st_mode & OTHERS:
                make_private(place / name)


def make_private(folder: Path) -> None:
    """Give a folder and all below it to their owner alone; links stay as they are.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "a").touch(0o644)
        >>> make_private(folder)
        >>> oct((folder / "a").stat().st_mode & 0o777)
        '0o600'
    """
    for here, folders, files in os.walk(folder):
        for names, mode in ((folders, 0o700), (files, 0o600)):
            for name in names:
                path = Path(here, name)
                with suppress(OSError):  # gone in this moment, or not ours
                    if not path.is_symlink():
                        path.chmod(mode)
    with suppress(OSError):
        folder.chmod(0o700)


def is_private(path: Path) -> bool:
    """Whether a path lies in the cache, so that its owner alone may read it.

    Examples:
        >>> is_private(cache_folder() / "features" / "ab12"), is_private(Path("run"))
        (True, False)
    """
    try:
        inside = path.absolute().relative_to(_place()).parts
    except ValueError:
        return False
    return bool(inside) and inside[0] in PARTS


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; in the cache for the owner alone.

    Raises:
        OSError: if it cannot be made.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "a" / "b"
        >>> make_folder(folder)
        >>> folder.is_dir()
        True
    """
    if not is_private(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return
    place = _place()
    place.parent.mkdir(parents=True, exist_ok=True)
    for level in [*reversed([above for above in folder.absolute().parents if above.is_relative_to(place)]), folder]:
        level.mkdir(mode=0o700, exist_ok=True)
