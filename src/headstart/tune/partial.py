"""Partial fine-tuning: the last blocks move, the first ones stay as they are.

Reference: Yosinski et al. 2014, "How transferable are features in deep neural networks?": first layers are general,
last ones specific.

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
    """Fine-tuning of the body's last blocks from the solved head.

    Statistics of the normalisations in frozen blocks stay as they are too. Without augmentation the frozen blocks run
    once for each item, which makes this the cheapest strategy that moves a body.

    Attributes:
        training: how it trains; without augmentation.
        blocks: how many blocks move, counted from the last, 2; a body with fewer moves as a whole.
        name: the name in the registry.

    Examples:
        >>> PARTIAL.blocks
        2
    """

    training: Training = Training(augmentation="none")
    blocks: int = 2
    name: str = "partial"

    def __post_init__(self) -> None:
        check_number(self.blocks, "blocks", type(self).__name__, low=1, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """The last blocks and the head move."""
        first = len(setting.network.groups) - self.blocks
        return Plan((*body_groups(setting.network, first=first), head_group(setting.network)))

    fit = fit_moved


PARTIAL = PartialFineTuning()
