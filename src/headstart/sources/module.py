"""Torch module: ``module(...)`` makes a source of any torch module of the user's own.

Command: - (the body is a Python object)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key, rows_key
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.errors import ItemError, SourceError
from headstart.sources.bodies.body_source import BodySource
from headstart.sources.bodies.copies import as_trainable, frozen_copy
from headstart.sources.bodies.pooling import blocks_forward
from headstart.sources.bodies.seeded import seeded, state_digest
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.scheme import Scheme
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SCHEME", "ModuleSource", "module"]

EXAMPLES = 4  # items on which number formats are compared


def module(
    body: nn.Module,
    preprocess: Callable[[Any], Any],
    *,
    name: str,
    modality: Modality,
    blocks: Sequence[str] | None = None,
    num_features: int | None = None,
    version: str | None = None,
) -> ModuleSource:
    """A source made of a torch module and a function from an item to one tensor.

    The module is put into evaluation mode. A fitted model does not store the module: give the source again on loading.

    Args:
        body: called with a batch of the tensors; returns (n, width), (n, tokens, width) or (n, channels, h, w), which
            is pooled to one row per item.
        preprocess: item to tensor or array, all of the same shape; called by several threads at once.
        name: your name for it, without a scheme.
        modality: the modality of the items that it encodes.
        blocks: names of submodules whose pooled outputs become blocks too, first to last; by default none.
        num_features: width of the last output; by default it is measured on the first batch.
        version: your name for the current code of ``body`` and ``preprocess``, such as ``"2"``. With one, features
            are kept in the feature store and reused while version and weights (as of this call) stay the same. By
            default they are computed each time, because changes of your code cannot be detected.

    Returns:
        The source.

    Raises:
        SourceError: if a block is not a submodule of the body.

    Examples:
        >>> import torch
        >>> source = module(torch.nn.Linear(2, 3), torch.tensor, name="mine", modality="vector")
        >>> source.encode([[1.0, 2.0], [3.0, 4.0]]).shape
        (2, 3)
    """
    known = dict(body.named_modules())
    for block in blocks or ():
        if block not in known:
            raise SourceError(f"The body '{name}' has no submodule '{block}'; it has {', '.join(list(known)[1:20])}.")
    info = SourceInfo(
        name=f"module:{name}",
        modality=modality,
        num_features=num_features,
        architecture=type(body).__name__,
        parameters=sum(parameter.numel() for parameter in body.parameters()),
        sha256=state_digest(body),
    )
    return ModuleSource(body, preprocess, info, tuple(blocks or ()), version)


class ModuleSource(BodySource[NDArray[Any]]):
    """The source that `module` returns.

    Args:
        module: the body.
        preprocess: item to tensor or array.
        info: the facts about it; the first batch adds the widths.
        blocks: submodules whose pooled outputs become blocks.
        version: as in `module`.

    Attributes:
        module: the body.
        body: runs the module on a backend.

    Examples:
        >>> import torch
        >>> source = ModuleSource(torch.nn.ReLU(), torch.tensor, SourceInfo("module:relu", "vector"))
        >>> source.encode([[-1.0, 2.0]])
        array([[0., 2.]], dtype=float32)
    """

    def __init__(
        self,
        module: nn.Module,
        preprocess: Callable[[Any], Any],
        info: SourceInfo,
        blocks: tuple[str, ...] = (),
        version: str | None = None,
    ) -> None:
        self.module = module
        self._names = blocks
        self._preprocess = preprocess
        self._info = info
        self._version = version
        self._example: Batch | None = None
        about = (info.name, info.modality, repr(module), info.sha256)
        key = recipe_key("module", *about, blocks, version)
        # Not lasting: no later process can build the body, because its code is not stored.
        self.body = self._frozen = FrozenBody(Recipe(key, self._build, self._few, lasting=False))

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[NDArray[Any]]]) -> str | None:
        """Choose the backend for about ``count`` items; returns the digest under which their rows may be cached.

        Args:
            engine: the user's options.
            count: how many items will be encoded.
            few: returns some prepared items.

        Returns:
            The digest; None without a version, or if no item could be prepared.
        """
        # A recipe needs a batch of real items: the shape of the module's input is not known otherwise.
        if self._example is None:
            prepared = few()
            if not prepared:
                return None
            self._learn(self._stacked(prepared))
        return super().choose(engine, count, list)  # the recipe's batch is one of real items already

    def prepare(self, item: object) -> Any:
        """The item as the user's function prepares it.

        Raises:
            ItemError: if that function fails.
        """
        try:
            value = self._preprocess(item)
        except ItemError:
            raise
        except Exception as error:  # the user's function may raise anything
            raise ItemError(
                f"The preprocessing of '{self.info.name}' failed: {type(error).__name__}: {error}"
            ) from error
        return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)

    def forward(self, prepared: Sequence[NDArray[Any]]) -> FeatureMatrix:
        """The rows of n prepared items.

        Returns:
            (n, sum of block widths) float32.

        Raises:
            SourceError: if the prepared arrays differ in shape.
        """
        batch = self._stacked(prepared)
        if self._example is None:
            self._learn(batch)
        return self.body(batch)

    def _compared(self, prepared: Sequence[NDArray[Any]]) -> Batch:
        return self._stacked(prepared)

    def _rows_key(self, form: str) -> str | None:
        return None if self._version is None else rows_key(self.info.modality, self.body.recipe.key, form)

    def _stacked(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
        shapes = {array.shape for array in prepared}
        if len(shapes) > 1:
            raise SourceError(
                f"The preprocessing of '{self.info.name}' must return tensors of the same shape. "
                f"Got {sorted(shapes)[:3]} instead."
            )
        return np.stack(prepared)

    def _collate(self, prepared: Sequence[NDArray[Any]]) -> Any:
        return to_tensors(self._stacked(prepared))

    def _learn(self, batch: NDArray[Any]) -> None:
        """Keep the first items as examples, and measure the widths of the blocks on them."""
        self._example = batch[:EXAMPLES]
        widths = self._frozen.facts(self._measure)["widths"]
        blocks = tuple(Block(name, width) for name, width in zip([*self._names, "last"], widths, strict=True))
        self._info = replace(self._info, blocks=blocks, num_features=widths[-1])

    def _measure(self, module: nn.Module, run: Forward) -> dict[str, Any]:
        import torch

        with torch.inference_mode():
            return {"widths": [int(block.shape[1]) for block in run(module, torch.from_numpy(self._few()[:1].copy()))]}

    def _few(self) -> Any:
        return self._example

    def _build(self) -> tuple[nn.Module, Forward]:
        return self.module.eval(), blocks_forward(self._names, lambda inner, batch: inner(batch))

    def untrained(self, seed: int) -> ModuleSource | None:
        """The same body with random weights, initialised by each layer; None if a layer has no ``reset_parameters``."""
        layers = [layer for layer in self.module.modules() if next(layer.parameters(recurse=False), None) is not None]
        if not layers or not all(hasattr(layer, "reset_parameters") for layer in layers):
            return None
        fresh = copy.deepcopy(self.module)

        def reset() -> None:
            for layer in fresh.modules():
                reset_layer = getattr(layer, "reset_parameters", None)
                if callable(reset_layer):
                    reset_layer()

        seeded(seed, reset)
        info = replace(self.info, name=f"{self.info.name} (untrained, seed {seed})", sha256=state_digest(fresh))
        return ModuleSource(fresh, self._preprocess, info, self._names, self._version)

    def trainable(self) -> Trainable:
        """The body for training; each call returns a separate copy of the module.

        Before the first batch it is unknown which parameters the features depend on, so all are in a group.
        """
        module, forward = self._build()
        example = None if self._example is None else to_tensors(self._few()[:1])
        return as_trainable(module, forward, self._collate, "array", example=example)

    def with_module(self, module: nn.Module, name: str) -> ModuleSource:
        """The same source with the weights of ``module``, under another name; the module is copied.

        Args:
            module: from `trainable`, with other weights, or with adapters.
            name: the new source's full name.
        """
        kept = frozen_copy(module)  # the user may train the module further
        count = sum(parameter.numel() for parameter in kept.parameters())
        info = replace(self.info, name=name, parameters=count, sha256=state_digest(kept), revision=None)
        tuned = ModuleSource(kept, self._preprocess, info, self._names, self._version)
        tuned._example = self._example
        return tuned

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - code cannot be stored
        """Only its name: the code of the module cannot be stored, so the source must be given again on loading."""
        return {"name": self.info.name}


def _refuse(name: str, modality: Modality | None = None) -> NoReturn:  # noqa: ARG001 - as `Scheme.open` is called
    raise SourceError(
        f"The source 'module:{name}' is a torch module of yours, which is not stored; create it again with "
        "headstart.sources.module.module(...) and pass it as source=."
    )


SCHEME = Scheme("module:NAME", open=_refuse, describe=_refuse, names=lambda: ())
