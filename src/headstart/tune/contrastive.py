"""Contrastive few-shot learning: rows of a class are pulled together, others pushed apart, and then the head is solved.

References: Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit); Khosla et al. 2020,
"Supervised Contrastive Learning"; Gunel et al. 2021, "Supervised Contrastive Learning for Pre-trained Language Model
Fine-tuning", whose weighted sum of two losses is used::

    L = share * contrast(rows of the last layer) + (1 - share) * cross-entropy(logits)

SetFit samples pairs and encodes both texts of each. Here a batch holds several items of several classes. Each item goes
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

MIN_FOR_FOLDS = 3  # items, or groups, of the largest class: two remain in training when one is held out
MAX_CROSS_FITTED = 2000  # with more items a fifth is enough for validation, and six trainings take long

ContrastiveLoss = Literal["supervised", "cosine"]


@dataclass(frozen=True)
class ContrastiveFewShot:
    """Fine-tuning of the body by a contrastive loss, for few items per class.

    Attributes:
        training: the training settings; all pairs within a batch count, so the batch size matters.
        loss: ``"supervised"`` (Khosla et al. 2020) or ``"cosine"`` (that of SetFit).
        temperature: of the supervised contrastive loss.
        share: weight of the contrastive loss, 0.9; cross-entropy has the remaining weight.
        each: items of each class in a batch, at least 2; more if there are too few classes to fill the batch.
        few: with at most this many items in the smallest class, 100, the body is trained on all items and judged by
            cross-fitting, which takes six trainings of fixed length.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> train = toy_shift().train
        >>> CONTRASTIVE.cross_fits(train.take(range(20))), CONTRASTIVE.cross_fits(train)  # by items per class
        (True, False)
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
        """Train all parameters except token embeddings, on batches that hold several items of each of their classes.

        Raises:
            DataError: if the task is not a classification, or no class has two items.
        """
        _check(setting.task, setting.y)
        present = len(np.unique(setting.y))
        classes = min(present, max(2, setting.training.batch_size // self.each))
        each = max(self.each, setting.training.batch_size // classes)
        batches = ClassBatches(setting.batches, setting.targets, classes, each, seed=setting.seed)
        first = 1 if setting.network.trainable.kind == "tokens" and len(setting.network.groups) > 1 else 0
        groups = (*body_groups(setting.network, first=first), head_group(setting.network))
        return Plan(groups, loss=partial(self._loss, setting), batches=batches)

    def fit(
        self,
        source: Source,
        train: Dataset,
        *,
        valid: Dataset | None = None,
        seed: int = 0,
        budget: Budget = Budget(),
        engine: Engine = Engine(),
    ) -> TransferModel:
        """The best candidate, the frozen features among them, as `move` judges them.

        With ``valid`` it is the best candidate of the fine-tuned body, judged on these items.
        """
        _check(*train.labelled())
        if valid is not None:
            return fit_moved(self, source, train, valid=valid, seed=seed, budget=budget, engine=engine)
        moved = self.move(source, train, seed=seed, budget=budget, engine=engine)
        return min(moved.candidates, key=lambda one: one.loss).model

    def cross_fits(self, train: Dataset) -> bool:
        """Whether a class has so few items that all items are trained on, and judged by cross-fitting."""
        y = train.labelled()[1]
        _, first = np.unique(np.arange(len(y)).astype(str) if train.groups is None else train.groups, return_index=True)
        has_folds = np.unique(y[first], return_counts=True)[1].max() >= MIN_FOR_FOLDS
        return bool(has_folds and len(y) <= MAX_CROSS_FITTED and np.unique(y, return_counts=True)[1].min() <= self.few)

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
        """By `move_cross_fitted` if a class has few items; by `moving.move` otherwise, and on several workers."""
        _check(*train.labelled())
        if engine.ray is None and self.cross_fits(train):
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
