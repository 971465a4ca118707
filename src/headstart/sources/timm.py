"""timm: image bodies of the timm library, ``timm:NAME``, with their own preprocessing.

Facts that only torch and timm can compute about a body are cached, so these libraries are imported only when needed.

Reference: Wightman, "PyTorch Image Models", 2019.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import first_items, to_tensors
from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key, rows_key
from headstart.engine.capabilities import Runtime
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import HeadstartError, SourceError
from headstart.io import file_digest, follow_umask, write_json
from headstart.sources.bodies.body_source import BlockSource
from headstart.sources.bodies.copies import as_trainable, frozen_copy, structure_of
from headstart.sources.bodies.hidden_layers import Layers, check_layers, save_reading
from headstart.sources.bodies.hub_cache import cached_repositories
from headstart.sources.bodies.map_body import MapBody
from headstart.sources.bodies.model_card import published_accuracy
from headstart.sources.bodies.picture_side import described_at, no_other_side
from headstart.sources.bodies.seeded import example_pictures, state_digest
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.bodies.weights import Weights, copy_unchanged
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.sources.scheme import Scheme
from headstart.sources.timm_bodies.hub import cached_weights, full_name, pretrained_config
from headstart.sources.timm_bodies.maps import timm_map_body
from headstart.sources.timm_bodies.module import TimmSpec, measure, reader, source_logits
from headstart.sources.timm_bodies.weights import random_weights
from headstart.types import Block, Modality, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SCHEME", "TimmSource", "random_weights"]

VERSION = 1  # to be raised when the same body and picture give other features
DECIDING = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")  # keys that affect features


class TimmSource(BlockSource[NDArray[np.uint8]]):
    """An image body of timm: the pooled outputs of its blocks, then the input of its classifier.

    Args:
        spec: how it is built and how its images are preprocessed.
        weights: its weights.
        info: the facts known so far; the source adds the missing ones.
        layers: which layers are read, as in `with_layers`.
        positions: whether each position of the feature map, or each patch, has a row.
        facts: the facts that `measure` returns; by default they are measured, or read from the cache.
        installed: whether every install has it under the name in ``info``, so a model need not store its weights.

    Attributes:
        spec: as given.
        body: runs the module on a backend.

    Examples:
        >>> spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
        >>> TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image")).info.num_features
        96
    """

    def __init__(
        self,
        spec: TimmSpec,
        weights: Weights[Callable[[], nn.Module]],
        info: SourceInfo,
        *,
        layers: Layers = "blocks",
        positions: bool = False,
        facts: Mapping[str, Any] | None = None,
        installed: bool = False,
    ) -> None:
        self.spec = spec
        self._installed = installed
        self._weights, self._layers, self._positions = weights, layers, positions
        preprocessing = {key: spec.pretrained_cfg[key] for key in DECIDING if spec.pretrained_cfg.get(key) is not None}
        built = (spec.architecture, dict(spec.model_args), preprocessing, weights.key)
        # Without adapters nothing is added to the key, so features cached before stay valid.
        inserted = [dict(spec.structure)] if spec.structure else []
        key = recipe_key("timm", VERSION, *built, layers, positions, *inserted)
        self.body = body = FrozenBody(Recipe(key, self._build, self._example, lasting=weights.lasting))
        self._facts = facts or body.facts(lambda module, run: measure(spec, module, run, layers, weights.file))
        self._transform = PictureTransform.from_timm(self._facts["config"])
        blocks = tuple(Block(name, width) for name, width in self._facts["blocks"])
        self._info = replace(
            info,
            blocks=blocks,
            num_features=blocks[-1].width,
            parameters=self._facts["parameters"],
            input=self._facts["config"],
        )

    @property
    def runtime(self) -> Runtime:
        """The runtime of its body."""
        found = super().runtime
        return replace(found, hint="; ".join(filter(None, [found.hint, self._weights.note()])))

    @property
    def picture_transform(self) -> PictureTransform:
        """How pictures are resized and cropped."""
        return self._transform

    @property
    def positions(self) -> bool:
        """Whether each position has a row; else each item has one."""
        return self._positions

    def with_body(self, body: FrozenBody) -> TimmSource:
        """The same source with the same blocks, run by another form of its body.

        Args:
            body: of the same recipe, with all its blocks.
        """
        other = copy(self if self._choice is None else self._choice.full)
        other.body = body
        return self._alike(other)

    def prepare(self, item: object) -> NDArray[np.uint8]:
        """The image after timm's own evaluation transform, (height, width, 3) uint8, not yet normalised.

        Raises:
            ItemError: if the image cannot be read.
        """
        return self._transform.prepare(item)

    def forward(self, prepared: Sequence[NDArray[np.uint8]]) -> Any:
        """The rows of n prepared images.

        Returns:
            (n, sum of block widths) float32; with ``positions``, a list of n arrays (positions of the map or patches,
            sum of block widths) float32.
        """
        rows = self.body(np.stack(prepared))
        return list(rows) if self._positions else rows

    def untrained(self, seed: int) -> TimmSource:
        """The same body with random weights; it is built only when needed."""
        name = f"{self.info.name} (untrained, seed {seed})"
        info = replace(self.info, name=name, sha256=None, revision=None)
        return self._alike(
            self._with(random_weights(self.spec, seed), info, self._layers, self._positions, self._facts)
        )

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> TimmSource:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (the default), ``"all"`` (every submodule that computes a new activation,
                as in Head2Toe, and the last output), or names of submodules, or ``"last"``, which is always read last.
            positions: whether each position of the feature map, or each patch, has a row. `forward` then returns one
                array per image. All layers must have maps of the same size.

        Raises:
            ParameterError: for another rule, or for no names.
            UnknownNameError: for a name that the body lacks.
            SourceError: for a submodule without an output or without a map, and for maps of several sizes.
        """
        wanted = check_layers(layers, self._facts["modules"])
        return self._with(self._weights, self.info, wanted, positions, None)

    def with_side(self, side: int) -> TimmSource:
        """The same body for pictures of another size, named with ``@SIDE``; its own size gives the source itself.

        Args:
            side: height and width of its pictures, in pixels.

        Raises:
            SourceError: if the body reads pictures of its own size only.
        """
        if list(self._facts["config"]["input_size"]) == [3, side, side]:
            return self
        spec = replace(self.spec, pretrained_cfg={**self.spec.pretrained_cfg, "input_size": (3, side, side)})
        info = described_at(self.info, side)
        rest: dict[str, Any] = {"layers": self._layers, "positions": self._positions, "installed": self._installed}
        try:
            return self._alike(TimmSource(spec, self._weights, info, **rest))
        except HeadstartError:  # such as missing or damaged weights: they are at fault, and no size helps
            raise
        except (AssertionError, RuntimeError, ValueError) as error:  # raised by bodies of a fixed size
            raise no_other_side(self.info.name, side, error) from error

    def trainable(self) -> Trainable:
        """The body for training; each call returns a separate copy of the module."""
        module, forward = self._build(self._chosen, stop=False)
        logits = source_logits(self.spec, module)
        head = None if logits is None else lambda inner, batch: logits(inner, batch)[0]
        example = first_items(self._example(), 1)
        return as_trainable(module, forward, _collate, "picture", example=to_tensors(example), source_head=head)

    def with_module(self, module: nn.Module, name: str) -> TimmSource:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights or with adapters; it must not be changed afterwards.
            name: the new source's full name.
        """
        spec = replace(self.spec, structure=structure_of(module))
        digest = state_digest(module)
        weights = Weights(digest, lambda: frozen_copy(module), lasting=False)
        facts = {
            **self._facts,
            "modules": [part for part, _ in module.named_modules() if part],
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
            "is_file": False,  # the weights differ from the file: `save` must write them
        }
        info = replace(self.info, name=name, sha256=None, revision=None)
        tuned = TimmSource(spec, weights, info, layers=self._layers, positions=self._positions, facts=facts)
        return self._alike(tuned)

    def map_body(self) -> MapBody:
        """The body whose blocks are read as maps, at any size that it can read."""
        height, width = self._facts["config"]["input_size"][1:]
        key = recipe_key(
            "timm maps",
            VERSION,
            self.spec.architecture,
            dict(self.spec.model_args),
            self._weights.key,
            dict(self.spec.structure),
            self._transform.mean,
            self._transform.std,
        )
        load = self._weights.load
        return timm_map_body(key, self.spec, load, (height, width), lasting=self._weights.lasting)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder in timm's own format, which ``timm.create_model("local-dir:...")`` loads too.

        Adapters, and layers other than the default ones, are recorded in headstart.json next to it; timm alone cannot
        load a body with adapters. For a source that every install has, nothing is written and its name is returned.

        Raises:
            DigestError: if the file of the weights has changed since it was opened.
        """
        if self._installed:
            return {"name": self.info.name, "sha256": self._weights.digest}
        folder.mkdir(parents=True, exist_ok=True)
        # An unchanged file is copied, so its digest stays that of the publisher.
        if self._weights.file is not None and self._facts["is_file"]:
            copy_unchanged(self._weights.file, folder / "model.safetensors", self._weights.digest)
        else:
            from safetensors.torch import save_file

            tensors = {key: value.contiguous() for key, value in self._weights.load().state_dict().items()}
            save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
            follow_umask(folder / "model.safetensors")
        config = {
            "architecture": self.spec.architecture,
            "num_features": self.info.num_features,
            "model_args": dict(self.spec.model_args),
            "pretrained_cfg": dict(self.spec.pretrained_cfg),
        }
        write_json(folder / "config.json", config)
        return save_reading(folder, self._layers, positions=self._positions, structure=self.spec.structure)

    def _with(
        self,
        weights: Weights[Callable[[], nn.Module]],
        info: SourceInfo,
        layers: Layers,
        positions: bool,
        facts: Mapping[str, Any] | None,
    ) -> TimmSource:
        return TimmSource(self.spec, weights, info, layers=layers, positions=positions, facts=facts)

    def _build(self, only: tuple[str, ...] = (), *, stop: bool = True) -> tuple[nn.Module, Forward]:
        module = self._weights.load().eval()
        return module, reader(self.spec, module, self._layers, positions=self._positions, only=only, stop=stop)

    def _build_selected(self, names: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        return self._build(names)

    def _compared(self, prepared: Sequence[NDArray[np.uint8]]) -> Batch:
        return np.stack(prepared)

    def _rows_key(self, form: str) -> str:
        return rows_key("image", self.body.recipe.key, asdict(self._transform), form)

    def _example(self) -> Batch:
        return np.stack([self.prepare(picture) for picture in example_pictures()])


def _collate(prepared: Sequence[NDArray[np.uint8]]) -> Any:
    return to_tensors(np.stack(prepared))


def _describe(name: str) -> SourceInfo:
    config = pretrained_config(name)
    file = cached_weights(config)
    # The cache stores large files under their sha256 digest, and links to them.
    blob = file.resolve().name if file else ""
    accuracy, source_task = published_accuracy(file.parent / "README.md") if file else (None, None)
    return SourceInfo(
        name=f"timm:{full_name(config)}",
        modality="image",
        architecture=config["architecture"],
        license=config.get("license"),
        revision=file.parent.name if file else None,
        sha256=blob if re.fullmatch("[0-9a-f]{64}", blob) else None,
        input={key: config[key] for key in ("input_size", "mean", "std", "interpolation", "crop_pct")},
        accuracy=accuracy,
        source_task=source_task,
    )


def _open(name: str, modality: Modality | None) -> TimmSource:  # noqa: ARG001 - the caller compares modalities
    config = pretrained_config(name)
    args = {"num_classes": config["num_classes"]} if "num_classes" in config else {}
    spec = TimmSpec(config["architecture"], args, config)
    if _describe(name).sha256 is None:
        _pretrained(name)  # downloads the weights
    info, file = _describe(name), cached_weights(config)
    digest = info.sha256 or (file_digest(file) if file else state_digest(_pretrained(name)))
    return TimmSource(spec, Weights(digest, lambda: _pretrained(name), file), info)


def _pretrained(name: str) -> nn.Module:
    import timm

    try:
        return timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(
            f"The weights of 'timm:{name}' are neither on this machine nor could they be fetched: {reason}; "
            f"open it once while online, or copy the checkpoint here and use 'local:PATH'."
        ) from error


def _cached() -> list[str]:
    return [name.removeprefix("timm/") for name in cached_repositories("timm/")]


SCHEME = Scheme("timm:NAME", open=_open, describe=_describe, names=_cached)
