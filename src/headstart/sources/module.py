"""``module(...)``: any torch body of the user's own as a source."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from headstart.engine.extract import encode
from headstart.engine.pooling import blocks_forward
from headstart.engine.torch_body import TorchBody
from headstart.errors import ItemError, SourceError
from headstart.sources.scheme import Scheme
from headstart.sources.seeded import seeded
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SCHEME", "ModuleSource", "module"]


def module(
    body: nn.Module,
    preprocess: Callable[[Any], Any],
    *,
    name: str,
    modality: Modality,
    blocks: Sequence[str] | None = None,
    num_features: int | None = None,
) -> ModuleSource:
    """A source from a torch module and a function that makes one tensor of an item.

    The module is put into evaluation mode and onto the best device. A model that was fitted on it cannot keep it: on
    loading, give the source again.

    Args:
        body: called with a batch of the tensors; gives (n, width), (n, tokens, width) or (n, channels, h, w), which is
            pooled to one row an item.
        preprocess: item to tensor, all of one shape; called by several threads at once.
        name: your name for it, without a scheme.
        modality: the kind of items that it encodes.
        blocks: names of submodules whose pooled outputs are wanted too, first to last.
        num_features: width of the last output; by default the first batch tells.

    Returns:
        The source.

    Raises:
        SourceError: if a block is no submodule of the body.

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
        sha256=_digest(body),
    )
    return ModuleSource(body, preprocess, info, tuple(blocks or ()))


def _digest(body: nn.Module) -> str:
    """The digest of all weights, so that a changed body is another source."""
    digest = hashlib.sha256()
    for name, tensor in body.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().double().numpy().tobytes())
    return digest.hexdigest()


class ModuleSource:
    """What `module` gives.

    Args:
        body: the module.
        preprocess: item to tensor.
        info: what is known about it; the widths are filled in by the first batch.
        blocks: submodules whose outputs are wanted.

    Attributes:
        body: the module and how it is run.

    Examples:
        >>> import torch
        >>> source = ModuleSource(torch.nn.ReLU(), torch.tensor, SourceInfo("module:relu", "vector"))
        >>> source.encode([[-1.0, 2.0]])
        array([[0., 2.]], dtype=float32)
    """

    def __init__(
        self, body: nn.Module, preprocess: Callable[[Any], Any], info: SourceInfo, blocks: tuple[str, ...] = ()
    ) -> None:
        self._names = blocks
        self._preprocess = preprocess
        self._info = info
        self.body = TorchBody(body, blocks_forward(blocks, lambda inner, batch: inner(batch)))

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def precision(self) -> str:
        """The number format that it runs in, ``"bf16"`` or ``"fp32"``; final after the first batch."""
        return self.body.precision

    def prepare(self, item: Any) -> Any:
        """What the user's function makes of the item.

        Raises:
            ItemError: if that function fails.
        """
        try:
            return self._preprocess(item)
        except ItemError:
            raise
        except Exception as error:  # the user's function may raise anything
            raise ItemError(
                f"The preprocessing of '{self.info.name}' failed: {type(error).__name__}: {error}"
            ) from error

    def forward(self, prepared: Sequence[Tensor]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n prepared items.

        Raises:
            SourceError: if the prepared tensors are not of one shape.
        """
        import torch

        shapes = {tuple(tensor.shape) for tensor in prepared}
        if len(shapes) > 1:
            raise SourceError(
                f"The preprocessing of '{self.info.name}' must give tensors of one shape. "
                f"Got {sorted(shapes)[:3]} instead."
            )
        batch = torch.stack(list(prepared))
        if not self._info.blocks:
            widths = self.body.widths(batch[:1])
            blocks = tuple(Block(name, width) for name, width in zip([*self._names, "last"], widths, strict=True))
            self._info = replace(self._info, blocks=blocks, num_features=widths[-1])
        return self.body(batch)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> ModuleSource | None:
        """The same body with every layer's own fresh weights; None where a layer has no ``reset_parameters``."""
        layers = [
            layer for layer in self.body.module.modules() if next(layer.parameters(recurse=False), None) is not None
        ]
        if not layers or not all(hasattr(layer, "reset_parameters") for layer in layers):
            return None
        fresh = copy.deepcopy(self.body.module)

        def reset() -> None:
            for layer in fresh.modules():
                reset_layer = getattr(layer, "reset_parameters", None)
                if callable(reset_layer):
                    reset_layer()

        seeded(seed, reset)
        info = replace(self.info, name=f"{self.info.name} (untrained, seed {seed})", sha256=_digest(fresh))
        return ModuleSource(fresh, self._preprocess, info, self._names)

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - code cannot be stored
        """Its name only: the module's code is the user's, so the source has to be given again on loading."""
        return {"name": self.info.name}


def _refuse(name: str, modality: Modality | None = None) -> NoReturn:  # noqa: ARG001 - as `Scheme.open` is called
    raise SourceError(
        f"The source 'module:{name}' is a torch module of yours and is not stored; make it again with "
        "headstart.sources.module.module(...) and pass it as source=."
    )


SCHEME = Scheme("module:NAME", open=_refuse, describe=_refuse, names=lambda: ())
