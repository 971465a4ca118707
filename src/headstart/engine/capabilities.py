"""What a source may offer beyond `headstart.types.Source`: small Protocols, each of which a source may have or lack.

A source with the required methods alone works everywhere. Each capability is a method or a property of that name, no
base class, and is asked for by ``isinstance``. A source that wraps another one passes on what that one has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.errors import ItemError
from headstart.types import FeatureMatrix, Source

__all__ = [
    "BatchPreparing",
    "Branching",
    "Cacheable",
    "HasRuntime",
    "LabelReading",
    "LayerChoosing",
    "PositionReading",
    "ReadyRows",
    "Runtime",
    "reads_positions",
    "runtime_of",
]


@dataclass(frozen=True)
class Runtime:
    """What runs a body, as far as it has been chosen.

    Attributes:
        backend: such as ``"openvino"``; empty before it is chosen, and where there is no body.
        precision: the number format, such as ``"bf16"``; empty as above.
        reason: why it runs in this way, in a sentence; empty for nothing.
        hint: what could not be had and the user can mend, in a sentence; empty for nothing.
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
    """Runs a body, and says in which way.

    Examples:
        >>> from headstart.sources.vector import VectorSource
        >>> isinstance(VectorSource(), HasRuntime)
        False
    """

    @property
    def runtime(self) -> Runtime:
        """The backend, the number format and the reason for them; asking chooses and loads nothing."""
        ...


@runtime_checkable
class Cacheable(Protocol):
    """Picks its backend itself and names the key under which its rows may be kept; without it they are never kept.

    The key stands for everything but the item that decides a row: weights, layers, preprocessing and the form in which
    the body runs. Of an item that is found under it the row is taken as it was kept, in this process or a later one.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), Cacheable)
        True
    """

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """Pick the backend; called before ``forward``, and again for each new set of items.

        Args:
            engine: what the user wants.
            count: about how many items will be encoded, which decides whether converting the body pays.
            few: gives some prepared items of the real data, on which backends are compared; slow, so it is called only
                where one has to be.

        Returns:
            The key, the same for the same choice in every process; None where rows must not be kept.
        """
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
        """``prepare`` for many items; an `ItemError` stands in the place of its item."""
        ...


@runtime_checkable
class Branching(Protocol):
    """Is made of sources whose rows stand side by side in its own.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("fused:toy+toy"), Branching)
        True
    """

    @property
    def branches(self) -> Sequence[tuple[Source, int | None]]:
        """Each source with the position in an item of the part that it encodes; None for the item itself."""
        ...


@runtime_checkable
class ReadyRows(Protocol):
    """Knows items that are rows already, such as those of a matrix.

    Examples:
        >>> from headstart.sources.vector import VectorSource
        >>> isinstance(VectorSource(), ReadyRows)
        True
    """

    def ready_rows(self, items: Sequence[Any]) -> FeatureMatrix | None:
        """The rows of all items without a copy; None where each item has to be looked at."""
        ...


@runtime_checkable
class LayerChoosing(Protocol):
    """Has layers to choose among.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> source = ToySource()
        >>> isinstance(source, LayerChoosing), [block.name for block in source.with_layers("last").info.blocks]
        (True, ['trigrams'])
    """

    def with_layers(self, layers: str | Sequence[str], *, positions: bool = False) -> Source:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"``, ``"all"``, or names of layers.
            positions: whether each position (token, patch, frame) has a row, so that ``forward`` gives n arrays (k,
                width).
        """
        ...


@runtime_checkable
class PositionReading(Protocol):
    """Says whether it gives a row for each position of an item, or one for the item.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), PositionReading)
        True
    """

    @property
    def positions(self) -> bool:
        """Whether ``forward`` gives n arrays (k, width)."""
        ...


@runtime_checkable
class LabelReading(Protocol):
    """Encodes texts beside its items, by a text tower that was trained together with its body (CLIP).

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), LabelReading)
        False
    """

    def label_rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows (C, sum of block widths) of C texts, 0 but in the last block."""
        ...

    def label_scale(self) -> float:
        """What the towers were trained to multiply cosines with: the inverse of a softmax's temperature."""
        ...


def runtime_of(source: object) -> Runtime:
    """What runs a source's body; empty where it does not say, or has none.

    Args:
        source: any.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> runtime_of(ToySource())
        Runtime(backend='', precision='', reason='', hint='', streams=1)
    """
    return source.runtime if isinstance(source, HasRuntime) else Runtime()


def reads_positions(source: object) -> bool:
    """Whether a source gives a row for each position of an item.

    Args:
        source: any but one of several branches, which gives one row an item.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> reads_positions(ToySource()), reads_positions(ToySource().with_layers("last", positions=True))
        (False, True)
    """
    return isinstance(source, PositionReading) and bool(source.positions)
