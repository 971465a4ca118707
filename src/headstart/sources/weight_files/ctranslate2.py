"""CTranslate2's binary model format, version 6: named tensors, memory-mapped, every field checked before it is used.

Layout, little endian: u32 version; text specification; u32 revision; u32 count; for each variable a text name, u8 rank,
u32 for each dimension, u8 dtype, u32 bytes and the values; then u32 count and for each alias two texts, its name and
the variable that it stands for. A text is a u16 length, which counts a closing NUL, and the letters.

Reference: OpenNMT, "CTranslate2", python/ctranslate2/specs/model_spec.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.sources.weight_files.binary import BinaryReader

__all__ = ["read_ctranslate2"]

VERSION = 6
MOST_BYTES = 2**32  # of a file
MOST_VARIABLES = 2**16
MOST_RANK = 8
MOST_LETTERS = 1024  # of a name, with its NUL
# The fewest bytes of an entry: a name of one letter and NUL, rank 0 and no values; an alias has two such names.
SMALLEST_VARIABLE, SMALLEST_ALIAS = 2 + 2 + 1 + 1 + 4, 2 * (2 + 2)
BF16 = 5
DTYPES = ("f4", "i1", "i2", "i4", "f2", "u2")  # by code; bf16, which numpy lacks, is the upper half of a float32


def read_ctranslate2(path: Path, *, specification: str, revision: int) -> Mapping[str, NDArray[Any]]:
    """The tensors of a CTranslate2 file by name; aliases are entries of their own.

    Args:
        path: the file, of at most 4 GiB.
        specification: name of the model class that the file must state, such as ``"WhisperSpec"``.
        revision: revision of that class that the file must state.

    Returns:
        Read-only arrays in the stored dtype, which are views of the file; bf16 tensors are float32 copies.

    Raises:
        SourceError: if the file cannot be read, states another version, specification or revision, or is damaged.

    Examples:
        >>> import tempfile
        >>> from struct import pack
        >>> def text(name):
        ...     return pack("<H", len(name) + 1) + name.encode() + bytes(1)
        >>> tensor = text("w") + pack("<B2IBI", 2, 1, 3, 4, 6) + np.ones(3, "<f2").tobytes()
        >>> path = Path(tempfile.mkdtemp()) / "model.bin"
        >>> _ = path.write_bytes(pack("<I", 6) + text("Spec") + pack("<2I", 1, 1) + tensor + bytes(4))
        >>> read_ctranslate2(path, specification="Spec", revision=1)["w"]
        array([[1., 1., 1.]], dtype=float16)
    """
    reader = BinaryReader(_mapped(path), str(path))
    version = reader.number("u32", "the version")
    if version != VERSION:
        raise SourceError(f"'{path}' is a CTranslate2 file of version {version}, and only {VERSION} is read.")
    found, number = _name(reader, "the specification"), reader.number("u32", "the revision")
    if (found, number) != (specification, revision):
        raise SourceError(
            f"'{path}' holds a {found} of revision {number} instead of a {specification} of revision {revision}; give "
            "the file of the model that is meant."
        )
    tensors: dict[str, NDArray[Any]] = {}
    for _ in range(_count(reader, "the number of variables", SMALLEST_VARIABLE)):
        name = _name(reader, "the name of a variable")
        if name in tensors:
            raise reader.damaged(f"the variable '{name}' is there twice")
        tensors[name] = _tensor(reader, name)
    for _ in range(_count(reader, "the number of aliases", SMALLEST_ALIAS)):
        name, target = _name(reader, "the name of an alias"), _name(reader, "the target of an alias")
        if name in tensors or target not in tensors:
            raise reader.damaged(f"the alias '{name}' of '{target}' must be a new name of a variable")
        tensors[name] = tensors[target]
    if reader.left:
        raise reader.damaged(f"{reader.left:,} bytes follow the last alias")
    return tensors


def _mapped(path: Path) -> memoryview:
    try:
        size = path.stat().st_size if path.is_file() else 0
        if not 0 < size <= MOST_BYTES:
            raise SourceError(f"'{path}' must be a file of 1 to {MOST_BYTES:,} bytes, and it has {size:,}.")
        return np.memmap(path, np.uint8, "r").data
    except (OSError, ValueError) as error:  # ValueError: it was emptied meanwhile, or no file can have its name
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"'{path}' cannot be read ({error}); give another file.") from error


def _count(reader: BinaryReader, what: str, smallest: int) -> int:
    """A number of entries that each take at least ``smallest`` of the bytes that are left."""
    return reader.count("u32", what, most=min(MOST_VARIABLES, reader.left // smallest))


def _name(reader: BinaryReader, what: str) -> str:
    """A text without its closing NUL: printable ASCII."""
    text = reader.text(reader.count("u16", f"the length of {what}", most=MOST_LETTERS), what)
    if len(text) < 2 or text[-1] != "\0" or not (text[:-1].isascii() and text[:-1].isprintable()):
        raise reader.damaged(f"{what} must be printable ASCII that ends with NUL")
    return text[:-1]


def _tensor(reader: BinaryReader, name: str) -> NDArray[Any]:
    """The values of the variable whose name was read."""
    rank = reader.count("u8", f"the rank of '{name}'", most=MOST_RANK)
    shape = [reader.number("u32", f"the shape of '{name}'") for _ in range(rank)]
    code = reader.count("u8", f"the dtype of '{name}'", most=len(DTYPES) - 1)
    dtype = np.dtype(DTYPES[code])
    # Python's integers do not overflow, so this product is exact for any dimensions.
    size, stated = prod(shape) * dtype.itemsize, reader.number("u32", f"the size of '{name}'")
    if size != stated:
        raise reader.damaged(f"'{name}' of shape {shape} takes {size:,} bytes, and {stated:,} are stated")
    values = reader.array(dtype, prod(shape), f"'{name}'").reshape(shape)
    return (values.astype(np.uint32) << 16).view(np.float32) if code == BF16 else values
