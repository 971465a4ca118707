"""Contrastive few-shot learning: items of a class are drawn together, others apart, then the head is solved again.

References: Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit); Khosla et al. 2020,
"Supervised Contrastive Learning"; Gunel et al. 2021, "Supervised Contrastive Learning for Pre-trained Language Model
Fine-tuning", whose sum of both losses this is::

    L = share * contrast(rows of the last layer) + (1 - share) * cross-entropy(logits)

SetFit encodes both texts of each pair that it draws. Here a batch holds several items of several classes, each goes
through the body once, and all n (n - 1) / 2 pairs of the batch count.

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.params import check_choice, check_number
from headstart.tasks import is_classification
from headstart.tune.losses.contrastive import pair_cosine_loss, supervised_contrastive_loss
from headstart.tune.moving.candidates import Moved
from headstart.tune.moving.cross_fitted import move_cross_fitted
from headstart.tune.moving.move import fit_moved, move
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.training.batches import Batch
from headstart.tune.training.class_batches import ClassBatches
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source, Task

__all__ = ["CONTRASTIVE", "ContrastiveFewShot"]

LEAST_PARTED = 3  # items, or groups, of the largest class: two are left wherever one is left out
MOST_CROSSED = 2000  # items, beyond which a fifth of them judges well and six trainings take long

ContrastiveLoss = Literal["supervised", "cosine"]


@dataclass(frozen=True)
class ContrastiveFewShot:
    """Fine-tuning of the body by a contrastive loss, for few items of each class.

    Attributes:
        training: how it trains; its batch size is the number of items of which all pairs count.
        loss: ``"supervised"`` (Khosla et al. 2020) or ``"cosine"`` (that of SetFit).
        temperature: of the supervised contrastive loss.
        share: of the contrastive loss; the rest is cross-entropy.
        each: items of each class in a batch, at least 2; more where that many classes are not there.
        few: up to so many items of the smallest class all are trained on, six times: the training has a fixed length.
        name: the name in the registry.

    Examples:
        >>> CONTRASTIVE.loss
        'supervised'
    """

    training: Training = Training(epochs=10, batch_size=64)
    loss: ContrastiveLoss = "supervised"
    temperature: float = 0.1
    share: float = 0.9
    each: int = 2
    few: int = 100
    name: str = "contrastive"

    def __post_init__(self) -> None:
        owner = type(self).__name__
        check_choice(self.loss, "loss", owner, get_args(ContrastiveLoss))
        check_number(self.temperature, "temperature", owner, low=0, open_low=True)
        check_number(self.share, "share", owner, low=0, high=1)
        check_number(self.each, "each", owner, low=2, integer=True)
        check_number(self.few, "few", owner, low=0, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """All parameters move but the embeddings of tokens; batches hold several items of each of their classes.

        Raises:
            DataError: if items have no class each, or no class has two.
        """
        _check(setting.task, setting.y)
        held = len(np.unique(setting.y))
        classes = min(held, max(2, setting.training.batch_size // self.each))
        each = max(self.each, setting.training.batch_size // classes)
        batches = ClassBatches(setting.batches, setting.targets, classes, each, seed=setting.seed)
        first = 1 if setting.network.trainable.kind == "tokens" and len(setting.network.groups) > 1 else 0
        groups = (*body_groups(setting.network, first=first), head_group(setting.network))
        return Plan(groups, loss=partial(self._loss, setting), batches=batches)

    def fit(
        self, source: Source, train: Dataset, *, valid: Dataset | None = None, seed: int = 0, budget: Budget = Budget()
    ) -> TransferModel:
        """The best of the frozen features and what was made of the moved body, as `move` judges them.

        With a validation part it is the best of what was made of the moved body, judged on that part.
        """
        _check(*train.labelled())
        if valid is not None:
            return fit_moved(self, source, train, valid=valid, seed=seed, budget=budget)
        return min(self.move(source, train, seed=seed, budget=budget).candidates, key=lambda one: one.loss).model

    def is_crossed(self, train: Dataset) -> bool:
        """Whether a class has so few items that all are trained on, and judged by bodies that left them out."""
        y = train.labelled()[1]
        _, first = np.unique(np.arange(len(y)).astype(str) if train.groups is None else train.groups, return_index=True)
        parted = np.unique(y[first], return_counts=True)[1].max() >= LEAST_PARTED
        return bool(parted and len(y) <= MOST_CROSSED and np.unique(y, return_counts=True)[1].min() <= self.few)

    def move(
        self,
        source: Source,
        train: Dataset,
        *,
        seed: int = 0,
        budget: Budget = Budget(),
        search: HeadSearch = HeadSearch(),
        engine: Engine = Engine(),
    ) -> Moved:
        """With few items of a class as `move_cross_fitted`; with more, or on several workers, as `moving.move`."""
        _check(*train.labelled())
        if engine.ray is None and self.is_crossed(train):
            return move_cross_fitted(self, source, train, seed=seed, budget=budget, search=search, engine=engine)
        return move(self, source, train, seed=seed, budget=budget, search=search, engine=engine)

    def _loss(self, setting: Setting, batch: Batch) -> Tensor:
        blocks = setting.network.blocks(batch.inputs)
        value = self.share * self._contrast()(blocks[-1], batch.targets.argmax(dim=1))
        if self.share < 1:
            logits = setting.network.head(torch.cat([block.float() for block in blocks], dim=1))
            value = value + (1 - self.share) * setting.losses(logits, batch.targets).mean()
        return value

    def _contrast(self) -> Callable[[Tensor, Tensor], Tensor]:
        if self.loss == "cosine":
            return pair_cosine_loss
        return partial(supervised_contrastive_loss, temperature=self.temperature)


def _check(task: Task, y: NDArray[Any]) -> None:
    if not is_classification(task) or np.unique(y, return_counts=True)[1].max() < 2:
        raise DataError(
            f"The strategy 'contrastive' needs a class for each item, and a class with two items. Got a {task.kind} "
            f"task with {len(y)} items; use 'lp_ft' or 'frozen'."
        )


CONTRASTIVE = ContrastiveFewShot()
