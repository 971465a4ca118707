"""Contrastive views (SimCLR): train a body so that two views of an item lie together and other items apart; no labels.

Each item of a batch is augmented twice, a small network projects the body's last rows, and the loss asks each view to
find its twin among all views of the batch (NT-Xent). The projection is dropped at the end.

Reference: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations".

Command: headstart pretrain DATA --objective contrastive --out body

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headstart.errors import DataError
from headstart.params import check_number
from headstart.sources.bodies.trainable import Trainable
from headstart.tune.augmentation.choice import augmentation_for
from headstart.tune.augmentation.pictures import PictureAugmentation
from headstart.tune.losses.contrastive import supervised_contrastive_loss
from headstart.tune.objectives.contract import MadeTask
from headstart.tune.training.settings import Training

__all__ = ["CONTRASTIVE", "ContrastiveViews"]

# small crops make views differ; colours are changed too, or their histogram would tell the twin
VIEWS = PictureAugmentation(scale=(0.2, 1.0))


@dataclass(frozen=True)
class ContrastiveViews:
    """Training of a body on two views of each item: pictures, sounds or texts.

    Attributes:
        training: the settings; a batch of 64 items has 128 views. The augmentation is that of the views.
        temperature: τ of NT-Xent, 0.5 as in the paper for small pictures.
        projection: width of the projection, 128.
        name: for the record.

    Examples:
        >>> ContrastiveViews(temperature=0.1).training.batch_size
        64
    """

    training: Training = Training(epochs=50, batch_size=64, learning_rate=1e-3)
    temperature: float = 0.5
    projection: int = 128
    name: str = "contrastive views"

    def __post_init__(self) -> None:
        check_number(self.temperature, "temperature", type(self).__name__, low=0, open_low=True)
        check_number(self.projection, "projection", type(self).__name__, low=1, high=100_000, integer=True)

    def task(self, body: Trainable, width: int, prepared: Sequence[Any]) -> MadeTask:  # noqa: ARG002 (as of others)
        """Find the other view of each item among all views of the batch.

        Raises:
            DataError: for items of a kind without augmentation.
        """
        augment = VIEWS if body.kind == "picture" else augmentation_for(body.kind, "standard")
        if augment is None:
            raise DataError("Contrastive views are made of pictures, sounds or texts. Got items of another kind.")
        view = augment

        def collate(pairs: Sequence[Any]) -> dict[str, Any]:
            return {"inputs": body.collate([first for first, _ in pairs] + [second for _, second in pairs])}

        def loss(rows: Tensor, _: dict[str, Any]) -> Tensor:
            codes = torch.arange(len(rows) // 2, device=rows.device).repeat(2)
            return supervised_contrastive_loss(rows, codes, temperature=self.temperature)

        projected = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.projection))
        return MadeTask(lambda item, rng: (view(item, rng), view(item, rng)), collate, projected, loss)


CONTRASTIVE = ContrastiveViews()
