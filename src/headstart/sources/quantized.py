"""An image source whose body runs in int8; its rows are a feature map of their own, kept by the saved model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from headstart.engine.backends.choice import availability_error
from headstart.engine.backends.int8_graph import Ranges
from headstart.engine.capabilities import BlockSelecting, Runtime, WiderRows
from headstart.engine.extract import encode
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.engine.variants.int8_body import Int8Body
from headstart.engine.variants.selected_body import SelectedBody
from headstart.errors import MissingExtraError, SourceError
from headstart.io import read_json, read_tensors, write_json, write_tensors
from headstart.sources.bodies.trainable import body_key
from headstart.types import Block, FeatureMatrix, Source, SourceInfo

__all__ = ["INT8_FILE", "Quantizable", "QuantizedSource", "describe_quantized", "open_quantized"]

INT8_FILE = "int8.json"
RANGES_FILE = "int8.safetensors"
FULL = "fp32"  # the folder of the source in fp32


@runtime_checkable
class Quantizable(Source, Protocol):
    """A source with one body, which can be replaced by another form of the same body.

    The body may be one of which only some blocks are read; ``body.full`` has all blocks.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:image"), Quantizable), isinstance(open_source("toy"), Quantizable)
        (True, False)
    """

    @property
    def body(self) -> FrozenBody | SelectedBody:
        """What runs it."""
        ...

    def with_body(self, body: FrozenBody) -> Source:
        """The same source with the same blocks, run by another form of its body, which has all its blocks."""
        ...


class QuantizedSource:
    """A source whose body runs in int8.

    Its layers are fixed, of which it can leave out some, and it cannot be fine-tuned; the source in fp32, which it
    keeps, can.

    Args:
        full: the source in fp32.
        ranges: of the activations of its body.

    Attributes:
        full: as given.
        ranges: as given.

    Examples:
        >>> import numpy as np
        >>> from headstart.engine.variants.int8_body import calibrate
        >>> from headstart.sources import open_source
        >>> from headstart.sources.bodies.seeded import example_pictures
        >>> full, pictures = open_source("headstart:image"), example_pictures(2)
        >>> batch = np.stack([full.prepare(picture) for picture in pictures])
        >>> source = QuantizedSource(full, calibrate(full.body, [batch]).ranges)
        >>> source.encode(pictures).shape, str(source.runtime)
        ((2, 1136), 'openvino int8')
    """

    def __init__(self, full: Quantizable, ranges: Ranges) -> None:
        self.full, self.ranges = full, ranges
        self._quick: Any = full.with_body(Int8Body(full.body.recipe, ranges))

    @property
    def info(self) -> SourceInfo:
        """The facts about the source in fp32, since it is the same body."""
        return self.full.info

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks among which `only_blocks` chooses; empty if the source in fp32 cannot leave out any."""
        return self._quick.all_blocks() if isinstance(self._quick, BlockSelecting) else ()

    def only_blocks(self, names: Sequence[str]) -> QuantizedSource:
        """The same source with only these of `all_blocks`; the rounded graph is cut after the deepest of them.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names, or if the source in fp32 cannot leave out blocks.
        """
        smaller = self.full.only_blocks(names) if isinstance(self.full, BlockSelecting) else None
        if not isinstance(smaller, Quantizable):
            raise SourceError(f"The source '{self.info.name}' cannot leave out blocks; keep all of them.")
        chosen = copy(self)
        chosen.full = smaller
        chosen._quick = self._quick.only_blocks(names)  # shares the body in int8
        return chosen

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None if it has all, or before a backend is chosen."""
        return self._quick.wider_rows() if isinstance(self._quick, BlockSelecting) else None

    @property
    def runtime(self) -> Runtime:
        """The runtime of its body."""
        found: Runtime = self._quick.runtime
        return found

    @property
    def body_key(self) -> str:
        """The key that identifies its body and the ranges."""
        return f"{body_key(self.full)} int8 {self.ranges.digest}"

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """The digest under which its rows may be cached, which includes that of the ranges.

        Args:
            engine: the user's options.
            count: how many items will be encoded.
            few: returns some prepared items.

        Raises:
            SourceError: for a backend other than OpenVINO.
            MissingExtraError: if OpenVINO is not installed.
        """
        key: str | None = self._quick.choose(engine, count, few)
        return key

    def prepare(self, item: object) -> Any:
        """One prepared item; raises `ItemError` if it cannot be read."""
        return self.full.prepare(item)

    def forward(self, prepared: Sequence[Any]) -> Any:
        """The rows (n, sum of block widths) float32 of n prepared items."""
        return self._quick.forward(prepared)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> Source | None:
        """The same body with random weights, in its usual form."""
        return self.full.untrained(seed)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write the source in fp32 and the ranges, which together determine the body in int8."""
        folder.mkdir(parents=True, exist_ok=True)
        reference = self.full.save(folder / FULL)
        write_tensors(folder / RANGES_FILE, self.ranges.to_arrays())
        write_json(folder / INT8_FILE, {"reference": dict(reference), "modality": self.info.modality})
        return {"name": "local:."}


def describe_quantized(folder: Path, name: str) -> SourceInfo:
    """The facts about a saved source in int8, whose weights are not read.

    Args:
        folder: that `QuantizedSource.save` wrote.
        name: of the source.

    Raises:
        SourceError: if it cannot be described.
        ModelFolderError: if a file is missing or damaged.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.sources import open_source
        >>> zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        >>> source = QuantizedSource(open_source("headstart:image"), Ranges((zero,), (one,), one, 16 * "0"))
        >>> folder = Path(tempfile.mkdtemp())
        >>> source.save(folder)
        {'name': 'local:.'}
        >>> describe_quantized(folder, "local:body").name
        'headstart:image'
    """
    from headstart.sources.registry import describe

    known = _saved_name(folder)
    found = describe(f"local:{folder / FULL}" if known.endswith(":.") else known)
    return replace(found, name=name if known.endswith(":.") else known)


def _saved_name(folder: Path) -> str:
    """The name of the source in fp32: one of the install, or a checkpoint in the folder; nothing else is opened."""
    reference = read_json(folder / INT8_FILE).get("reference")
    named = reference.get("name") if isinstance(reference, dict) else None
    if named != "local:." and not (isinstance(named, str) and named.startswith("headstart:")):
        raise SourceError(
            f"'{folder}' names the source {str(named)[:80]!r} in int8; only one of the install or a checkpoint in its "
            "own folder is opened: fit the model again."
        )
    if (folder / FULL / INT8_FILE).exists():
        raise SourceError(f"'{folder}' nests a source in int8 in another, which is not supported; copy it again.")
    return str(named)


def open_quantized(folder: Path) -> QuantizedSource:
    """The source that `QuantizedSource.save` wrote.

    Raises:
        MissingExtraError: if OpenVINO is not installed, since nothing else runs it.
        SourceError: if the source in fp32 cannot be opened here or is another one, or the ranges do not fit.
        ModelFolderError: if a file is missing or damaged.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.sources import open_source
        >>> zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        >>> source = QuantizedSource(open_source("headstart:image"), Ranges((zero,), (one,), one, 16 * "0"))
        >>> folder = Path(tempfile.mkdtemp())
        >>> source.save(folder)
        {'name': 'local:.'}
        >>> open_quantized(folder).ranges.digest == source.ranges.digest
        True
    """
    from headstart.sources.registry import open_saved

    name, saved = _saved_name(folder), read_json(folder / INT8_FILE)
    if availability_error("openvino") is not None:
        raise MissingExtraError(f"The body in '{folder}', which only OpenVINO runs since it is in int8,", "openvino")
    reference = saved["reference"]
    full = open_saved(reference, folder / FULL, saved.get("modality", ""))
    promised = None if name.endswith(":.") else reference.get("sha256")
    if not isinstance(full, Quantizable) or (promised and full.info.sha256 != promised):
        raise SourceError(
            f"'{folder}' was saved with a body (sha256 {str(promised)[:16]}) that this install does not have in int8 "
            f"(it has '{full.info.name}', sha256 {str(full.info.sha256)[:16]}); fit the model again."
        )
    return QuantizedSource(full, Ranges.from_arrays(read_tensors(folder / RANGES_FILE)))
