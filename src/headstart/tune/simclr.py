"""Contrastive views (SimCLR): train a body so that two views of an item lie together and other items apart; no labels.

Each item of a batch is augmented twice, a small network projects the body's last rows, and the loss asks each view to
find its twin among all views of the batch (NT-Xent). The projection is dropped at the end.

Reference: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations".

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.errors import DataError, SourceError
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key
from headstart.tune.augmentation.choice import augmentation_for
from headstart.tune.augmentation.pictures import PictureAugmentation
from headstart.tune.losses.contrastive import supervised_contrastive_loss
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.device import autocast, best_device
from headstart.tune.training.frozen_parts import trained_groups
from headstart.tune.training.job import Job, Outcome, ParameterGroup, check_trained
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training
from headstart.types import Source

__all__ = ["SIMCLR", "ContrastiveViews", "Viewed"]

VALIDATION, MAX_VALIDATION = 0.1, 1000  # share of the items that is held out, and the largest number of them
HELD_OUT = 3  # stream of random numbers that the seed opens; batches have 0 to 2
# small crops make views differ; colours are changed too, or their histogram would tell the twin
VIEWS = PictureAugmentation(scale=(0.2, 1.0))


@dataclass(frozen=True, eq=False)
class Viewed:
    """A body that was trained on views of items.

    Attributes:
        source: the trained body.
        outcome: how the training went; its losses are those of held-out items.
        held_out: how many items were held out.
    """

    source: Source
    outcome: Outcome
    held_out: int


@dataclass(frozen=True)
class ContrastiveViews:
    """Training of a body on two views of each item.

    Attributes:
        training: the settings; a batch of 64 items has 128 views. The augmentation is that of the views.
        temperature: τ of NT-Xent, 0.5 as in the paper for small pictures.
        width: of the projection, 128.
        name: for the record.

    Examples:
        >>> from headstart.sources.timm_architecture import timm_architecture
        >>> pictures = list(np.random.default_rng(0).integers(0, 255, (24, 32, 32, 3)).astype(np.uint8))
        >>> short = ContrastiveViews(Training(epochs=2, batch_size=12, learning_rate=1e-3, keep_trained=True))
        >>> found = short.fit(timm_architecture("test_resnet", side=32), pictures)
        >>> found.source.info.name, found.held_out
        ('timm:test_resnet (untrained, seed 0) (contrastive views)', 2)
    """

    training: Training = Training(epochs=50, batch_size=64, learning_rate=1e-3)
    temperature: float = 0.5
    width: int = 128
    name: str = "contrastive"

    def fit(self, source: Source, items: Sequence[Any], *, seed: int = 0, budget: Budget = Budget()) -> Viewed:
        """Train the body of a source, from the weights that it has.

        Args:
            source: gives body and weights.
            items: 20 or more, without labels.
            seed: of all random numbers.
            budget: time limit, checkpoints and logs.

        Raises:
            SourceError: if there is no body that can be trained.
            DataError: if there are too few items, or items of a kind without augmentation.
            TrainingError: if no epoch got below the validation loss of the start.
        """
        if not isinstance(source, TrainableSource):
            raise SourceError(f"The source '{source.info.name}' has no body that can be trained; name another one.")
        body = source.trainable()
        augment = VIEWS if body.kind == "picture" else augmentation_for(body.kind, "standard")
        if augment is None or len(items) < 20:
            raise DataError(
                f"Contrastive views need at least 20 pictures, sounds or texts. Got {len(items)} items of the kind "
                f"'{body.kind}'."
            )
        order = np.random.default_rng([seed, HELD_OUT]).permutation(len(items))
        count = max(2, min(round(VALIDATION * len(items)), MAX_VALIDATION))

        def batches(part: Any) -> ItemBatches:
            return ItemBatches(
                [items[k] for k in part], np.zeros((len(part), 1)), source.prepare, _pairs(body), self.training,
                seed=seed, augment=lambda item, rng: (augment(item, rng), augment(item, rng)),
            )  # fmt: skip

        seen, held_out = batches(order[count:]), batches(order[:count])
        torch.manual_seed(seed)
        network = _Projected(body, source.info.num_features or 0, self.width)
        groups = trained_groups(network.parameter_groups, network.blocks, self.training)
        job = Job(network, groups, seen, self._of(network), lambda: self._validation(network, held_out))
        key = training_key((self, body_key(source), seed), *(repr(item).encode() for item in items))
        outcome = run_training(job, self.training, key=key, items=len(order) - count, seed=seed, budget=budget)
        check_trained(outcome, source.info.name)
        name = f"{source.info.name} (contrastive views)"
        return Viewed(source.with_module(frozen_copy(network.body), name), outcome, count)

    def _of(self, network: _Projected) -> Any:
        def loss(batch: Batch) -> Tensor:
            codes = torch.arange(len(batch.positions), device=batch.targets.device).repeat(2)
            return supervised_contrastive_loss(network(batch.inputs), codes, temperature=self.temperature) * batch.share

        return loss

    def _validation(self, network: _Projected, held_out: ItemBatches) -> float:
        """The loss of the held-out items, whose views are the same in each epoch."""
        device, total, count = best_device(), 0.0, 0
        network.eval()
        with torch.inference_mode(), autocast(device, self.training.precision):
            for batch in held_out.epoch(0, 0):
                for part in batch:
                    n = len(part.positions)
                    total += float(self._of(network)(replace(part, batch_size=n).to(device))) * n
                    count += n
        return total / max(count, 1)


def _pairs(body: Trainable) -> Any:
    """Collate pairs of views: the first views of all items, then the second ones."""

    def collate(pairs: Sequence[Any]) -> Any:
        return body.collate([first for first, _ in pairs] + [second for _, second in pairs])

    return collate


class _Projected(nn.Module):
    """A body, and a small network that projects its last rows."""

    def __init__(self, trainable: Trainable, features: int, width: int) -> None:
        super().__init__()
        self.body, self._trainable = trainable.module, trainable
        self.projection = nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, width))

    @property
    def blocks(self) -> list[list[str]]:
        """Names of the body's parameters, by block."""
        known = dict(self.body.named_parameters())
        return [[f"body.{name}" for name in group if name in known] for group in self._trainable.groups]

    @property
    def parameter_groups(self) -> tuple[ParameterGroup, ...]:
        """The body's parameters, and those of the projection."""
        projection = tuple(f"projection.{name}" for name, _ in self.projection.named_parameters())
        return ParameterGroup(tuple(name for block in self.blocks for name in block)), ParameterGroup(projection)

    def forward(self, inputs: Any) -> Tensor:
        """The projected rows, in float32."""
        rows = self._trainable.forward(self.body, inputs)[-1]
        projected: Tensor = self.projection(rows.float()).float()
        return projected


SIMCLR = ContrastiveViews()
