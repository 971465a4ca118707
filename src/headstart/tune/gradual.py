"""Gradual unfreezing: the last block is trained first, then one more at a time, at discriminative learning rates.

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

__all__ = ["GRADUAL", "GradualUnfreezing", "unfreezing_times"]


def unfreezing_times(count: int, epochs: int) -> list[float]:
    """The share of the training after which each block is unfrozen, stem first.

    The last block is trained from the start, and each epoch unfreezes one more. If there are fewer epochs than blocks,
    the unfreezing is spread evenly over the training.

    Args:
        count: number of blocks.
        epochs: epochs of the training.

    Examples:
        >>> unfreezing_times(3, 6)
        [0.3333333333333333, 0.16666666666666666, 0.0]
        >>> unfreezing_times(4, 2)
        [0.75, 0.5, 0.25, 0.0]
    """
    return [(count - 1 - k) / max(count, epochs) for k in range(count)]


@dataclass(frozen=True)
class GradualUnfreezing:
    """Fine-tuning from the closed-form head, unfreezing block after block from the last to the first.

    The paper first trains a fresh head alone for an epoch. That epoch is not needed here, since the head is solved.

    Attributes:
        training: the training settings; the schedule is the paper's slanted triangular one.
        decay: layer-wise decay, 1/2.6 as in the paper: each block's learning rate is this times that of the next
            block. The head has the rate of the last block.
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
        """Train all parameters, each block from the time when it is unfrozen."""
        groups = setting.network.groups
        rates = decayed_rates(len(groups), self.decay)
        starts = unfreezing_times(len(groups), setting.training.epochs)
        blocks = [
            ParameterGroup(names, rate, begin=start) for names, rate, start in zip(groups, rates, starts, strict=True)
        ]
        return Plan((*blocks, head_group(setting.network)))

    fit = fit_moved


GRADUAL = GradualUnfreezing()
