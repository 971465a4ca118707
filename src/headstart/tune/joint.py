"""Joint training: on target and source, L_target + λ L_source, with source items replayed.

Reference: Caruana 1997, "Multitask Learning"; Rebuffi et al. 2017, "iCaRL" (replay of stored items against forgetting).

Command: headstart fit DATA --strategy joint --source-data DATA

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from torch import Tensor

from headstart.params import check_number
from headstart.tune.moving.contract import check_replayed
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.structure.source_head import running_statistics_kept
from headstart.tune.structure.source_task import remove_source_head, source_task
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import to_device
from headstart.tune.training.settings import Training
from headstart.types import Dataset

__all__ = ["JOINT", "Joint"]


@dataclass(frozen=True)
class Joint:
    """Fine-tuning on target items and equally many source items in every step.

    The source loss uses the body's own source head if that has the classes of ``source_data``, and otherwise a head
    that is solved on the frozen features of the source items (`headstart.tune.structure.source_task`). Batch
    normalisations normalise source items by their own statistics, and their running statistics follow the target's
    items only.

    Attributes:
        training: the training settings.
        source_data: labelled items of the source task, of the target's modality.
        weight: λ, the weight of the source loss, 1.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> strategy = Joint(source_data=shift.source_data, training=Training(epochs=1))
        >>> model = strategy.fit(shift.source, shift.train.take(range(24)))
        >>> model.predict_proba(shift.test.items).shape
        (240, 2)
    """

    training: Training = Training()
    source_data: Dataset | None = field(default=None, repr=False)
    weight: float = 1.0
    name: str = "joint"

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", type(self).__name__, low=0)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters, including those of the source head.

        Raises:
            DataError: if there are no labelled source items.
        """
        check_replayed(self.name, self.source_data)
        network, found = setting.network, source_task(setting, cast("Dataset", self.source_data))
        replay = found.draw_from(found.targets)

        def penalty(batch: Batch, blocks: Sequence[Tensor], _: Tensor) -> Tensor:
            inputs, wanted = replay.draw(len(batch.positions))
            with running_statistics_kept(network.body):
                logits = found.logits(network.body, to_device(inputs, blocks[-1].device.type))
            return self.weight * task_loss(found.task, logits.float(), wanted.to(logits.device)).mean()

        groups = (*body_groups(network), *found.groups, head_group(network))
        return Plan(groups, penalty, finish=partial(remove_source_head, network))

    fit = fit_moved


JOINT = Joint()
