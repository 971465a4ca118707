"""Packing a source or a saved folder into bytes, for pickled estimators; no part of the bytes is executed."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import SourceError
from headstart.sources.registry import open_saved
from headstart.types import Modality, Source

__all__ = ["PackedSource", "check_packable", "pack_folder", "pack_source", "remove_with", "unpack_folder"]


@dataclass(frozen=True)
class PackedSource:
    """A source as plain values, which another process can open.

    Attributes:
        reference: the reference that `Source.save` returned.
        modality: the source's modality.
        files: the folder that `Source.save` wrote, packed by `pack_folder`.

    Examples:
        >>> from headstart.sources import open_source
        >>> pack_source(open_source("vector")).open().info.name
        'vector'
    """

    reference: Mapping[str, str]
    modality: Modality
    files: bytes

    def open(self) -> Source:
        """The source; raises `SourceError` if it cannot be opened here."""
        folder = unpack_folder(self.files)
        source = open_saved(self.reference, folder, self.modality)
        remove_with(source, folder)
        return source


def pack_source(source: Source) -> PackedSource:
    """Pack a source into plain values.

    Args:
        source: any source except a torch module of the user's own.

    Raises:
        SourceError: for a torch module of the user's own.

    Examples:
        >>> from headstart.sources import open_source
        >>> dict(pack_source(open_source("toy")).reference)
        {'name': 'toy'}
    """
    check_packable(source)
    with tempfile.TemporaryDirectory(prefix="headstart-pack-") as scratch:
        reference = dict(source.save(Path(scratch) / "body"))
        return PackedSource(reference, source.info.modality, pack_folder(Path(scratch) / "body"))


def check_packable(source: Source) -> None:
    """Raise unless another process can open the source from the files that `Source.save` writes.

    Args:
        source: an open source.

    Raises:
        SourceError: for a torch module of the user's own, alone or fused, whose code is not stored.

    Examples:
        >>> import torch
        >>> from headstart.sources import module
        >>> check_packable(module(torch.nn.ReLU(), torch.tensor, name="mine", modality="vector"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'module:mine' is a torch module of yours, whose code cannot be ...
    """
    if re.search(r"(^|[:+])module:", source.info.name):
        raise SourceError(
            f"The source '{source.info.name}' is a torch module of yours, whose code cannot be pickled; use "
            "save_pretrained(FOLDER), and from_pretrained(FOLDER, source=...) to load it."
        )


def pack_folder(folder: Path) -> bytes:
    """The files of a folder as an uncompressed zip archive; an empty archive if the folder does not exist.

    Args:
        folder: holds the files, in plain formats.

    Examples:
        >>> unpacked = unpack_folder(pack_folder(Path(__file__).parent))
        >>> (unpacked / Path(__file__).name).is_file()
        True
        >>> shutil.rmtree(unpacked)
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # stored: weights hardly compress
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def unpack_folder(files: bytes) -> Path:
    """A new temporary folder with the files that `pack_folder` packed; the caller removes it.

    Args:
        files: the archive.

    Examples:
        >>> list(unpack_folder(pack_folder(Path("nowhere"))).iterdir())
        []
    """
    folder = Path(tempfile.mkdtemp(prefix="headstart-unpacked-"))
    with zipfile.ZipFile(io.BytesIO(files)) as archive:
        archive.extractall(folder)
    return folder


def remove_with(owner: object, folder: Path) -> None:
    """Remove a folder when its owner is garbage-collected, or when the process ends.

    Args:
        owner: the object that reads from the folder.
        folder: a temporary folder.

    Examples:
        >>> class Owner: ...
        >>> owner, folder = Owner(), Path(tempfile.mkdtemp())
        >>> remove_with(owner, folder)
        >>> del owner
        >>> folder.exists()
        False
    """
    weakref.finalize(owner, _remove, folder, os.getpid())


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a forked child must not remove its parent's files
        shutil.rmtree(folder, ignore_errors=True)
