"""FastestDet as a source of pictures: the pooled maps of its trunk, then that of its neck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key, rows_key
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import SourceError
from headstart.io import file_digest, write_json, write_tensors
from headstart.sources.bodies.activations import activations
from headstart.sources.bodies.body_source import BlockSource
from headstart.sources.bodies.copies import as_trainable, frozen_copy, structure_of
from headstart.sources.bodies.hidden_layers import Layers, check_layers, save_reading
from headstart.sources.bodies.map_body import MapBody
from headstart.sources.bodies.pooling import blocks_forward, pool, position_rows
from headstart.sources.bodies.seeded import example_pictures, initialization_key, seeded, state_digest
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.bodies.weights import Weights, copy_unchanged
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FastestDetSource", "FastestDetWeights", "random_fastestdet"]

VERSION = 1  # to be raised when the same body and picture give other features
SIDE = 352
FILE = "fastestdet.safetensors"
BLOCKS = ("backbone.stage2", "backbone.stage3", "backbone.stage4")


@dataclass(frozen=True)
class FastestDetWeights(Weights[Callable[[], "nn.Module"]]):
    """The origin of the weights.

    Attributes:
        neck: whether they hold the neck, or only the trunk.
        classes: classes of the detection head that they hold, 0 for none.
        structure: the adapters inserted into the network.

    Examples:
        >>> random_fastestdet(0).neck
        True
    """

    neck: bool = field(default=True, kw_only=True)
    classes: int = field(default=0, kw_only=True)
    structure: Mapping[str, Any] | None = None


class FastestDetSource(BlockSource[NDArray[np.uint8]]):
    """FastestDet: the pooled outputs of the three stages of its trunk, then of its neck.

    Pictures are resized to 352 x 352 pixels, without keeping their proportions, as in its own training.

    Args:
        weights: its weights.
        info: the facts known so far; the source adds the missing ones.
        layers: which layers are read, as in `with_layers`.
        positions: whether each position of the map has a row.

    Attributes:
        body: runs the network on a backend.

    Examples:
        >>> source = FastestDetSource(random_fastestdet(0), SourceInfo("fastestdet", "image"))
        >>> source.info.num_features, source.strides[16]
        (96, 'SPP')
    """

    def __init__(
        self, weights: FastestDetWeights, info: SourceInfo, *, layers: Layers = "blocks", positions: bool = False
    ) -> None:
        self._weights, self._layers, self._positions = weights, layers, positions
        inserted = [dict(weights.structure)] if weights.structure else []
        key = recipe_key("fastestdet", VERSION, weights.key, weights.neck, layers, positions, *inserted)
        self.body = body = FrozenBody(Recipe(key, self._build, self._example, lasting=weights.lasting))
        self._facts = body.facts(self._measure)
        self._transform = PictureTransform((SIDE, SIDE), (SIDE, SIDE), "stretch", "bilinear")
        blocks = tuple(Block(name, width) for name, width in self._facts["blocks"])
        settings = {"input_size": [3, SIDE, SIDE], "interpolation": "bilinear", "crop_mode": "squash"}
        self._info = replace(
            info, blocks=blocks, num_features=blocks[-1].width, parameters=self._facts["parameters"], input=settings
        )

    @property
    def positions(self) -> bool:
        """Whether each position has a row; else each picture has one."""
        return self._positions

    @property
    def picture_transform(self) -> PictureTransform:
        """How pictures are resized."""
        return self._transform

    @property
    def strides(self) -> Mapping[int, str]:
        """The submodule whose output is the map of each stride."""
        from headstart.sources.detection_bodies.fastestdet import STRIDES

        trunk = {**STRIDES, 16: "backbone.stage3"}
        return STRIDES if self._weights.neck else trunk

    def detection_head(self) -> Mapping[str, Tensor]:
        """The tensors of its own detection head, by name; none if its weights hold none."""
        head = self._weights.load().get_submodule("detect_head") if self._weights.classes else None
        return {} if head is None else head.state_dict()

    def prepare(self, item: object) -> NDArray[np.uint8]:
        """The picture, (352, 352, 3) uint8.

        Raises:
            ItemError: if it cannot be read.
        """
        return self._transform.prepare(item)

    def forward(self, prepared: Sequence[NDArray[np.uint8]]) -> Any:
        """The rows of n prepared pictures.

        Returns:
            (n, sum of block widths) float32; with ``positions``, a list of n arrays (positions, width) float32.
        """
        rows = self.body(np.stack(prepared))
        return list(rows) if self._positions else rows

    def untrained(self, seed: int) -> FastestDetSource:
        """The same body with random weights."""
        info = replace(self.info, name=f"{self.info.name} (untrained, seed {seed})", sha256=None, revision=None)
        weights = random_fastestdet(seed, neck=self._weights.neck)
        return self._alike(FastestDetSource(weights, info, layers=self._layers, positions=self._positions))

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> FastestDetSource:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (the default), ``"all"``, or names of submodules, such as
                ``"backbone.stage3"``, and ``"last"``.
            positions: whether each position of a map has a row. All layers must have maps of the same size.

        Raises:
            ParameterError: for another rule, or for no names.
            UnknownNameError: for a name that the body lacks.
            SourceError: for a submodule without an output, and for maps of several sizes.
        """
        wanted = check_layers(layers, self._facts["modules"])
        return FastestDetSource(self._weights, self.info, layers=wanted, positions=positions)

    def trainable(self) -> Trainable:
        """The body for training; each call returns a separate copy of the module."""
        module, forward = self._build(self._chosen, stop=False)
        example = to_tensors(self._example()[:1])
        return as_trainable(module, forward, lambda items: to_tensors(np.stack(items)), "picture", example=example)

    def with_module(self, module: nn.Module, name: str) -> FastestDetSource:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights or with adapters; it must not be changed afterwards.
            name: the new source's full name.
        """
        weights = replace(
            self._weights, digest=state_digest(module), load=lambda: frozen_copy(module), file=None, lasting=False,
            structure=structure_of(module),
        )  # fmt: skip
        info = replace(self.info, name=name, sha256=None, revision=None)
        return self._alike(FastestDetSource(weights, info, layers=self._layers, positions=self._positions))

    def map_body(self) -> MapBody:
        """The body whose blocks are read as maps: one for each of the strides 8, 16 and 32."""
        key = recipe_key("fastestdet maps", VERSION, self._weights.key, self._weights.neck, self._weights.structure)
        names = tuple(self.strides.values())

        def build(chosen: tuple[str, ...]) -> tuple[nn.Module, Forward]:
            module = self._weights.load().eval()
            read = blocks_forward(
                list(chosen or names), lambda body, x: body(x), last=False, stop=True, rows=lambda x, **_: x.float()
            )
            return module, lambda body, batch: read(body, _blue_first(batch))

        return MapBody(key, self._weights.lasting, (SIDE, SIDE), build, lambda _: names)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write fastestdet.safetensors and fastestdet.json, which ``local:FOLDER`` opens.

        An unchanged file is copied, so its digest stays that of its publisher.

        Raises:
            DigestError: if the file of the weights has changed since it was opened.
        """
        folder.mkdir(parents=True, exist_ok=True)
        target, weights = folder / FILE, self._weights
        if weights.file is not None:
            copy_unchanged(weights.file, target, weights.digest)
        else:
            write_tensors(target, {name: tensor.numpy() for name, tensor in weights.load().state_dict().items()})
        facts = {"architecture": "FastestDet", "license": self.info.license, "sha256": file_digest(target)}
        write_json(target.with_suffix(".json"), facts)
        return save_reading(folder, self._layers, positions=self._positions, structure=weights.structure)

    def _build(self, only: tuple[str, ...] = (), *, stop: bool = True) -> tuple[nn.Module, Forward]:
        module = self._weights.load().eval()
        names = [name for name in self._names(module) if not only or name in only]
        inner = [name for name in names if name != "last"]
        rows = position_rows if self._positions else pool
        read = blocks_forward(inner, lambda body, x: body(x), last="last" in names, stop=stop, rows=rows)
        return module, lambda body, batch: read(body, _blue_first(batch))

    def _build_selected(self, names: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        return self._build(names)

    def _names(self, module: nn.Module) -> list[str]:
        """The layers that are read, first to last."""
        import torch

        if not isinstance(self._layers, str):
            return [*(name for name in self._layers if name != "last"), *({"last"} & set(self._layers))]
        if self._layers == "all":
            with torch.inference_mode():
                return [*activations(module, lambda body: body(torch.zeros(2, 3, 64, 64))), "last"]
        stages = BLOCKS if self._weights.neck else BLOCKS[:-1]  # without the neck the last stage is the last output
        return [*(stages if self._layers == "blocks" else ()), "last"]

    def _measure(self, module: nn.Module, forward: Forward) -> dict[str, Any]:
        import torch

        with torch.inference_mode():
            rows = forward(module, torch.zeros(2, 64, 64, 3, dtype=torch.uint8))
        if len({tuple(block.shape[:-1]) for block in rows}) > 1:
            raise SourceError("The chosen layers have maps of different sizes; choose one of them at a time.")
        return {
            "blocks": [[name, int(row.shape[-1])] for name, row in zip(self._names(module), rows, strict=True)],
            "modules": [name for name, _ in module.named_modules() if name],
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
        }

    def _compared(self, prepared: Sequence[NDArray[np.uint8]]) -> Batch:
        return np.stack(prepared)

    def _rows_key(self, form: str) -> str:
        return rows_key("image", self.body.recipe.key, SIDE, form)

    def _example(self) -> Any:
        transform = PictureTransform((SIDE, SIDE), (SIDE, SIDE), "stretch", "bilinear")
        return np.stack([transform.prepare(picture) for picture in example_pictures()])


def _blue_first(batch: Tensor) -> Tensor:
    """(n, height, width, 3) uint8, red first, as (n, 3, height, width) float32 in [0, 1], blue first."""
    return batch.flip(3).permute(0, 3, 1, 2).float() / 255


def random_fastestdet(seed: int, *, neck: bool = True) -> FastestDetWeights:
    """Random weights, the same for the same seed.

    Args:
        seed: of the weights.
        neck: whether there is a neck, or only the trunk.

    Examples:
        >>> random_fastestdet(0).digest[:17]
        'untrained, seed 0'
    """

    def build() -> nn.Module:
        from headstart.sources.detection_bodies.fastestdet import FastestDet

        return FastestDet(neck=neck, classes=0)

    return FastestDetWeights(initialization_key(seed), lambda: seeded(seed, build), neck=neck)
