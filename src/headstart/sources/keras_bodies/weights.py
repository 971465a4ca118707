"""Files of Keras, read as data: .keras archives and HDF5 weights, within bounds; nothing in them is executed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import MissingExtraError, SourceError
from headstart.sources.keras_bodies.graph import GraphNode

__all__ = ["Stored", "archive_config", "archive_weights", "layer_weights"]

MOST_CONFIG = 32 * 2**20  # bytes of config.json
MOST_WEIGHTS = 4 * 2**30  # bytes of model.weights.h5
INFLATED = 4  # times the size of the archive, which Keras does not compress
SMALL = 2**24  # bytes that may be inflated from an archive of any size
MOST_CHUNK = 2**24  # numbers in the chunk of an array, which is read as a whole
# (layer, how many numbers each of its arrays has) to the arrays in Keras' order
Stored = Callable[[GraphNode, Sequence[int]], "list[NDArray[Any]]"]


def archive_config(file: Path) -> dict[str, Any]:
    """The model's configuration in a .keras file.

    Raises:
        SourceError: if the file is no such archive, or its configuration is too large.

    Examples:
        >>> archive_config(Path(__file__))
        Traceback (most recent call last):
        headstart.errors.SourceError: '...' is not a .keras file ...
    """
    try:
        with zipfile.ZipFile(file) as archive:
            found: object = json.loads(_member(archive, "config.json", MOST_CONFIG, file))
    except (
        zipfile.BadZipFile,
        OSError,
        KeyError,
        ValueError,
        RecursionError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise SourceError(
            f"'{file}' is not a .keras file of Keras 3 ({error!s:.100}); write one with model.save('NAME.keras')."
        ) from error
    if not isinstance(found, dict):
        raise SourceError(f"'{file}' has a config.json that describes no model; save the model again.")
    return found


def _member(archive: zipfile.ZipFile, name: str, most: int, file: Path) -> bytes:
    member, most = archive.getinfo(name), min(most, max(SMALL, INFLATED * file.stat().st_size))
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its {name} is compressed by neither 'stored' nor 'deflated'")  # zipfile bounds only these
    size = member.file_size
    if size > most:
        raise ValueError(f"its {name} has {size:,} bytes; its archive allows {most:,}")
    with archive.open(name) as opened:
        raw = opened.read(most + 1)  # the size that an archive states may be wrong
    if len(raw) > most:
        raise ValueError(f"its {name} is larger than it states")
    return raw


@contextmanager
def _opened(file: Any, name: str) -> Iterator[Any]:
    """An HDF5 file; what goes wrong in it is one sentence."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(f"Reading the weights '{name}'", "keras") from None
    try:
        with h5py.File(file, "r") as opened:
            yield opened
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"The weights in '{name}' are damaged ({error!s:.100}); copy the file again.") from error


def _inside(parent: Any, name: str) -> Any:
    """What the file itself has under a name; links to other places and to other files are refused."""
    import h5py

    for depth in range(1, name.count("/") + 2):
        if not isinstance(parent.get("/".join(name.split("/")[:depth]), getlink=True), h5py.HardLink):
            raise ValueError(f"'{name:.60}' is missing or a link")
    return parent[name]


def _array(parent: Any, name: str, numbers: int) -> NDArray[Any]:
    """An array of so many numbers, stored in the file itself; its size is compared before it is read."""
    import h5py

    data = _inside(parent, name)
    if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual or data.dtype.kind not in "fiu":
        raise ValueError(f"'{name:.60}' is not an array of numbers")
    if data.shape is None or prod(data.shape) != numbers:  # h5py's own size overflows
        shape = "no numbers" if data.shape is None else f"the shape {data.shape}"
        raise SourceError(f"'{name:.60}' has {shape!s:.80}, not {numbers:,} numbers")
    if data.chunks is not None and prod(data.chunks) > max(MOST_CHUNK, numbers):
        raise ValueError(f"'{name:.60}' is stored in chunks larger than itself")
    return np.asarray(data[()])


@contextmanager
def archive_weights(file: Path) -> Iterator[Stored]:
    """The weights of a .keras file, layer by layer.

    Raises:
        SourceError: if they are damaged or too large.

    Examples:
        >>> with archive_weights(Path(__file__)):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SourceError: '...' has no weights that can be read ...
    """
    try:
        with zipfile.ZipFile(file) as archive:
            raw = _member(archive, "model.weights.h5", MOST_WEIGHTS, file)
    except (zipfile.BadZipFile, OSError, KeyError, ValueError, NotImplementedError, RuntimeError) as error:
        raise SourceError(
            f"'{file}' has no weights that can be read ({error!s:.100}); save the model again."
        ) from error
    with _opened(io.BytesIO(raw), str(file)) as opened:
        yield lambda node, sizes: [_array(opened, f"{node.path}/vars/{k}", size) for k, size in enumerate(sizes)]


@contextmanager
def layer_weights(file: Path) -> Iterator[Stored]:
    """The weights of an HDF5 file that names them by layer, as those of keras.applications.

    Raises:
        SourceError: if the file is damaged, or stores weights in another way.

    Examples:
        >>> with layer_weights(Path(__file__)):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights in '...' are damaged ...
    """
    with _opened(file, str(file)) as opened:
        if "layer_names" not in opened.attrs:
            raise ValueError("it does not name its weights by layer")
        taken: dict[str, int] = {}

        def stored(node: GraphNode, sizes: Sequence[int]) -> list[NDArray[Any]]:
            group = _inside(opened, node.outer)
            names = [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs["weight_names"]]
            begin = taken.get(node.outer, 0)  # layers of a nested model lie one after another in its group
            taken[node.outer] = begin + len(sizes)
            own = names[begin : begin + len(sizes)]
            return [_array(group, name, size) for name, size in zip(own, sizes, strict=False)]  # fill counts them

        yield stored
