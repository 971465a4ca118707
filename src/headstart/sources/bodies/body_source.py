"""What sources with one frozen body share: facts, runtime, the choice of a backend, and the choice of blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from headstart.engine.body.recipe import Batch, Forward
from headstart.engine.capabilities import Runtime, WiderRows
from headstart.engine.extract import encode
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.engine.variants.selected_body import SelectedBody
from headstart.sources.bodies.block_choice import BlockChoice
from headstart.types import Block, FeatureMatrix, Source, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BlockSource", "BodySource"]

Q = TypeVar("Q")  # a prepared item


class BodySource(ABC, Generic[Q]):
    """A source with one frozen body.

    A subclass sets ``body`` and ``_info``, prepares items, and defines which batch of them is compared and which key
    their rows have.

    Attributes:
        body: runs the module on a backend.

    Examples:
        >>> import torch
        >>> from headstart.sources.module import module
        >>> source = module(torch.nn.ReLU(), torch.tensor, name="mine", modality="vector")
        >>> isinstance(source, BodySource), source.body_key == source.body.recipe.key
        (True, True)
    """

    body: FrozenBody | SelectedBody
    _info: SourceInfo

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        return self._info

    @property
    def runtime(self) -> Runtime:
        """The runtime of its body."""
        return self.body.runtime

    @property
    def body_key(self) -> str:
        """The key that identifies its body."""
        return self.body.recipe.key

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Q]]) -> str | None:
        """Choose the backend for about ``count`` items; returns the digest under which their rows may be cached.

        Args:
            engine: the user's options.
            count: how many items will be encoded.
            few: returns some prepared items; called if a backend is compared with the body in plain torch.

        Returns:
            The digest; None if the rows must not be cached.
        """

        def batch() -> Batch | None:
            prepared = few()
            return self._compared(prepared) if len(prepared) else None

        return self._rows_key(self.body.choose(engine.backend, count, batch))

    @abstractmethod
    def prepare(self, item: object) -> Q:
        """One item as the body reads it, such as an array; raises `ItemError` if the item cannot be read."""

    @abstractmethod
    def forward(self, prepared: Sequence[Q]) -> Any:
        """The rows (n, sum of block widths) float32 of n prepared items; with positions, a list of n arrays."""

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n items."""
        return encode(self, items)

    @abstractmethod
    def untrained(self, seed: int) -> Source | None:
        """The same body with random weights; None if it has none."""

    @abstractmethod
    def save(self, folder: Path) -> Mapping[str, str]:
        """Write what opens it again into a folder, and return the reference to it."""

    @abstractmethod
    def _compared(self, prepared: Sequence[Q]) -> Batch:
        """The batch of real items on which number formats are compared."""

    @abstractmethod
    def _rows_key(self, form: str) -> str | None:
        """The digest under which rows may be cached that the form ``form`` of the body computes; None for none."""


class BlockSource(BodySource[Q]):
    """A source with one body that can leave out blocks, so that the layers above the deepest one do not run.

    Examples:
        >>> from headstart.sources import open_source
        >>> some = open_source("headstart:image").only_blocks(["layer2"])
        >>> isinstance(some, BlockSource), [block.name for block in some.info.blocks]
        (True, ['layer2'])
    """

    _choice: BlockChoice[Self] | None = None

    @property
    def body_key(self) -> str:
        """The key that identifies its body and the blocks that are read."""
        key = super().body_key
        return key if self._choice is None else self._choice.key_of(key)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Q]]) -> str | None:
        """Choose the backend, as `BodySource.choose`; the digest includes the blocks that are read."""
        key = super().choose(engine, count, few)
        return key if self._choice is None or key is None else self._choice.key(key)

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks among which `only_blocks` chooses."""
        return self.info.blocks if self._choice is None else self._choice.full.info.blocks

    def only_blocks(self, names: Sequence[str]) -> Self:
        """The same source with only these of `all_blocks`; the layers above the deepest of them do not run.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names.
        """
        full = self if self._choice is None else self._choice.full
        choice = BlockChoice.of(full, full.info.blocks, names, full._build_selected)
        if len(choice.names) == len(full.info.blocks):
            return full
        chosen = copy(full)
        chosen._choice = choice
        chosen.body = SelectedBody(full.body.full, choice.selection)
        chosen._info = replace(full.info, blocks=tuple(b for b in full.info.blocks if b.name in choice.names))
        return chosen

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None if it has all."""
        return None if self._choice is None else self._choice.rows()

    @property
    def _chosen(self) -> tuple[str, ...]:
        """The names of the blocks that were chosen; none if it has all."""
        return () if self._choice is None else self._choice.names

    def _alike(self, other: Self) -> Self:
        """Another source with the same blocks as this one."""
        return other.only_blocks(self._chosen) if self._chosen else other

    @abstractmethod
    def _build_selected(self, names: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        """The module without the layers above the deepest named block, and the forward function of those blocks."""
