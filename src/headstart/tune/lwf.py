"""Learning without forgetting: the source head's predictions on the target's items are kept by a distillation loss.

Reference: Li & Hoiem 2016, "Learning without Forgetting": L = L_task + λ KL(p_frozen ‖ p_tuned), where both are the
source head's probabilities, softened by a temperature T (Hinton et al. 2015).

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.params import check_number
from headstart.tune.losses.distillation import row_distance, softened_divergence
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.structure.source_head import frozen_body, running_statistics_kept, source_head_groups
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training

__all__ = ["LWF", "LearningWithoutForgetting"]


@dataclass(frozen=True)
class LearningWithoutForgetting:
    """Fine-tuning with a penalty on changes of the source head's predictions for the target's items.

    If the body has no source head, changes of its last block's rows are penalised instead, by `row_distance`. The
    frozen body sees the same augmented items, so the two can be compared under mixup too. The source head's own weights
    are trained as well, and stay in the body.

    Attributes:
        training: the training settings.
        weight: λ, 4 (TLlib's).
        temperature: T, 3 (as there; the paper's is 2).
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift, toy_with_head
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = LWF.plan(toy_setting(LWF, toy_with_head(toy_shift())))
        >>> len(plan.groups), plan.penalty is None  # blocks, source head and head, with a penalty
        (5, False)
    """

    training: Training = Training()
    weight: float = 4.0
    temperature: float = 3.0
    name: str = "lwf"

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", type(self).__name__, low=0)
        check_number(self.temperature, "temperature", type(self).__name__, low=0, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters, including those of the source head."""
        network = setting.network
        head, body, frozen = network.trainable.source_head, network.body, frozen_body(network.body)

        def penalty(batch: Batch, blocks: Sequence[Tensor], logits: Tensor) -> Tensor:  # noqa: ARG001 (other head)
            if head is None:
                with torch.no_grad():
                    before = network.trainable.forward(frozen, batch.inputs)[-1]
                return self.weight * row_distance(blocks[-1], before)
            with torch.no_grad():
                before = head(frozen, batch.inputs)
            with running_statistics_kept(body):
                now = head(body, batch.inputs)
            return self.weight * softened_divergence(now, before, self.temperature)

        own = () if head is None else source_head_groups(setting, head)
        return Plan((*body_groups(network), *own, head_group(network)), penalty)

    fit = fit_moved


LWF = LearningWithoutForgetting()
