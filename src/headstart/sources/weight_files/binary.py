"""Reading a binary file from front to back without trusting any count that it states."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from headstart.errors import SourceError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["BinaryReader"]

_FORMATS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "f32": "<f"}


class BinaryReader:
    r"""A cursor over little-endian bytes. Every read is checked against what is left, so no count can make it allocate.

    Args:
        data: the bytes of the file, such as a read-only memory map.
        name: the file's name, for messages.

    Attributes:
        position: the next byte, from 0.

    Examples:
        >>> reader = BinaryReader(b"\x03\x00abc", "model.bin")
        >>> reader.text(reader.number("u16", "a length"), "a name"), reader.left
        ('abc', 0)
        >>> reader.number("u32", "the version")
        Traceback (most recent call last):
        headstart.errors.SourceError: 'model.bin' is damaged: the version needs 4 bytes, and 0 are left; copy ...
    """

    def __init__(self, data: Buffer, name: str) -> None:
        self._data = memoryview(data).cast("B")
        self._name = name
        self.position = 0

    @property
    def left(self) -> int:
        """How many bytes follow."""
        return len(self._data) - self.position

    def number(self, kind: str, what: str) -> Any:
        """The next number.

        Args:
            kind: ``"u8"``, ``"u16"``, ``"u32"``, ``"u64"``, ``"i32"`` or ``"f32"``.
            what: what it is, for messages.

        Raises:
            SourceError: if the file ends before.
        """
        layout = _FORMATS[kind]
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))[0]

    def count(self, kind: str, what: str, *, most: int) -> int:
        """The next number, which must lie between 0 and ``most``.

        Raises:
            SourceError: if it does not, or if the file ends before.
        """
        found = int(self.number(kind, what))
        if not 0 <= found <= most:
            raise self.damaged(f"{what} is {found:,}, and only 0 to {most:,} is allowed")
        return found

    def take(self, size: int, what: str) -> memoryview:
        """The next ``size`` bytes, without a copy.

        Raises:
            SourceError: if the file ends before.
        """
        if not 0 <= size <= self.left:
            raise self.damaged(f"{what} needs {size:,} bytes, and {self.left:,} are left")
        self.position += size
        return self._data[self.position - size : self.position]

    def array(self, dtype: DTypeLike, count: int, what: str) -> NDArray[Any]:
        """The next ``count`` numbers of a dtype, as a view of the data.

        Raises:
            SourceError: if the file ends before.
        """
        kind = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(self.take(count * kind.itemsize, what), kind)

    def text(self, size: int, what: str) -> str:
        """The next ``size`` bytes as UTF-8.

        Raises:
            SourceError: if the file ends before, or if they are not UTF-8.
        """
        try:
            return str(self.take(size, what), "utf-8")
        except UnicodeDecodeError:
            raise self.damaged(f"{what} is not UTF-8") from None

    def damaged(self, reason: str) -> SourceError:
        """The error for content that cannot be right.

        Examples:
            >>> print(BinaryReader(b"", "model.bin").damaged("it has no tensors"))
            'model.bin' is damaged: it has no tensors; copy it again.
        """
        return SourceError(f"'{self._name}' is damaged: {reason}; copy it again.")
