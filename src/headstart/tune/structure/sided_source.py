"""A source of a frozen body and a small one beside it, of which the small one can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from headstart.errors import SourceError
from headstart.sources.bodies.trainable import Trainable, TrainableSource, trainable
from headstart.sources.fused import FusedSource
from headstart.types import FeatureMatrix, Source, SourceInfo

__all__ = ["LABELS", "SideBySide", "SidedSource"]

LABELS = ("side", "body")  # the side body first, so that the last block is that of the large body


class SideBySide(nn.Module):
    """Two bodies, of which the large one always stays in evaluation mode.

    Args:
        side: the small body, which is trained.
        body: the large body, which stays frozen.

    Examples:
        >>> both = SideBySide(nn.ReLU(), nn.Dropout()).train()
        >>> both.side.training, both.body.training
        (True, False)
    """

    def __init__(self, side: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.side, self.body = side, body

    def train(self, mode: bool = True) -> Self:
        """Set training mode for the side body only."""
        super().train(mode)
        self.body.eval()
        return self


class SidedSource(FusedSource):
    """A fused source of a side body and a large body that read the same prepared items.

    It is saved as a `FusedSource`, and opens as one.

    Examples:
        >>> from headstart.sources.module import module
        >>> parts = [module(nn.Linear(2, k), np.float32, name="m", modality="vector") for k in (1, 3)]
        >>> [part.encode([[1.0, 2.0]]).shape for part in parts]
        [(1, 1), (1, 3)]
        >>> SidedSource(tuple(parts), labels=LABELS).encode([[1.0, 2.0]]).shape
        (1, 4)
    """

    @cached_property
    def info(self) -> SourceInfo:
        """The info of a fused source, without its parts, so that heads treat the columns as those of one body."""
        fused = FusedSource(self.parts, labels=self.names).info
        return replace(fused, blocks=tuple(replace(block, part="") for block in fused.blocks))

    def prepare(self, item: Any) -> Any:
        """Prepare one item for both bodies; raises `ItemError` as the large body does."""
        return self.parts[1].prepare(item)

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, sum of block widths) of n prepared items."""
        return np.concatenate([part.forward(prepared) for part in self.parts], axis=1)

    def trainable(self) -> Trainable:
        """Both bodies; only the side body's parameters are in groups, and the large body runs without gradients.

        Raises:
            SourceError: if one of the bodies cannot be run as a torch module.
        """
        side, body = (trainable(part) for part in self.parts)

        def forward(module: Any, batch: Any) -> list[Tensor]:
            with torch.no_grad():
                frozen = body.forward(module.body, batch)
            return [*side.forward(module.side, batch), *frozen]

        own, head = body.source_head, None
        if own is not None:
            head = lambda module, batch: own(module.body, batch)  # noqa: E731 (of a value that is not None)
        groups = tuple(tuple(f"side.{name}" for name in group) for group in side.groups)
        return Trainable(SideBySide(side.module, body.module), forward, body.collate, groups, body.kind, head)

    def with_module(self, module: nn.Module, name: str) -> Source:
        """A copy with the side body's weights from ``module``; the large body is not copied.

        Args:
            module: the module of `trainable`, with new weights in ``side``.
            name: full name of the new side body.
        """
        side = self.parts[0]
        if not isinstance(side, TrainableSource):
            raise SourceError(f"The source '{side.info.name}' has no body that can be fine-tuned.")
        return SidedSource((side.with_module(module.get_submodule("side"), name), self.parts[1]), labels=LABELS)
