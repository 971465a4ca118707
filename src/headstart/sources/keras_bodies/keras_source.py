"""A model of Keras as a source: pictures to the pooled outputs of its blocks, then the input of its classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key, rows_key
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import ParameterError, SourceError
from headstart.io import file_digest, write_json, write_tensors
from headstart.sources.bodies.body_source import BlockSource
from headstart.sources.bodies.copies import as_trainable, frozen_copy, structure_of
from headstart.sources.bodies.hidden_layers import Layers, check_layers, save_reading
from headstart.sources.bodies.pooling import pool
from headstart.sources.bodies.seeded import example_pictures, initialization_key, seeded, state_digest
from headstart.sources.bodies.size_limit import limited_to
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.bodies.weights import Weights
from headstart.sources.keras_bodies.graph import read_graph
from headstart.sources.keras_bodies.pixels import preprocess
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.types import Block, FeatureMatrix, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

    from headstart.sources.keras_bodies.network import KerasNetwork

__all__ = ["FILE", "MOST_SIDE", "WEIGHTS", "KerasSource", "KerasSpec", "KerasWeights", "load_state"]

VERSION = 1  # to be raised when the same body and picture give other features
FILE, WEIGHTS = "keras.json", "model.safetensors"
MOST_SIDE = 1024


@dataclass(frozen=True)
class KerasSpec:
    """How a body is built and how its pictures are preprocessed.

    Attributes:
        model: the configuration that Keras wrote.
        preprocessing: ``"caffe"`` (blue, green, red, minus ImageNet's means), ``"tf"`` (-1 to 1), ``"torch"``
            (ImageNet's means and deviations) or ``"none"`` (0 to 255), as ``preprocess_input`` has them.
        side: height and width of a picture, in pixels.

    Examples:
        >>> KerasSpec({}, "tf", 224).facts["preprocessing"]
        'tf'
    """

    model: Mapping[str, Any]
    preprocessing: str
    side: int

    @property
    def facts(self) -> dict[str, Any]:
        """The preprocessing as plain values."""
        return {
            "input_size": [3, self.side, self.side],
            "preprocessing": self.preprocessing,
            "interpolation": "bilinear",
        }


@dataclass(frozen=True)
class KerasWeights(Weights["Callable[[KerasNetwork], None] | None"]):
    """The origin of a body's weights; ``load`` puts them into a network, and None leaves the random ones.

    Attributes:
        seed: of the random weights that a body begins with.
        numbers: at most about how many numbers its file holds, which bounds the body; None for a known architecture.

    Examples:
        >>> KerasWeights("none", None).seed
        0
    """

    seed: int = 0
    numbers: int | None = None


class KerasSource(BlockSource[NDArray[np.uint8]]):
    """An image body of Keras.

    Args:
        spec: how it is built and how its pictures are preprocessed.
        weights: its weights.
        info: the facts known so far; the source adds the missing ones.
        layers: which layers are read, as in `with_layers`.

    Attributes:
        body: runs the module on a backend.

    Examples:
        >>> layers = [{"class_name": kind, "config": {}} for kind in ("InputLayer", "GlobalAveragePooling2D")]
        >>> spec = KerasSpec({"class_name": "Sequential", "config": {"layers": layers}}, "tf", 8)
        >>> KerasSource(spec, KerasWeights("none", None), SourceInfo("means", "image")).info.num_features
        3
    """

    def __init__(self, spec: KerasSpec, weights: KerasWeights, info: SourceInfo, *, layers: Layers = "blocks") -> None:
        self.spec, self._weights, self._layers = spec, weights, layers
        key = recipe_key("keras", VERSION, spec.model, spec.facts, weights.key, layers)
        self.body = body = FrozenBody(Recipe(key, self._build, self._example, lasting=weights.lasting))
        self._facts = body.facts(self._measure)
        self._transform = PictureTransform((spec.side,) * 2, (spec.side,) * 2, "stretch", "bilinear")
        blocks = tuple(Block(name, width) for name, width in self._facts["blocks"])
        parameters = self._facts["parameters"]
        self._info = replace(
            info, blocks=blocks, num_features=blocks[-1].width, parameters=parameters, input=spec.facts
        )

    @property
    def picture_transform(self) -> PictureTransform:
        """How pictures are resized and cropped."""
        return self._transform

    def prepare(self, item: object) -> NDArray[np.uint8]:
        """The picture stretched to the body's size, (side, side, 3) uint8, as Keras' ``load_img`` does.

        Raises:
            ItemError: if the picture cannot be read.
        """
        return self._transform.prepare(item)

    def forward(self, prepared: Sequence[NDArray[np.uint8]]) -> FeatureMatrix:
        """The rows (n, sum of block widths), float32, of n prepared pictures."""
        return self.body(np.stack(prepared))

    def untrained(self, seed: int) -> KerasSource:
        """The same body with random weights."""
        info = replace(self.info, name=f"{self.info.name} (untrained, seed {seed})", sha256=None)
        weights = KerasWeights(initialization_key(seed), None, seed=seed, numbers=self._weights.numbers)
        return self._alike(KerasSource(self.spec, weights, info, layers=self._layers))

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> KerasSource:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (the default), ``"all"`` (every layer up to the classifier), or names of
                Keras layers, and ``"last"``.
            positions: not supported.

        Raises:
            ParameterError: for another rule, for no names, and for positions.
            UnknownNameError: for a name that the body lacks.
        """
        if positions:
            raise ParameterError("The 'positions' parameter of with_layers must be False for a body of Keras.")
        wanted = check_layers(layers, self._facts["layers"])
        return KerasSource(self.spec, self._weights, self.info, layers=wanted)

    def trainable(self) -> Trainable:
        """The body for training, its parameters grouped from block to block."""
        module, forward = self._build(self._chosen)
        example = to_tensors(self._example()[:1])
        head = _head(self.spec.preprocessing) if module.classifier else None
        found = as_trainable(module, forward, _collate, "picture", example=example, source_head=head)
        return replace(found, groups=_groups(module, [name for group in found.groups for name in group]))

    def with_module(self, module: nn.Module, name: str) -> KerasSource:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights; it must not be changed afterwards.
            name: the new source's full name.

        Raises:
            SourceError: if adapters were inserted.
        """
        if structure_of(module):
            raise SourceError("A body of Keras has no place for adapters; use the strategy 'lora' or 'full'.")
        state = frozen_copy(module).state_dict()
        weights = KerasWeights(
            state_digest(module),
            lambda network: load_state(network, state, name),
            lasting=False,
            numbers=self._weights.numbers,
        )
        info = replace(self.info, name=name, sha256=None)
        return self._alike(KerasSource(self.spec, weights, info, layers=self._layers))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write model.safetensors and keras.json, the graph, which ``local:FOLDER`` opens without Keras."""
        folder.mkdir(parents=True, exist_ok=True)
        module, _ = self._build()
        write_tensors(folder / WEIGHTS, {name: tensor.numpy() for name, tensor in module.state_dict().items()})
        facts = {"model": self.spec.model, "preprocessing": self.spec.preprocessing, "side": self.spec.side}
        about = {"architecture": self.info.architecture, "license": self.info.license}
        write_json(folder / FILE, {**facts, **about, "sha256": file_digest(folder / WEIGHTS)})
        return save_reading(folder, self._layers, positions=False)

    def _build(self, only: tuple[str, ...] = ()) -> tuple[KerasNetwork, Forward]:
        from headstart.sources.keras_bodies.network import KerasNetwork

        where = f"The model '{self._info.name if '_info' in vars(self) else self.spec.preprocessing}'"
        nodes = read_graph(self.spec.model, "The model of Keras")
        numbers = self._weights.numbers
        with nullcontext() if numbers is None else limited_to(numbers, where):
            module = seeded(self._weights.seed, lambda: KerasNetwork(nodes, self.spec.side, where))
        if self._weights.load is not None:
            self._weights.load(module)
        module.eval()
        names = [name for name in self._names(module) if not only or name in only]
        return module, _reader(names, module.trunk, self.spec.preprocessing)  # runs up to the last of these layers

    def _build_selected(self, names: tuple[str, ...]) -> tuple[KerasNetwork, Forward]:
        return self._build(names)

    def _names(self, module: KerasNetwork) -> list[str]:
        """The layers that are read; ``"last"`` stands for the trunk."""
        if not isinstance(self._layers, str):
            return list(self._layers)
        every = [node.name for node in module.nodes[1:]]
        inner = {"blocks": module.blocks, "last": [], "all": every[: every.index(module.trunk)]}[self._layers]
        return [*inner, "last"]

    def _measure(self, module: nn.Module, forward: Forward) -> dict[str, Any]:
        import torch

        from headstart.sources.keras_bodies.network import KerasNetwork

        if not isinstance(module, KerasNetwork):
            raise TypeError("a body of Keras is a KerasNetwork")
        with torch.inference_mode():
            rows = forward(module, to_tensors(self._example()[:2]))
        return {
            "blocks": [[name, int(row.shape[1])] for name, row in zip(self._names(module), rows, strict=True)],
            "layers": [node.name for node in module.nodes[1:]],
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
        }

    def _compared(self, prepared: Sequence[NDArray[np.uint8]]) -> Batch:
        return np.stack(prepared)

    def _rows_key(self, form: str) -> str:
        return rows_key("image", self.body.recipe.key, form)

    def _example(self) -> NDArray[np.uint8]:
        side = self.spec.side
        transform = PictureTransform((side, side), (side, side), "stretch", "bilinear")
        return np.stack([transform.prepare(picture) for picture in example_pictures()])


def _collate(prepared: Sequence[NDArray[np.uint8]]) -> Any:
    return to_tensors(np.stack(prepared))


def _reader(names: Sequence[str], trunk: str, mode: str) -> Forward:
    layers = [trunk if name == "last" else name for name in names]

    def run(module: Any, batch: Tensor) -> list[Tensor]:
        found = module.run(preprocess(batch, mode), layers)
        return [pool(found[name]) for name in layers]

    return run


def _head(mode: str) -> Callable[[nn.Module, Any], Tensor]:
    """The logits of the model's own classifier: its Dense layer without the activation."""

    def logits(module: Any, batch: Tensor) -> Tensor:
        x = preprocess(batch, mode)
        found: Tensor = module.layers[f"{module.classifier}_"].core(module.run(x, [module.trunk])[module.trunk])
        return found

    return logits


def _groups(module: KerasNetwork, used: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Parameters by block: a group ends with the layer whose output is a block."""
    kept, groups, group = set(used), [], []
    ends = set(module.blocks)
    for node in module.nodes[1:]:
        layer = module.layers[f"{node.name}_"]
        group += [full for name, _ in layer.named_parameters() if (full := f"layers.{node.name}_.{name}") in kept]
        if node.name in ends and group:
            groups.append(tuple(group))
            group = []
    if group:
        groups.append(tuple(group))
    return tuple(groups)


def load_state(network: KerasNetwork, state: Mapping[str, Tensor], where: str) -> None:
    """Put the weights of a network into another one of the same graph.

    Args:
        network: it is changed.
        state: tensors by name.
        where: the origin, for messages.

    Raises:
        SourceError: if they do not fit.

    Examples:
        >>> from torch import nn
        >>> load_state(nn.Linear(2, 1), {}, "model")
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights of 'model' do not fit its graph: ...; copy the model again.
    """
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The weights of '{where}' do not fit its graph: {reason}; copy the model again.") from error
