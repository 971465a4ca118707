"""LP-FT: the head is solved first, then body and head move together.

Reference: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution":
features are distorted while a fresh head is still learnt; from a fitted head they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.model import TransferModel
from headstart.params import check_number
from headstart.tune.layer_rates import decayed_rates
from headstart.tune.moving import fit_moved
from headstart.tune.plan import Plan, Setting, body_groups, head_group
from headstart.tune.settings import Budget, Training
from headstart.types import Dataset, Source

__all__ = ["LP_FT", "LinearProbingFineTuning"]


@dataclass(frozen=True)
class LinearProbingFineTuning:
    """Fine-tuning of the whole body from the solved head, earlier blocks at lower rates.

    Attributes:
        training: how it trains.
        decay: the rate of a block is that of the next one times this, 0.75 (timm's default for layer decay); 1 for one
            rate. The head moves at the rate of the last block.
        name: the name in the registry.

    Examples:
        >>> LP_FT.decay
        0.75
    """

    training: Training = Training()
    decay: float = 0.75
    name: str = "lp_ft"

    def __post_init__(self) -> None:
        check_number(self.decay, "decay", type(self).__name__, low=0, high=1, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """All parameters move."""
        rates = decayed_rates(len(setting.network.groups), self.decay)
        return Plan((*body_groups(setting.network, rates=rates), head_group(setting.network)))

    def fit(
        self, source: Source, train: Dataset, *, valid: Dataset | None = None, seed: int = 0, budget: Budget = Budget()
    ) -> TransferModel:
        """The model of least validation loss that this training gives, as `headstart.tune.moving.fit_moved` has it."""
        return fit_moved(self, source, train, valid=valid, seed=seed, budget=budget)


LP_FT = LinearProbingFineTuning()
