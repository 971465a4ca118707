"""A frozen body with a small one beside it, as a source whose small part can be moved."""

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

LABELS = ("side", "body")  # the small part first, so that the last block is the large body's usual output


class SideBySide(nn.Module):
    """A body that stays in evaluation mode, and one that does not.

    Args:
        side: moves.
        body: rests.

    Examples:
        >>> both = SideBySide(nn.ReLU(), nn.Dropout()).train()
        >>> both.side.training, both.body.training
        (True, False)
    """

    def __init__(self, side: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.side, self.body = side, body

    def train(self, mode: bool = True) -> Self:
        """Training mode for the part that moves."""
        super().train(mode)
        self.body.eval()
        return self


class SidedSource(FusedSource):
    """A fused source of a small part and a large body that read the same prepared items.

    Saved, it is a fused source, and opens as one.

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
        """As of a fused source, with its columns as those of one body: nothing is left out or weighed by part."""
        whole = FusedSource(self.parts, labels=self.names).info
        return replace(whole, blocks=tuple(replace(block, part="") for block in whole.blocks))

    def prepare(self, item: Any) -> Any:
        """What both parts read of one item; `ItemError` as of the large body."""
        return self.parts[1].prepare(item)

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, sum of block widths) of n prepared items."""
        return np.concatenate([part.forward(prepared) for part in self.parts], axis=1)

    def trainable(self) -> Trainable:
        """Both bodies; only the small one's parameters are in a group, and no gradient goes through the large one.

        Raises:
            SourceError: if one of the bodies cannot be moved.
        """
        side, body = (trainable(part) for part in self.parts)

        def forward(module: Any, batch: Any) -> list[Tensor]:
            with torch.no_grad():
                resting = body.forward(module.body, batch)
            return [*side.forward(module.side, batch), *resting]

        own, head = body.source_head, None
        if own is not None:
            head = lambda module, batch: own(module.body, batch)  # noqa: E731 (of a value that is not None)
        groups = tuple(tuple(f"side.{name}" for name in group) for group in side.groups)
        return Trainable(SideBySide(side.module, body.module), forward, body.collate, groups, body.kind, head)

    def with_module(self, module: nn.Module, name: str) -> Source:
        """The same with the small part's weights of ``module``; the large body is not copied.

        Args:
            module: from `trainable`, with other weights in ``side``.
            name: the new small part's full name.
        """
        side = self.parts[0]
        if not isinstance(side, TrainableSource):
            raise SourceError(f"The source '{side.info.name}' has no body that can be fine-tuned.")
        return SidedSource((side.with_module(module.get_submodule("side"), name), self.parts[1]), labels=LABELS)
