"""The distillation strategy, which distils the source from larger ones before its head is solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headstart.engine.options import Engine
from headstart.model import TransferModel
from headstart.tune.distillation.distill import DistillationLoss, distill
from headstart.tune.distillation.teachers import Teacher
from headstart.tune.frozen import FROZEN
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source

__all__ = ["Distillation"]


@dataclass(frozen=True)
class Distillation:
    """A smaller body distilled from larger ones on the target's items, then a closed-form head.

    Attributes:
        teachers: the larger sources.
        training: the training settings of the student.
        loss: the loss of the student.
        unlabelled: further items without labels to distil on.
        answers: whether the softened logits of the teachers' closed-form heads are distilled too.
        name: for the record; it is in no registry, since it needs teachers.

    Examples:
        >>> Distillation().name
        'distillation'
    """

    teachers: tuple[Source, ...] = ()
    training: Training = Training(epochs=20)
    loss: DistillationLoss = field(default_factory=DistillationLoss)
    unlabelled: Sequence[Any] = field(default=(), repr=False)
    answers: bool = False
    name: str = "distillation"

    def fit(
        self,
        source: Source,
        train: Dataset,
        *,
        valid: Dataset | None = None,  # noqa: ARG002 (items are held out here, and the head has leave-one-out losses)
        seed: int = 0,
        budget: Budget = Budget(),
        engine: Engine = Engine(),
    ) -> TransferModel:
        """Distil the teachers into ``source``, then solve the head on the labelled items.

        Raises:
            SourceError: if there is no teacher, or the body cannot be fine-tuned.
        """
        items = [*train.items, *self.unlabelled]
        teachers: Sequence[Teacher] = self.teachers
        if self.answers:
            teachers = [FROZEN.fit(teacher, train, seed=seed, engine=engine) for teacher in self.teachers]
        student = distill(
            teachers, source, items, loss=self.loss, training=self.training, seed=seed, budget=budget, engine=engine
        )
        return FROZEN.fit(student, train, seed=seed, budget=budget, engine=engine)
