"""The base class of transformers' bodies of every modality: layers, random and trained weights, training, saving."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import first_items, to_tensors
from headstart.engine.body.recipe import Batch, DirectForm, Forward, Recipe, Tensors, recipe_key
from headstart.engine.frozen_body import FrozenBody
from headstart.sources.bodies.body_source import BlockSource
from headstart.sources.bodies.copies import as_trainable, by_shape
from headstart.sources.bodies.hidden_layers import MOST_BLOCKS, Layers, Reading, check_layers, save_reading, select
from headstart.sources.bodies.seeded import initialization_key
from headstart.sources.bodies.selected_reading import selected_reading
from headstart.sources.bodies.trainable import PreparedKind, Trainable
from headstart.sources.transformers.parts import BodyParts
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["TransformersBody"]

P = TypeVar("P", bound=BodyParts)
Q = TypeVar("Q")  # a prepared item


class TransformersBody(BlockSource[Q], Generic[P, Q]):
    """A source of transformers: items are prepared as arrays, and the body computes the layers that are read.

    Opening the source loads no weights. They are loaded when a backend is created, or when facts about the body are not
    cached. A subclass defines the preprocessing (`prepare`), which items run together, and how they form a batch.

    Args:
        parts: how its module is built, copied and written.
        info: the facts known so far; the source adds the missing ones.
        layers: which layers are read, as in `with_layers`.
        positions: whether each position has a row.
        seed: for random weights; None for the pretrained ones.
        facts: the facts about the body; by default they are measured, or read from the cache.

    Attributes:
        parts: as given.
        body: runs the module on a backend.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> source = open_source("headstart:text")
        >>> isinstance(source, TransformersBody), source.with_layers("last").info.blocks
        (True, (Block(name='layer.6', width=384),))
    """

    def __init__(
        self,
        parts: P,
        info: SourceInfo,
        *,
        layers: Layers = "blocks",
        positions: bool = False,
        seed: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.parts = parts
        self._reading = self._reader(layers, positions=positions)
        self._seed = seed
        # Random weights depend on the seed and on the releases that draw them, so both are part of the key.
        trained = recipe_key(*self._identity(), layers, positions)
        key = trained if seed is None else recipe_key(trained, initialization_key(seed))
        example = lambda: self._example(self._facts)  # noqa: E731 (called once the facts are known)
        recipe = Recipe(key, self._build, example, lasting=parts.lasting, direct=self._direct())
        self.body = body = FrozenBody(recipe)
        self._facts: Mapping[str, Any] = facts or self._known() or body.facts(self._measure)
        self._given = info
        self._info = replace(
            info,
            num_features=self._facts["blocks"][-1][1],
            blocks=tuple(Block(name, width) for name, width in self._facts["blocks"]),
            architecture=self._facts["architecture"],
            parameters=self._facts["parameters"],
            input=self._preprocessing(),
        )

    @property
    def positions(self) -> bool:
        """Whether each position (token, patch, frame) has a row; else each item has one."""
        return self._reading.positions

    def release(self) -> None:
        """Close the body and free its memory; it is opened again from the cache when it is needed."""
        self.body.release()

    def forward(self, prepared: Sequence[Q]) -> Any:
        """The rows of n prepared items.

        Returns:
            (n, sum of block widths) float32; with ``positions``, a list of n arrays (k, sum of block widths) float32.
        """
        width = sum(block.width for block in self.info.blocks)
        positions = self._reading.positions
        rows: Any = [None] * len(prepared) if positions else np.empty((len(prepared), width), np.float32)
        for group in self._groups(prepared):
            found = self.body(self._batch([prepared[k] for k in group]))
            if positions:
                for k, row in zip(group, found, strict=True):
                    rows[k] = self._own(row, prepared[k])  # without the padding of the batch
            else:
                rows[group] = found  # back in the order of the items
        return rows

    def untrained(self, seed: int) -> Self:
        """The same body with random weights."""
        name = f"{self.info.name} (untrained, seed {seed})"
        info = replace(self._given, name=name, sha256=None, revision=None)
        layers, positions = self._reading.layers, self._reading.positions
        return self._alike(
            type(self)(self.parts, info, layers=layers, positions=positions, seed=seed, facts=self._facts)
        )

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> Self:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (the default: at most 13 hidden states, evenly spaced), ``"all"`` (every
                hidden state), or names of hidden states or submodules, first to last; ``"last"`` names the last hidden
                state. The hidden states of a text body are ``"embeddings"``, ``"layer.1"``, ``"layer.2"``, ...; those
                of other bodies ``"hidden.0"``, ``"hidden.1"``, ...
            positions: whether each token, patch or frame has a row. `forward` then returns one array per item. Special
                tokens of pictures, such as the class token, have no row.

        Raises:
            ParameterError: for another rule, or for no names.
            UnknownNameError: for a name that the body lacks.
            SourceError: for a submodule whose output has no row for each position.
        """
        wanted = check_layers(layers)
        return type(self)(self.parts, self._given, layers=wanted, positions=positions, seed=self._seed)

    def trainable(self) -> Trainable:
        """The body for training; each call returns a separate copy of the module.

        A batch may hold items of several shapes, such as sounds of several lengths: each shape runs separately, without
        padding. Texts are padded to the longest in the batch.
        """
        module, reading = self._build()
        if self._chosen:
            reading = replace(reading, layers=self._chosen)
        example = to_tensors(first_items(self._example(self._facts), 1))

        def forward(inner: nn.Module, batch: Tensors) -> list[Tensor]:
            return by_shape(reading, inner, batch)

        return as_trainable(module, forward, self._collate, self._kind(), example=example)

    def with_module(self, module: nn.Module, name: str) -> Self:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights or with adapters; it must not be changed afterwards.
            name: the new source's full name.
        """
        info = replace(self._given, name=name, sha256=None, revision=None)
        layers, positions = self._reading.layers, self._reading.positions
        facts = {**self._facts, "parameters": self.parts.count(module)}
        parts = self.parts.with_module(module)
        return self._alike(type(self)(parts, info, layers=layers, positions=positions, facts=facts))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder that transformers loads too; an unchanged source of the install is only named."""
        default = self._reading.layers == "blocks" and not self._reading.positions
        if self.parts.reference is not None and default and self._seed is None:
            return self.parts.reference
        self.parts.copy(folder, self._seed)
        layers, positions = self._reading.layers, self._reading.positions
        if layers == "blocks" and self._reading.most != MOST_BLOCKS:  # the folder's own rule would read other layers
            layers = tuple(name for name, _ in self._facts["blocks"])
        return save_reading(folder, layers, positions=positions, structure=self.parts.structure)

    def _build(self) -> tuple[nn.Module, Reading]:
        return self.parts.build(self._seed), self._reading

    def _build_selected(self, names: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        return selected_reading(self.parts.build(self._seed), self._reading, names)

    def _direct(self) -> DirectForm | None:
        """How the body runs without torch, if it can."""
        return None

    def _measure(self, module: nn.Module, _forward: object) -> dict[str, Any]:
        facts = self._about(module)
        blocks = self._reading.widths(module, first_items(self._example(facts), 1))
        return {**facts, "blocks": blocks, "parameters": self.parts.count(module)}

    def _known(self) -> Mapping[str, Any] | None:
        """The facts if the parts hold those of all layers that are read."""
        if self.parts.known is None:
            return None
        widths = dict(self.parts.known["blocks"])
        chosen = select(list(widths), self._reading.layers, self._reading.most)
        if not set(chosen) <= set(widths):
            return None
        return {**self.parts.known, "blocks": [[name, widths[name]] for name in chosen]}

    @abstractmethod
    def _identity(self) -> tuple[object, ...]:
        """Everything that determines the features, except the layers that are read."""

    @abstractmethod
    def _reader(self, layers: Layers, *, positions: bool) -> Reading:
        """How its layers are read."""

    @abstractmethod
    def _preprocessing(self) -> Mapping[str, Any]:
        """The preprocessing of an item, as plain values."""

    @abstractmethod
    def _about(self, module: nn.Module) -> Mapping[str, Any]:
        """The facts about a module that need no run: ``architecture``, and those that `_example` uses."""

    @abstractmethod
    def _example(self, facts: Mapping[str, Any]) -> Batch:
        """A batch of a few synthetic items."""

    @abstractmethod
    def _groups(self, prepared: Sequence[Q]) -> Iterable[Sequence[int] | NDArray[np.intp]]:
        """Indices of the items that run together, group by group."""

    @abstractmethod
    def _batch(self, prepared: Sequence[Q]) -> Batch:
        """The batch of a group of items."""

    @abstractmethod
    def _own(self, row: NDArray[np.float32], prepared: Q) -> NDArray[np.float32]:
        """The rows (k, width) of an item's own positions, without padding."""

    @abstractmethod
    def _kind(self) -> PreparedKind:
        """The kind of a prepared item."""

    @abstractmethod
    def _collate(self, prepared: Sequence[Q]) -> Any:
        """A batch of CPU tensors for training."""
