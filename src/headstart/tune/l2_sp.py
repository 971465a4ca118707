"""L2-SP: an L2 penalty on the distance to the pretrained weights, in place of weight decay towards zero.

Reference: Li, Grandvalet & Davoine 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks":
Ω(w) = alpha/2 ‖w_S - w_S⁰‖² + beta/2 ‖w_H‖², where S are the weights of the source and H those of the new head.

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from torch import Tensor

from headstart.params import check_choice, check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import best_device
from headstart.tune.training.settings import Training

__all__ = ["L2SP", "L2_SP", "squared_distance"]

HeadPrior = Literal["start", "zero"]


def squared_distance(values: Sequence[Tensor], start: Sequence[Tensor]) -> Tensor:
    """‖w - w⁰‖², summed over several tensors.

    Args:
        values: w, tensors of any shapes.
        start: w⁰, of the same shapes.

    Examples:
        >>> import torch
        >>> squared_distance([torch.tensor([3.0, 1.0])], [torch.tensor([1.0, 1.0])])
        tensor(4.)
    """
    total = ((values[0] - start[0]) ** 2).sum()
    for value, origin in zip(values[1:], start[1:], strict=True):
        total = total + ((value - origin) ** 2).sum()
    return total


@dataclass(frozen=True)
class L2SP:
    """Fine-tuning of all weights with a quadratic penalty that pulls them towards the source's weights.

    On a linear model this is ridge regression with the source's weights as the prior mean.

    Attributes:
        training: the training settings; weight decay is not used, since the penalty replaces it.
        alpha: weight of the body's penalty, 0.01 (as in the paper's search and in TLlib).
        beta: weight of the head's penalty, 0.01 (as there).
        head: what the head is pulled towards: ``"start"``, the closed-form head, or ``"zero"``, as in the paper, whose
            head starts at random.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = L2_SP.plan(toy_setting(L2_SP))
        >>> sum(len(group.names) for group in plan.groups), plan.penalty is None  # all parameters, with a penalty
        (14, False)
    """

    training: Training = Training(batch_statistics=False)
    alpha: float = 0.01
    beta: float = 0.01
    head: HeadPrior = "start"
    name: str = "l2_sp"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            check_number(getattr(self, name), name, type(self).__name__, low=0)
        check_choice(self.head, "head", type(self).__name__, get_args(HeadPrior))

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters."""
        network = setting.network
        groups = [replace(group, weight_decay=0.0) for group in (*body_groups(network), head_group(network))]
        parameters = dict(network.named_parameters())
        body = [parameters[name] for group in groups[:-1] for name in group.names]
        head = [parameters[name] for name in network.head_names]
        origin = [value.detach().clone().to(best_device()) for value in body]
        centre = [value.detach().clone().to(best_device()) * (self.head == "start") for value in head]  # 0 for "zero"

        def penalty(batch: Batch, blocks: Sequence[Tensor], logits: Tensor) -> Tensor:  # noqa: ARG001 (of weights only)
            return self.alpha / 2 * squared_distance(body, origin) + self.beta / 2 * squared_distance(head, centre)

        return Plan(tuple(groups), penalty)

    fit = fit_moved


L2_SP = L2SP()
