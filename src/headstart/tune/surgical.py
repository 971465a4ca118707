"""Surgical fine-tuning: only one block is trained, the one that suits the distribution shift.

Reference: Lee et al. 2023, "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts": the first block for
input-level shifts, a middle one for feature-level shifts, the last one for output-level shifts. Auto-RGN chooses the
block by its relative gradient norm.

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
MAX_ITEMS, BATCH_SIZE = 512, 32  # items whose gradient is taken; items in one forward pass


def relative_gradient_norms(setting: Setting) -> list[float]:
    """‖gradient‖ / ‖weights‖ of each block, for the mean training loss at the start.

    Computed in evaluation mode without augmentation, on at most 512 evenly spaced items; nothing is random.

    Args:
        setting: the network and the training items.

    Returns:
        One ratio per block, stem first.

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
    positions = spread(range(len(setting.items)), MAX_ITEMS)
    names = [name for group in network.groups for name in group]
    weights = [network.get_parameter(name) for name in names]
    sums = [torch.zeros_like(weight) for weight in weights]
    for start in range(0, len(positions), BATCH_SIZE):
        chosen = positions[start : start + BATCH_SIZE]
        logits = network(to_device(setting.batches.inputs(chosen), device))
        targets = torch.from_numpy(np.asarray(setting.targets[chosen], dtype=np.float32)).to(device)
        loss = setting.losses(logits, targets).sum() / len(positions)  # the batches' gradients add up to the mean's
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
    """Fine-tuning of one block and of the head, from the closed-form head.

    Attributes:
        training: the training settings.
        block: ``"first"``, ``"middle"``, ``"last"``, or ``"auto"`` for the block with the largest relative gradient
            norm, see `relative_gradient_norms`.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = SURGICAL.plan(toy_setting(SURGICAL))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(4, 1.0), (2, 1.0)]
    """

    training: Training = Training()
    block: BlockChoice = "auto"
    name: str = "surgical"

    def __post_init__(self) -> None:
        check_choice(self.block, "block", type(self).__name__, get_args(BlockChoice))

    def plan(self, setting: Setting) -> Plan:
        """Train one block and the head."""
        groups = setting.network.groups
        return Plan((ParameterGroup(groups[self._number(setting)]), head_group(setting.network)))

    def _number(self, setting: Setting) -> int:
        count = len(setting.network.groups)
        if self.block == "auto":
            return int(np.argmax(relative_gradient_norms(setting)))
        return {"first": 0, "middle": count // 2, "last": count - 1}[self.block]

    fit = fit_moved


SURGICAL = SurgicalFineTuning()
