"""Reading and writing files so that a crash, a full disk or a hostile file cannot do harm."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DigestError, ModelFolderError, SaveError, UsageError

__all__ = [
    "atomic_file",
    "atomic_folder",
    "cache_folder",
    "check_digest",
    "check_replaceable",
    "check_writable",
    "file_digest",
    "read_json",
    "read_tensors",
    "remove_leftovers",
    "write_json",
    "write_tensors",
]

MAX_JSON_BYTES = 64 * 2**20


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A scratch folder that becomes ``target`` when the block ends well, and vanishes otherwise.

    A process killed at any moment leaves the previous ``target``, or none: never half of a new one.

    Args:
        target: the folder to make or to replace.

    Yields:
        The scratch folder, on the same file system as the target.

    Raises:
        SaveError: if writing fails, for instance because the disk is full.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "run"
        >>> with atomic_folder(place) as scratch:
        ...     _ = (scratch / "a.txt").write_text("done")
        >>> (place / "a.txt").read_text()
        'done'
    """
    from safetensors import SafetensorError

    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_partial(target), dir=target.parent))
        scratch.chmod(0o777 & ~_umask())
        yield scratch
        _swap(scratch, target)
    except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
        raise SaveError(
            f"Cannot write '{target}': {_reason(error)}; free space or name another folder with --out, nothing was "
            "changed."
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A scratch file that becomes ``target`` when the block ends well, and vanishes otherwise.

    Args:
        target: the file to make or to replace; folders above it are made.

    Yields:
        The path to write to, with the suffix of the target.

    Raises:
        SaveError: if writing fails; what stood there is untouched.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_file(place) as scratch:
        ...     _ = scratch.write_text("done")
        >>> place.read_text()
        'done'
    """
    from safetensors import SafetensorError

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        with tempfile.TemporaryDirectory(
            prefix=_partial(target), dir=target.parent, ignore_cleanup_errors=True
        ) as place:
            scratch = Path(place, f"new{target.suffix}")
            yield scratch
            scratch.chmod(0o666 & ~_umask())
            scratch.replace(target)
    except (OSError, SafetensorError) as error:
        raise SaveError(
            f"Cannot write '{target}': {_reason(error)}; free space or name another file with --out, nothing was "
            "changed."
        ) from error


def check_writable(target: Path) -> None:
    """Raise unless something could be written at ``target`` now, so that it is known before long work.

    Raises:
        SaveError: if it could not.

    Examples:
        >>> check_writable(Path("a-new-folder"))
    """
    try:
        there = next(folder for folder in target.absolute().parents if folder.exists())
        Path(tempfile.mkdtemp(prefix=_partial(target), dir=there)).rmdir()
    except OSError as error:
        raise SaveError(f"Cannot write '{target}': {_reason(error)}; name another place with --out.") from error


def _partial(target: Path) -> str:
    return f".{target.name}.partial-{os.getpid()}-"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _swap(scratch: Path, target: Path) -> None:
    """Put ``scratch`` in the place of ``target``; the old one stays whole until the new one is complete."""
    for path in scratch.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    if not target.exists():
        scratch.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
    target.rename(old / "was")
    try:
        scratch.rename(target)
    except OSError:
        (old / "was").rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


RUN_FILES = {
    "README.md", "body", "calibration.json", "classes.json", "config.json", "head.skops", "logs", "manifest.json",
    "metrics.json", "model.safetensors", "moments.safetensors", "predictions.parquet", "report.html", "splits.parquet",
}  # fmt: skip


def check_replaceable(target: Path) -> None:
    """Raise unless ``target`` can and may be written: it is new, empty, or a folder of ours to be replaced.

    Raises:
        UsageError: if something else stands there.
        SaveError: if nothing can be written there.

    Examples:
        >>> check_replaceable(Path("a-new-folder"))
    """
    check_writable(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"'{target}' is a file, not a folder; name another run folder with --out.")
    names = {path.name for path in target.iterdir() if not path.name.startswith(".")}
    if names and not _is_ours(target):
        raise UsageError(
            f"'{target}' holds something other than a run of headstart and is left alone; name another with --out."
        )
    if names - RUN_FILES:
        raise UsageError(
            f"'{target}' also holds '{min(names - RUN_FILES)}', which no run wrote and which replacing it would lose; "
            "move that away, or name another folder with --out."
        )


def _is_ours(folder: Path) -> bool:
    """Whether the folder is a run of ours; models of other programs have a config.json too."""
    try:
        return read_json(folder / "config.json").get("model_type") == "headstart"
    except ModelFolderError:
        return False


def remove_leftovers(target: Path) -> None:
    """Clear what a killed run left beside ``target``; a replaced run that was caught in mid-swap is put back.

    Examples:
        >>> import tempfile
        >>> parent = Path(tempfile.mkdtemp())
        >>> (parent / ".run.partial-4194305-x").mkdir()
        >>> remove_leftovers(parent / "run")
        >>> list(parent.iterdir())
        []
    """
    name = glob.escape(target.name)
    for old in target.parent.glob(f".{name}.old-*"):
        if (old / "was").exists() and not target.exists():
            (old / "was").rename(target)
        shutil.rmtree(old, ignore_errors=True)
    for partial in target.parent.glob(f".{name}.partial-*-*"):
        process = partial.name.rsplit("-", 2)[1]
        if process.isdecimal() and not _is_running(int(process)):
            shutil.rmtree(partial, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, indented, with numpy scalars and arrays as numbers and lists.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> write_json(path, {"accuracy": np.float64(0.5)})
        >>> read_json(path)
        {'accuracy': 0.5}
    """
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of at most 64 MiB.

    Raises:
        ModelFolderError: if the file is missing, too large, no JSON, or not an object.

    Examples:
        >>> read_json(Path("nowhere.json"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere.json' is missing; the folder is not complete.
    """
    if not path.is_file():
        raise ModelFolderError(f"'{path}' is missing; the folder is not complete.")
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ModelFolderError(f"'{path}' is larger than {MAX_JSON_BYTES} bytes, which no file of ours is.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"'{path}' is not valid JSON ({error}); copy or fit the model again.") from error
    if not isinstance(value, dict):
        raise ModelFolderError(f"'{path}' must hold a JSON object, not a {type(value).__name__}.")
    return value


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays as safetensors.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.safetensors"
        >>> write_tensors(path, {"w": np.eye(2)})
        >>> read_tensors(path)["w"]
        array([[1., 0.],
               [0., 1.]])
    """
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path, dict(metadata or {}))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a safetensors file; nothing in it can be executed.

    Raises:
        ModelFolderError: if the file is missing or damaged.

    Examples:
        >>> read_tensors(Path("nowhere.safetensors"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere.safetensors' is missing; the folder is not complete.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        raise ModelFolderError(f"'{path}' is missing; the folder is not complete.")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFolderError(f"'{path}' is damaged ({error}); copy or fit the model again.") from error


def file_digest(path: Path) -> str:
    """The sha256 digest of a file's bytes, in hexadecimal.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> _ = path.write_bytes(b"")
        >>> file_digest(path)[:16]
        'e3b0c44298fc1c14'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, expected: str) -> None:
    """Raise unless the file has the expected sha256 digest.

    Raises:
        DigestError: if it has another one.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> _ = path.write_bytes(b"")
        >>> check_digest(path, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    """
    found = file_digest(path)
    if found != expected.lower():
        raise DigestError(
            f"'{path}' has the sha256 digest {found[:16]}..., but {expected[:16]}... was promised; "
            "the file is damaged or is not the one named, so it was not loaded: fetch it again."
        )


def cache_folder() -> Path:
    """Where the cache is: the environment variable HEADSTART_CACHE, else ``headstart`` in the user's cache folder.

    That is ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS and ``%LOCALAPPDATA%`` on
    Windows. The folder need not exist.

    Examples:
        >>> cache_folder().is_absolute()
        True
    """
    named = os.environ.get("HEADSTART_CACHE")
    return Path(named).expanduser().absolute() if named else _user_cache() / "headstart"


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
