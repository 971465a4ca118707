"""A body and a dense head as one module, and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.annotations import Boxes
from headstart.engine.body.recipe import Forward
from headstart.heads.boxes.detections import as_boxes
from headstart.heads.boxes.network import DenseHead, Predictions, points_of
from headstart.sources.positions.pyramid import Level, read_maps
from headstart.tune.boxes.loss import Objects, detection_loss

__all__ = ["DetectorModule", "detect"]

AT_ONCE = 16  # pictures


class DetectorModule(nn.Module):
    """Pictures in, the predictions of each cell out.

    Args:
        body: the body.
        forward: runs the body, of (module, batch).
        levels: the maps that are read.
        head: the dense head.

    Examples:
        >>> from headstart.heads.boxes.network import HeadShape
        >>> body = nn.Conv2d(3, 96, 16, 16)
        >>> def forward(module, batch):
        ...     return module.get_submodule("0")(batch.permute(0, 3, 1, 2).float())
        >>> whole = DetectorModule(nn.Sequential(body), forward, [Level(16, "0", 96)], DenseHead(HeadShape((16,), (96,), 2)))
        >>> whole(torch.zeros(1, 32, 32, 3, dtype=torch.uint8)).boxes.shape
        torch.Size([1, 4, 4])
    """  # noqa: E501

    def __init__(self, body: nn.Module, forward: Forward, levels: Sequence[Level], head: DenseHead) -> None:
        super().__init__()
        self.body, self.head = body, head
        self._forward, self._names = forward, [level.name for level in levels]
        self._strides = [level.stride for level in levels]

    def forward(self, pictures: Tensor) -> Predictions:
        """What the head says.

        Args:
            pictures: (n, side, side, 3) uint8.
        """
        found: Predictions = self.head(read_maps(self.body, self._forward, self._names, pictures))
        return found

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch, as `collate_boxes` makes it."""
        pictures = batch["pictures"]
        sizes = [(pictures.shape[1] // stride, pictures.shape[2] // stride) for stride in self._strides]
        kept = ~batch["ignored"]
        outside = _outside(batch, sizes) if batch["ignored"].any() else None
        boxes, labels, owners = (batch[name][kept] for name in ("boxes", "labels", "owners"))
        return detection_loss(self(pictures), Objects(boxes, labels, owners), sizes, outside)


def _outside(batch: dict[str, Tensor], sizes: list[tuple[int, int]]) -> Tensor:
    """(n, P) cells in ignored regions."""
    pictures, aside = batch["pictures"], batch["ignored"]
    points = points_of(sizes)[0].to(pictures.device)
    regions = batch["boxes"][aside]
    within = ((points >= regions[:, None, :2]) & (points <= regions[:, None, 2:])).all(-1)  # (regions, P)
    found = torch.zeros(len(pictures), len(points), dtype=torch.bool, device=pictures.device)
    for region, owner in zip(within, batch["owners"][aside].tolist(), strict=True):
        found[owner] |= region
    return found


def detect(module: DetectorModule, pictures: NDArray[np.uint8], sizes: Sequence[tuple[int, int]]) -> list[Boxes]:
    """The boxes of n pictures, in evaluation mode.

    Args:
        module: the detector.
        pictures: (n, side, side, 3) uint8.
        sizes: (width, height) of each original picture.

    Examples:
        >>> from headstart.heads.boxes.network import HeadShape
        >>> from headstart.sources import open_source
        >>> from headstart.sources.bodies.trainable import trainable
        >>> body, levels = trainable(open_source("headstart:image")), [Level(16, "layer3", 192)]
        >>> module = DetectorModule(body.module, body.forward, levels, DenseHead(HeadShape((16,), (192,), 1)))
        >>> [found] = detect(module, np.zeros((1, 64, 64, 3), np.uint8), [(100, 50)])
        >>> found.size
        (100, 50)
    """
    was = module.training
    device = next(module.parameters()).device
    module.eval()
    found: list[Boxes] = []
    with torch.inference_mode():
        for start in range(0, len(pictures), AT_ONCE):
            batch: Any = torch.from_numpy(pictures[start : start + AT_ONCE]).to(device)
            said = module(batch)
            parts = zip(
                said.boxes.double().cpu().numpy(), said.scores().double().cpu().numpy(),
                sizes[start : start + AT_ONCE], strict=True,
            )  # fmt: skip
            found += [as_boxes(boxes, scores, size) for boxes, scores, size in parts]
    module.train(was)
    return found
