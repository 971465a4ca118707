"""Partial fine-tuning: the last blocks are trained, and the first ones stay frozen.

Reference: Yosinski et al. 2014, "How transferable are features in deep neural networks?": the first layers are general,
the last ones specific to the task.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.training.settings import Training

__all__ = ["PARTIAL", "PartialFineTuning"]


@dataclass(frozen=True)
class PartialFineTuning:
    """Fine-tuning of the body's last blocks and of the head, from the closed-form head.

    The normalisation statistics of frozen blocks stay fixed too. Without augmentation the frozen blocks run only once
    per item, which makes this the cheapest strategy that fine-tunes a body.

    Attributes:
        training: the training settings; without augmentation.
        blocks: how many blocks are trained, counted from the last, 2; all blocks of a body that has fewer.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = PARTIAL.plan(toy_setting(PARTIAL))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(4, 1.0), (4, 1.0), (2, 1.0)]
    """

    training: Training = Training(augmentation="none")
    blocks: int = 2
    name: str = "partial"

    def __post_init__(self) -> None:
        check_number(self.blocks, "blocks", type(self).__name__, low=1, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """Train the last blocks and the head."""
        first = len(setting.network.groups) - self.blocks
        return Plan((*body_groups(setting.network, first=first), head_group(setting.network)))

    fit = fit_moved


PARTIAL = PartialFineTuning()
