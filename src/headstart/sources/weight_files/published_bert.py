"""Reader of BERT encoders as their publishers store them: float32 weights in one safetensors file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError

__all__ = ["PublishedBert"]


class PublishedBert:
    """An open file of float32 tensors, which are read from a memory map when they are asked for.

    Args:
        path: the safetensors file; it must not be changed while it is in use.
        shapes: the shape of each tensor that will be read, by its name; the file may hold others.

    Raises:
        SourceError: if it cannot be read, is damaged, or lacks a tensor of that shape in float32.

    Examples:
        >>> import tempfile
        >>> from safetensors.numpy import save_file
        >>> file = Path(tempfile.mkdtemp()) / "model.safetensors"
        >>> save_file({"words": np.eye(3, dtype=np.float32)}, file)
        >>> PublishedBert(file, {"words": (3, 3)}).rows("words", np.array([2]))
        array([[0., 0., 1.]], dtype=float32)
    """

    def __init__(self, path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy"):  # checks header and offsets against the size of the file
                pass
            with path.open("rb") as raw:
                length = int.from_bytes(raw.read(8), "little")
                header: dict[str, Any] = json.loads(raw.read(length))
        except (OSError, SafetensorError) as error:
            raise SourceError(f"'{path}' cannot be read: {error}; fetch it again.") from error
        for name, shape in shapes.items():
            found = header.get(name, {})
            if (found.get("dtype"), tuple(found.get("shape", ()))) != ("F32", shape):
                raise SourceError(f"'{path}' has no float32 tensor '{name}' of shape {shape}; fetch it again.")
        self.path, self._shapes = path, shapes
        self._bytes = np.memmap(path, np.uint8, "r")  # stays the same file if another one takes its place
        self._begins = {name: 8 + length + header[name]["data_offsets"][0] for name in shapes}

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A copy of a tensor.

        Raises:
            SourceError: if a value is not finite.
        """
        return self._finite(name, np.array(self._mapped(name), np.float32))

    def rows(self, name: str, numbers: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Some rows of a matrix, (len(numbers), columns); nothing else of it is read.

        Raises:
            SourceError: if a value is not finite.
            IndexError: for the number of a row that does not exist.
        """
        return self._finite(name, np.asarray(self._mapped(name)[numbers], np.float32))

    def _mapped(self, name: str) -> NDArray[Any]:
        begin, shape = self._begins[name], self._shapes[name]
        return self._bytes[begin : begin + 4 * math.prod(shape)].view("<f4").reshape(shape)

    def _finite(self, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(values).all():
            raise SourceError(f"'{self.path}' is damaged: '{name}' holds values that are not finite; fetch it again.")
        return values
