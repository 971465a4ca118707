"""LoRA: a low-rank update of every wide layer is trained, and merged into the layer afterwards.

Reference: Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models".

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting
from headstart.tune.structure.low_rank import low_rank_plan
from headstart.tune.structure.peft_modules import check_peft
from headstart.tune.training.settings import Training
from headstart.types import Source

__all__ = ["LORA", "LowRankAdaptation"]


@dataclass(frozen=True)
class LowRankAdaptation:
    """Training of A and B in W + (alpha/r) B A, for the body's layers, and of the head, from the closed-form head.

    Afterwards the update is merged, and the body has its original structure. For which layers are trained and when peft
    is used see `headstart.tune.structure.low_rank.low_rank_plan`.

    Attributes:
        training: the training settings.
        rank: r, 8 as in peft.
        alpha: 8 as in peft.
        rate: multiplies the learning rate of A and B, 10: low-rank modules need about ten times the rate of full
            fine-tuning (Schulman et al. 2025, "LoRA Without Regret").
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = LORA.plan(toy_setting(LORA))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(4, 10.0), (2, 1.0)]
    """

    training: Training = Training()
    rank: int = 8
    alpha: float = 8.0
    rate: float = 10.0
    name: str = "lora"

    def __post_init__(self) -> None:
        check_number(self.rank, "rank", type(self).__name__, low=1, integer=True)
        check_number(self.alpha, "alpha", type(self).__name__, low=0, open_low=True)
        check_number(self.rate, "rate", type(self).__name__, low=0, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """Train the low-rank modules and the head."""
        return low_rank_plan(setting, self.name, rank=self.rank, alpha=self.alpha, rate=self.rate, decomposed=False)

    def check(self, source: Source) -> None:
        """Raise before any work if the source's body is a transformer and peft is not installed."""
        check_peft(self.name, source)

    fit = fit_moved


LORA = LowRankAdaptation()
