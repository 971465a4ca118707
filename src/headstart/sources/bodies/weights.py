"""Where the weights of a body come from: a file, random numbers, or training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Generic, TypeVar

from headstart.engine.body.recipe import recipe_key
from headstart.io import check_digest, file_size, follow_umask

__all__ = ["Weights", "copy_unchanged", "versioned"]

L = TypeVar("L")  # the function that loads the weights


@dataclass(frozen=True)
class Weights(Generic[L]):
    """The origin of a body's weights.

    Attributes:
        digest: identifies them: the sha256 digest of their file, or a description.
        load: returns the body with the weights, or puts them into one.
        file: the file; None if there is none, or if the weights differ from it.
        lasting: whether a later process can load them again.
        note: returns what went wrong when they were loaded that the user can fix; empty if nothing did.
        reading: the version of the code that reads the file, to be raised when the same file gives other weights.

    Examples:
        >>> weights = Weights("0" * 64, load=lambda: None)
        >>> weights.file is None, weights.key == weights.digest
        (True, True)
    """

    digest: str
    load: L
    file: Path | None = None
    lasting: bool = True
    note: Callable[[], str] = lambda: ""
    reading: int = 1

    @property
    def key(self) -> str:
        """What identifies the weights as they are read; it is part of the key of a body."""
        return versioned(self.digest, self.reading)


def versioned(digest: str, *versions: int) -> str:
    """A digest together with the versions of the code that makes a body of a file.

    While all of them are 1 it is the digest itself, so bodies and rows that were cached before stay valid.

    Args:
        digest: of the file.
        versions: always of the same parts of the code, in the same order.

    Examples:
        >>> versioned("abc", 1, 1), versioned("abc", 1, 2) == versioned("abc", 2, 1)
        ('abc', False)
    """
    return digest if set(versions) <= {1} else recipe_key(digest, versions)


def copy_unchanged(file: Path, target: Path, digest: str) -> None:
    """Copy a file of weights, so that its digest stays that of its publisher.

    Args:
        file: the weights.
        target: the copy; its folder exists.
        digest: the sha256 digest that the file had when the source was opened.

    Raises:
        ModelFolderError: if the file is missing.
        DigestError: if it has changed since it was opened.

    Examples:
        >>> copy_unchanged(Path("nowhere.safetensors"), Path("copy.safetensors"), "0" * 64)
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere.safetensors' cannot be read (No such file or directory); copy ...
    """
    file_size(file)
    copyfile(file, target)
    check_digest(target, digest)
    follow_umask(target)
