"""The location of the cache and its permissions: it holds private data, so only its owner may read it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from headstart.errors import ParameterError

__all__ = ["cache_folder", "is_private", "make_folder", "make_private"]

PARTS = ("features", "bodies", "archives", "rankings", "trainings")  # the sub-folders that Headstart creates
OTHERS = 0o077  # any permission of the group or of other users
ANYBODY_WRITES = 0o002


def cache_folder() -> Path:
    """The cache folder: the environment variable HEADSTART_CACHE, else ``headstart`` in the user's cache folder.

    The user's cache folder is ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS and
    ``%LOCALAPPDATA%`` on Windows. The folder need not exist. Only its owner may read it: on first use, permissions of
    other users on what Headstart keeps there are removed.

    Raises:
        ParameterError: if it belongs to another user, or if anybody may write to it and it holds other files too.

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
    """Refuse another user's cache; make our own private. A folder that holds other files keeps its permissions."""
    try:
        about, names = place.stat(), {path.name for path in place.iterdir()}
    except OSError:  # it does not exist yet, or cannot be read: the caller reports it
        return
    if about.st_uid not in (os.geteuid(), os.getuid()) and os.geteuid() != 0:
        raise ParameterError(
            f"The cache folder '{place}' belongs to another user, who could read and change what is kept there; name "
            "one of your own with the environment variable HEADSTART_CACHE."
        )
    ours = all(name in PARTS or name.startswith(".") for name in names)
    if about.st_mode & ANYBODY_WRITES and not ours:
        raise ParameterError(
            f"Anybody may write to the cache folder '{place}', which holds other files too; name a separate folder "
            "with the environment variable HEADSTART_CACHE."
        )
    with suppress(OSError):  # not ours to change
        if ours and about.st_mode & OTHERS:
            place.chmod(0o700)
        for name in names & set(PARTS):
            if (place / name).stat().st_mode & OTHERS:
                make_private(place / name)


def make_private(folder: Path) -> None:
    """Let only the owner read a folder and everything below it; symbolic links are left alone.

    Args:
        folder: an existing folder; what belongs to another user is skipped.

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
                with suppress(OSError):  # removed meanwhile, or not ours to change
                    if not path.is_symlink():
                        path.chmod(mode)
    with suppress(OSError):
        folder.chmod(0o700)


def is_private(path: Path) -> bool:
    """Whether a path lies in the cache, where only the owner may read.

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
    """Create a folder and its parents; inside the cache, only the owner may read it.

    Raises:
        OSError: if it cannot be created.

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
