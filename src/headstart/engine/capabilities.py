"""Optional capabilities of a source beyond `headstart.types.Source`, each a small runtime Protocol.

A source with only the required methods works everywhere. A capability is a method or property with the name given
here; no base class is needed, and ``isinstance`` tests for it. A source that wraps another one forwards its
capabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.errors import ItemError
from headstart.types import Block, FeatureMatrix, Source

__all__ = [
    "BatchPreparing",
    "BlockSelecting",
    "Branching",
    "Cacheable",
    "HasRuntime",
    "ItemNoting",
    "LabelReading",
    "LayerChoosing",
    "PositionReading",
    "ReadyRows",
    "Releasing",
    "Runtime",
    "WiderRows",
    "reads_positions",
    "runtime_of",
    "with_all_blocks",
]


@dataclass(frozen=True)
class Runtime:
    """The backend and number format that run a body, as far as they have been chosen.

    Attributes:
        backend: such as ``"openvino"``; empty before it is chosen, and if there is no body.
        precision: the number format, such as ``"bf16"``; empty in the same cases.
        reason: why they were chosen, in a sentence; may be empty.
        hint: what was unavailable and the user can install or fix, in a sentence; may be empty.
        streams: how many threads may call ``forward`` at once.

    Examples:
        >>> str(Runtime("openvino", "bf16")), Runtime().streams
        ('openvino bf16', 1)
    """

    backend: str = ""
    precision: str = ""
    reason: str = ""
    hint: str = ""
    streams: int = 1

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}".strip()


@runtime_checkable
class HasRuntime(Protocol):
    """Reports how its body is run.

    Examples:
        >>> from headstart.sources.vector import VectorSource
        >>> isinstance(VectorSource(), HasRuntime)
        False
    """

    @property
    def runtime(self) -> Runtime:
        """The backend, the number format and the reason for them; reading it chooses and loads nothing."""
        ...


@runtime_checkable
class ItemNoting(Protocol):
    """Says what it does with unusual items, such as sounds that are longer than it reads.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:speech"), ItemNoting)
        True
    """

    def notes_on(self, items: Sequence[Any]) -> Sequence[str]:
        """A sentence for each kind of unusual item among these, from the items alone; called once per extraction."""
        ...


@runtime_checkable
class Cacheable(Protocol):
    """Picks its own backend and gives the key under which its rows may be cached; other sources' rows never are.

    The key covers everything except the item that determines a row: weights, layers, preprocessing and the form of the
    body (its backend and number format). A row that is found under the key is used as stored, in any process.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), Cacheable)
        True
    """

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """Pick the backend; called before ``forward``, and again for each new set of items.

        Args:
            engine: the user's settings.
            count: roughly how many items will be encoded, which decides whether converting the body pays.
            few: returns some prepared items of the real data, on which backends are compared; slow, so it is called
                only if a comparison is needed.

        Returns:
            The key, the same for the same choice in every process; None if rows must not be cached.
        """
        ...


@runtime_checkable
class Releasing(Protocol):
    """Can close its body while others run; it is opened again when it is needed.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:text"), Releasing)
        True
    """

    def release(self) -> None:
        """Close the body and free its memory."""
        ...


@runtime_checkable
class BatchPreparing(Protocol):
    """Prepares many items in one call.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:text"), BatchPreparing)
        True
    """

    def prepare_many(self, items: Sequence[Any]) -> Sequence[Any | ItemError]:
        """``prepare`` for many items, in order; an item that fails gives its `ItemError` instead of a value."""
        ...


@runtime_checkable
class Branching(Protocol):
    """Combines several sources: their rows are concatenated.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("fused:toy+toy"), Branching)
        True
    """

    @property
    def branches(self) -> Sequence[tuple[Source, int | None]]:
        """Each source with the position of the part of an item that it encodes; None for the entire item."""
        ...


@runtime_checkable
class ReadyRows(Protocol):
    """Recognises items that are feature rows already, such as the rows of a matrix.

    Examples:
        >>> from headstart.sources.vector import VectorSource
        >>> isinstance(VectorSource(), ReadyRows)
        True
    """

    def ready_rows(self, items: Sequence[Any]) -> FeatureMatrix | None:
        """All items as one (n, d) matrix without a copy; None if they must be prepared one at a time."""
        ...


@runtime_checkable
class LayerChoosing(Protocol):
    """Can read other layers of its body.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> source = ToySource()
        >>> isinstance(source, LayerChoosing), [block.name for block in source.with_layers("last").info.blocks]
        (True, ['trigrams'])
    """

    def with_layers(self, layers: str | Sequence[str], *, positions: bool = False) -> Source:
        """A source with the same body that reads other layers.

        Args:
            layers: ``"last"``, ``"blocks"``, ``"all"``, or names of layers.
            positions: whether each position (token, patch, frame) gets a row, so that ``forward`` returns n arrays (k,
                width).
        """
        ...


@dataclass(frozen=True)
class WiderRows:
    """Stored rows that contain those of a source.

    Attributes:
        key: under which they are stored.
        ranges: (start, stop) of the columns of the source's own blocks, first to last.

    Examples:
        >>> WiderRows("0" * 40, ((64, 128),)).ranges
        ((64, 128),)
    """

    key: str
    ranges: tuple[tuple[int, int], ...]


@runtime_checkable
class BlockSelecting(Protocol):
    """Can leave out blocks of its rows, so that the layers that only they need do not run.

    Unlike `LayerChoosing`, it stays the same body in the same number format: the rows are columns of the wider ones.

    Examples:
        >>> from headstart.sources import open_source
        >>> source = open_source("headstart:image")
        >>> isinstance(source, BlockSelecting), [block.name for block in source.only_blocks(["layer2"]).info.blocks]
        (True, ['layer2'])
    """

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks among which `only_blocks` chooses; empty if it cannot leave out any."""
        ...

    def only_blocks(self, names: Sequence[str]) -> Source:
        """The source with only these of `all_blocks`, in the order of the body.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names.
        """
        ...

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None without a choice of blocks, or before one of a backend."""
        ...


@runtime_checkable
class PositionReading(Protocol):
    """Reports whether it gives one row per position of an item (token, patch, frame) or one row per item.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), PositionReading)
        True
    """

    @property
    def positions(self) -> bool:
        """Whether ``forward`` returns n arrays (k, width) instead of one (n, width)."""
        ...


@runtime_checkable
class LabelReading(Protocol):
    """Encodes texts as well as items, by a text tower that was trained together with its body (as in CLIP).

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), LabelReading)
        False
    """

    def label_rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows (C, sum of block widths) of C texts, zero except in the last block."""
        ...

    def label_scale(self) -> float:
        """The factor on cosine similarities that the towers were trained with: the inverse softmax temperature."""
        ...


def runtime_of(source: object) -> Runtime:
    """The runtime of a source's body; an empty `Runtime` if it has no body or does not report one.

    Args:
        source: any source.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> runtime_of(ToySource())
        Runtime(backend='', precision='', reason='', hint='', streams=1)
    """
    return source.runtime if isinstance(source, HasRuntime) else Runtime()


def with_all_blocks(source: Source) -> Source:
    """The source with every block of its body, where it gives only some (`BlockSelecting`); else the same source.

    Args:
        source: any source.

    Examples:
        >>> from headstart.sources import open_source
        >>> source = open_source("headstart:image")
        >>> with_all_blocks(source.only_blocks(["layer2"])) is source
        True
    """
    every = source.all_blocks() if isinstance(source, BlockSelecting) else ()
    if not isinstance(source, BlockSelecting) or every == source.info.blocks or not every:
        return source
    return source.only_blocks([block.name for block in every])


def reads_positions(source: object) -> bool:
    """Whether a source gives one row per position of an item.

    Args:
        source: any source except a `Branching` one, which always gives one row per item.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> reads_positions(ToySource()), reads_positions(ToySource().with_layers("last", positions=True))
        (False, True)
    """
    return isinstance(source, PositionReading) and bool(source.positions)
