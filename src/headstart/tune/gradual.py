"""Gradual unfreezing: with discriminative rates; the last block moves first, then one more at a time.

Reference: Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", sections 3.2 and 3.3.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import ULMFIT_DECAY, Plan, Setting, decayed_rates, head_group
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["GRADUAL", "GradualUnfreezing", "begins"]


def begins(count: int, epochs: int) -> list[float]:
    """The share of the training from which each block moves, stem first.

    The last block moves from the start, and one more in each epoch; where the epochs are too few for that, the blocks
    are spread evenly over them.

    Args:
        count: number of blocks.
        epochs: of the training.

    Examples:
        >>> begins(3, 6)
        [0.3333333333333333, 0.16666666666666666, 0.0]
        >>> begins(4, 2)
        [0.75, 0.5, 0.25, 0.0]
    """
    return [(count - 1 - k) / max(count, epochs) for k in range(count)]


@dataclass(frozen=True)
class GradualUnfreezing:
    """Fine-tuning from the solved head, block after block from the last to the first.

    The epoch in which the paper moves a fresh head alone is not needed, since the head is solved.

    Attributes:
        training: how it trains; the schedule is the paper's slanted triangular one.
        decay: the rate of a block is that of the next one times this, 1/2.6 as in the paper. The head moves at the rate
            of the last block.
        name: the name in the registry.

    Examples:
        >>> round(GRADUAL.decay, 3), GRADUAL.training.schedule
        (0.385, 'slanted')
    """

    training: Training = Training(schedule="slanted")
    decay: float = ULMFIT_DECAY
    name: str = "gradual"

    def __post_init__(self) -> None:
        check_number(self.decay, "decay", type(self).__name__, low=0, high=1, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """All parameters move, each block from its time on."""
        groups = setting.network.groups
        rates = decayed_rates(len(groups), self.decay)
        starts = begins(len(groups), setting.training.epochs)
        moved = [
            ParameterGroup(names, rate, begin=start) for names, rate, start in zip(groups, rates, starts, strict=True)
        ]
        return Plan((*moved, head_group(setting.network)))

    fit = fit_moved


GRADUAL = GradualUnfreezing()
