"""JSON files, safetensors files and digests, read safely: sizes are bounded and nothing in a file is executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DigestError, ModelFolderError
from headstart.io.atomic import follow_umask
from headstart.io.cache_place import is_private

__all__ = [
    "check_digest",
    "file_digest",
    "file_size",
    "is_file",
    "path_exists",
    "read_json",
    "read_start",
    "read_tensors",
    "write_json",
    "write_tensors",
]

MAX_JSON_BYTES = 64 * 2**20


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a JSON object or list, indented, with numpy scalars and arrays as numbers and lists.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> write_json(path, {"accuracy": np.float64(0.5)})
        >>> read_json(path)
        {'accuracy': 0.5}
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"
    # File names that are not UTF-8 hold lone surrogates; their backslash escape is valid in JSON too.
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    if is_private(path):
        path.chmod(0o600)


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
        ModelFolderError: if the file is missing, too large, not JSON, or not an object.

    Examples:
        >>> read_json(Path("nowhere.json"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere.json' is missing; the folder is not complete.
    """
    if not is_file(path):
        raise ModelFolderError(f"'{path}' is missing; the folder is not complete.")
    if file_size(path) > MAX_JSON_BYTES:
        raise ModelFolderError(
            f"'{path}' is larger than {MAX_JSON_BYTES} bytes, the limit for such files; copy or fit the model again."
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"'{path}' is not valid JSON ({error}); copy or fit the model again.") from error
    if not isinstance(value, dict):
        raise ModelFolderError(f"'{path}' must hold a JSON object, not a {type(value).__name__}.")
    return value


def read_start(path: Path, most: int = 2**20) -> str:
    """The beginning of a text file, such as a model card; bytes that are not UTF-8 are replaced.

    Args:
        path: the file.
        most: bytes that are read; default: 1 MiB.

    Raises:
        OSError: if it cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "README.md"
        >>> _ = path.write_text("# A body")
        >>> read_start(path, 3)
        '# A'
    """
    with path.open("rb") as file:
        return file.read(most).decode("utf-8", errors="replace")


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays as safetensors.

    Args:
        path: the file.
        tensors: arrays by name.
        metadata: texts by name, stored in the header.

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
    follow_umask(path)


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

    if not is_file(path):
        raise ModelFolderError(f"'{path}' is missing; the folder is not complete.")
    try:
        return load_file(path)
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, ImportError, MemoryError) as error:
        raise ModelFolderError(f"'{path}' is damaged ({error!s:.200}); copy or fit the model again.") from error


def is_file(path: Path) -> bool:
    """Whether a file exists; False too for a name that the system does not allow, such as one of 300 letters.

    Examples:
        >>> is_file(Path("n" * 5000))
        False
    """
    try:
        return path.is_file()
    except (OSError, ValueError):  # `Path.is_file` raises on names that are too long for the system
        return False


def path_exists(path: Path) -> bool:
    """Whether a file or folder exists; False too for a name that the system does not allow.

    Examples:
        >>> path_exists(Path("n" * 5000)), path_exists(Path())
        (False, True)
    """
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def file_size(path: Path) -> int:
    """The size of a file in bytes.

    Raises:
        ModelFolderError: if it is missing, or the system refuses.

    Examples:
        >>> file_size(Path("nowhere.keras"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere.keras' cannot be read (No such file or directory); copy it ...
    """
    try:
        return path.stat().st_size
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ModelFolderError:
    reason = error.strerror if isinstance(error, OSError) else None
    return ModelFolderError(f"'{path}' cannot be read ({reason or error}); copy it again.")


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file's bytes, in hexadecimal.

    Args:
        path: the file.
        algorithm: ``"sha256"``, or ``"md5"`` where a publisher states no other; it protects from damage only.

    Raises:
        ModelFolderError: if the file is missing, or cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> _ = path.write_bytes(b"")
        >>> file_digest(path)[:16]
        'e3b0c44298fc1c14'
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def check_digest(path: Path, expected: str) -> None:
    """Raise unless the file has the expected sha256 digest.

    Raises:
        DigestError: if the digest differs.
        ModelFolderError: if the file is missing, or cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> _ = path.write_bytes(b"")
        >>> check_digest(path, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    """
    found = file_digest(path)
    if found != expected.lower():
        raise DigestError(
            f"'{path}' has the sha256 digest {found[:16]}..., but {expected[:16]}... was expected; "
            "the file is damaged or is another one, so it was not loaded: copy, fetch or make it again."
        )
