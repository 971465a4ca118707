"""Image and audio bodies of transformers: every layer's mean over patches, space or frames, or a row for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import first_items, to_tensors
from headstart.engine.body.machine import release
from headstart.engine.body.recipe import Batch, Recipe, recipe_key, rows_key
from headstart.engine.capabilities import Runtime
from headstart.engine.extract import encode
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.sources.bodies.copies import as_trainable, by_shape, joined_shapes
from headstart.sources.bodies.hidden_layers import Layers, Reading, check_layers, save_reading
from headstart.sources.bodies.seeded import drawn_by
from headstart.sources.bodies.trainable import PreparedKind, Trainable
from headstart.sources.transformers.media_fronts import Front, PictureFront
from headstart.sources.transformers.parts import moved_parts, parameter_count
from headstart.types import Block, FeatureMatrix, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["MediaBody", "MediaParts"]

LAYOUT = 1  # raised when the same checkpoint gives other features than before


@dataclass(frozen=True)
class MediaParts:
    """What an image or audio source of transformers is made of; nothing in it has been loaded yet.

    Attributes:
        key: digest of everything that decides the features: weights, configuration, preprocessing.
        build: makes the module in evaluation mode: with its weights for None, with fresh ones for a seed.
        front: makes arrays of items.
        settings: the preprocessing, as plain values.
        copy: writes a checkpoint folder of the body with its weights, or with those of a seed.
        write: writes a checkpoint folder of the body with the weights of a module of the same make.
        structure: what was inserted into the body, as `headstart.sources.bodies.copies.structure_of` tells.
        lasting: whether a later process can open it again.

    Examples:
        >>> MediaParts(key="", build=None, front=None, settings={}, copy=None, write=None).settings
        {}
    """

    key: str
    build: Callable[[int | None], nn.Module]
    front: Front
    settings: Mapping[str, Any]
    copy: Callable[[Path, int | None], None]
    write: Callable[[Path, nn.Module], None]
    structure: Mapping[str, Any] = field(default_factory=dict)
    lasting: bool = True


class MediaBody:
    """An image or audio source of transformers; of a sound longer than 30 seconds, the first 30 count.

    Opening it loads no weights: they are loaded where a backend has to be made, or where facts about the body are not
    known yet. Sounds of different lengths never share a batch, so none is padded and the features of one do not depend
    on its neighbours.

    Args:
        parts: what it is made of.
        info: what is known; the rest is filled in.
        layers: which layers are read, as in `with_layers`.
        positions: whether each patch or frame has a row.
        seed: for the body with fresh random weights, their seed.
        facts: what is known of the body where it need not be found out.

    Attributes:
        body: how it is run.

    Examples:
        >>> from transformers import ViTConfig, ViTModel
        >>> from headstart.sources.preprocessing.picture_transform import PictureTransform
        >>> from headstart.sources.transformers.media_fronts import PictureFront
        >>> config = ViTConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> front = PictureFront(PictureTransform(size=(224, 224), scale=(224, 224)))
        >>> parts = MediaParts("tiny", lambda seed: ViTModel(config), front, {}, copy=None, write=None)
        >>> MediaBody(parts, SourceInfo("tiny", "image"), layers="last", seed=0).info.blocks
        (Block(name='last', width=8),)
    """

    def __init__(
        self,
        parts: MediaParts,
        info: SourceInfo,
        *,
        layers: Layers = "blocks",
        positions: bool = False,
        seed: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.parts = parts
        hidden = _places if positions else _layers
        self._reading = Reading(
            lambda module, batch: hidden(module, parts.front.inputs(batch)), _names, layers, positions
        )
        self._seed = seed
        trained = recipe_key("media", LAYOUT, parts.key, layers, positions)
        key = trained if seed is None else recipe_key(trained, drawn_by(seed))
        self.body = FrozenBody(Recipe(key, self._build, self._example, lasting=parts.lasting))
        self._facts = facts or self.body.facts(self._measure)
        self._given = info
        self._info = replace(
            info,
            num_features=self._facts["blocks"][-1][1],
            blocks=tuple(Block(name, width) for name, width in self._facts["blocks"]),
            architecture=self._facts["architecture"],
            parameters=self._facts["parameters"],
            input=parts.settings,
        )

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def runtime(self) -> Runtime:
        """What runs its body."""
        return self.body.runtime

    @property
    def body_key(self) -> str:
        """Tells its body from all others."""
        return self.body.recipe.key

    @property
    def positions(self) -> bool:
        """Whether each position has a row; else each item has one."""
        return self._reading.positions

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[NDArray[Any]]]) -> str:
        """Pick the backend for about ``count`` items; gives the digest under which their rows may be kept.

        Args:
            engine: what the user wants.
            count: how many items will be encoded.
            few: gives some prepared items; called where a backend is compared with the plain body.
        """

        def batch() -> Batch | None:
            prepared = few()
            groups = _by_shape(prepared)
            return self._stacked([prepared[k] for k in max(groups, key=len)]) if groups else None

        form = self.body.choose(engine.backend, count, batch)
        return rows_key(self.info.modality, self.body.recipe.key, form, release("transformers"))

    def prepare(self, item: Any) -> NDArray[Any]:
        """The item as the body's own processor makes it: pixels, samples, or frames of a spectrogram.

        Raises:
            ItemError: if the item cannot be read.
        """
        return self.parts.front.prepare(item)

    def forward(self, prepared: Sequence[NDArray[Any]]) -> Any:
        """The rows of n prepared items.

        Returns:
            (n, sum of block widths) float32; with ``positions``, a list of n arrays (patches or frames, sum of block
            widths) float32.
        """
        width = sum(block.width for block in self.info.blocks)
        positions = self._reading.positions
        rows: Any = [None] * len(prepared) if positions else np.empty((len(prepared), width), np.float32)
        for group in _by_shape(prepared):
            found = self.body(self._stacked([prepared[k] for k in group]))
            if positions:
                for k, row in zip(group, found, strict=True):
                    rows[k] = row
            else:
                rows[group] = found
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> MediaBody:
        """The same body with fresh random weights."""
        name = f"{self.info.name} (untrained, seed {seed})"
        info = replace(self._given, name=name, sha256=None, revision=None)
        layers, positions = self._reading.layers, self._reading.positions
        return MediaBody(self.parts, info, layers=layers, positions=positions, seed=seed, facts=self._facts)

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> MediaBody:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (at most 13 hidden states, evenly spread: the default), ``"all"`` (every
                hidden state), or names: of a hidden state (``"hidden.3"``), ``"last"`` for the last one, or of a
                submodule, first to last.
            positions: whether each patch or frame has a row, so that `forward` gives one array an item; class tokens
                and the like have none.

        Raises:
            ParameterError: for another rule, or no names.
            UnknownNameError: for a name that the body lacks.
            SourceError: for a submodule whose output is no row for each patch or frame.
        """
        wanted = check_layers(layers)
        return MediaBody(self.parts, self._given, layers=wanted, positions=positions, seed=self._seed)

    def trainable(self) -> Trainable:
        """The body as training sees it; each call makes a module of its own.

        Items of several shapes, such as sounds of several lengths, are in one batch: each shape runs by itself, and
        none is padded.
        """
        module, reading = self._build()
        kind: PreparedKind = "picture" if isinstance(self.parts.front, PictureFront) else "array"
        example = to_tensors(first_items(self._example(), 1))

        def forward(inner: nn.Module, batch: Any) -> list[Tensor]:
            return by_shape(reading, inner, batch)

        return as_trainable(module, forward, self._collate, kind, example=example)

    def with_module(self, module: nn.Module, name: str) -> MediaBody:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights, or with adapters; it is not changed any more.
            name: the new source's full name.
        """
        parts = replace(self.parts, **moved_parts(self.parts, module))
        info = replace(self._given, name=name, sha256=None, revision=None)
        layers, positions = self._reading.layers, self._reading.positions
        facts = {**self._facts, "parameters": parameter_count(module)}
        return MediaBody(parts, info, layers=layers, positions=positions, facts=facts)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder of transformers."""
        self.parts.copy(folder, self._seed)
        layers, positions = self._reading.layers, self._reading.positions
        return save_reading(folder, layers, positions=positions, structure=self.parts.structure)

    def _collate(self, prepared: Sequence[NDArray[Any]]) -> Any:
        groups = _by_shape(prepared)
        batches = [to_tensors(self._stacked([prepared[k] for k in group])) for group in groups]
        return batches[0] if len(batches) == 1 else joined_shapes(groups, batches)

    def _build(self) -> tuple[nn.Module, Reading]:
        return self.parts.build(self._seed), self._reading

    def _example(self) -> Batch:
        return self._stacked([self.prepare(item) for item in self.parts.front.example()])

    def _stacked(self, prepared: Sequence[NDArray[Any]]) -> Batch:
        return self.parts.front.batch(np.stack(prepared))

    def _measure(self, module: Any, _forward: object) -> dict[str, Any]:
        return {
            "blocks": self._reading.widths(module, first_items(self._example(), 1)),
            "architecture": str(module.config.model_type),
            "parameters": parameter_count(module),
        }


def _by_shape(prepared: Sequence[NDArray[Any]]) -> list[list[int]]:
    """Positions of the items of each shape."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, values in enumerate(prepared):
        groups.setdefault(values.shape, []).append(position)
    return list(groups.values())


def _names(count: int) -> list[str]:
    return [*(f"hidden.{k}" for k in range(count - 1)), "last"]


def _layers(module: nn.Module, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """Hidden states; the last is the pooler's of convolutional bodies."""
    output = module(**inputs, output_hidden_states=True)
    last = output.last_hidden_state
    pooled = last.ndim == 4 and "pooler_output" in output
    return [*output.hidden_states[:-1], output.pooler_output.flatten(1) if pooled else last]


def _places(module: Any, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """Hidden states without the tokens that stand before those of the patches."""
    output = module(**inputs, output_hidden_states=True)
    hidden = [*output.hidden_states[:-1], output.last_hidden_state]
    side = getattr(module.config, "patch_size", None)
    if "pixel_values" not in inputs or not isinstance(side, int) or hasattr(module.config, "depths"):
        return hidden
    height, width = inputs["pixel_values"].shape[2:]
    patches = (height // side) * (width // side)
    return [tensor[:, tensor.shape[1] - patches :] for tensor in hidden]
