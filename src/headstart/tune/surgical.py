"""Surgical fine-tuning: one block moves, the one that the shift calls for.

Reference: Lee et al. 2023, "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts": the first block for
changed inputs, a middle one for changed features, the last one for changed outputs; Auto-RGN, the relative norm of the
gradient, tells which.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from headstart.params import check_choice
from headstart.sources.bodies.seeded import spread
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, head_group
from headstart.tune.training.device import to_device
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["SURGICAL", "SurgicalFineTuning", "relative_gradient_norms"]

BlockChoice = Literal["auto", "first", "middle", "last"]
MOST_ITEMS, AT_ONCE = 512, 32  # whose gradient is taken; that go through the body together


def relative_gradient_norms(setting: Setting) -> list[float]:
    """‖gradient‖ / ‖weights‖ of each block, of the mean loss over the training items at the start.

    In evaluation mode, without augmentation, on 512 evenly spread items where there are more; no chance is in it.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> _ = setting.network.requires_grad_(True)
        >>> norms = relative_gradient_norms(setting)
        >>> len(norms), min(norms) > 0     # of three blocks
        (3, True)
    """
    network = setting.network.eval()
    device = next(network.parameters()).device.type
    positions = spread(range(len(setting.items)), MOST_ITEMS)
    names = [name for group in network.groups for name in group]
    weights = [network.get_parameter(name) for name in names]
    sums = [torch.zeros_like(weight) for weight in weights]
    for start in range(0, len(positions), AT_ONCE):
        chosen = positions[start : start + AT_ONCE]
        logits = network(to_device(setting.batches.inputs(chosen), device))
        targets = torch.from_numpy(np.asarray(setting.targets[chosen], dtype=np.float32)).to(device)
        loss = setting.losses(logits, targets).sum() / len(positions)
        for total, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
            total.add_(gradient)
    found = dict(zip(names, sums, strict=True))
    return [
        _norm([found[name] for name in group]) / max(_norm([network.get_parameter(name) for name in group]), 1e-12)
        for group in network.groups
    ]


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.stack([tensor.detach().double().square().sum() for tensor in tensors]).sum().sqrt())


@dataclass(frozen=True)
class SurgicalFineTuning:
    """Fine-tuning of one block and of the solved head.

    Attributes:
        training: how it trains.
        block: ``"first"``, ``"middle"``, ``"last"``, or ``"auto"`` for the block of largest relative gradient norm, as
            `relative_gradient_norms` has it.
        name: the name in the registry.

    Examples:
        >>> SURGICAL.block
        'auto'
    """

    training: Training = Training()
    block: BlockChoice = "auto"
    name: str = "surgical"

    def __post_init__(self) -> None:
        check_choice(self.block, "block", type(self).__name__, get_args(BlockChoice))

    def plan(self, setting: Setting) -> Plan:
        """One block and the head move."""
        groups = setting.network.groups
        return Plan((ParameterGroup(groups[self._number(setting)]), head_group(setting.network)))

    def _number(self, setting: Setting) -> int:
        count = len(setting.network.groups)
        if self.block == "auto":
            return int(np.argmax(relative_gradient_norms(setting)))
        return {"first": 0, "middle": count // 2, "last": count - 1}[self.block]

    fit = fit_moved


SURGICAL = SurgicalFineTuning()
