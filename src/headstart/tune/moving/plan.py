"""What a strategy is given (`Setting`) and what it returns (`Plan`): parameters to train, and additions to the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from headstart.model import TransferModel
from headstart.tune.network.body_and_head import Network, task_loss
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.frozen_parts import trained_groups
from headstart.tune.training.job import Batches, ParameterGroup
from headstart.tune.training.settings import Training
from headstart.types import Source, Task

__all__ = ["ULMFIT_DECAY", "Plan", "Plans", "Setting", "body_groups", "decayed_rates", "head_group", "plan_of"]

Penalty = Callable[[Batch, Sequence[Tensor], Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Setting:
    """What a strategy is given.

    Attributes:
        network: body and closed-form head; a strategy may change its structure, for example by low-rank modules.
        source: the source of the body.
        task: the label schema.
        items: the n training items.
        y: their labels, as in `Dataset`.
        targets: (n, k) targets of the network's outputs; those of a regression are standardised.
        batches: the training items in batches.
        start: the frozen features with their closed-form head, fitted on the same items.
        training: the strategy's training settings, with the learning rate filled in.
        seed: of all random numbers.
        class_weights: (k,) weight of each class in the loss; None for 1.

    Examples:
        >>> import torch
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> logits = setting.network(setting.batches.inputs([0, 1, 2]))
        >>> logits.shape, setting.losses(logits, torch.from_numpy(setting.targets[:3])).shape
        (torch.Size([3, 2]), torch.Size([3]))
    """

    network: Network
    source: Source
    task: Task
    items: Sequence[Any]
    y: NDArray[Any]
    targets: NDArray[np.float64]
    batches: ItemBatches
    start: TransferModel
    training: Training
    seed: int
    class_weights: Tensor | None = None

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of each item (n,), with label smoothing and class weights, of logits and targets (n, k)."""
        smoothing = self.training.label_smoothing
        return task_loss(self.task, logits, targets, smoothing=smoothing, class_weights=self.class_weights)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a strategy returns.

    Attributes:
        groups: the parameters to train; all others are frozen.
        penalty: a function of a batch, of the rows (n, width) of each block and of the logits (n, k). It returns a
            scalar that is added to the mean loss; None for no penalty.
        loss: a function that returns the mean loss of a batch, in place of the task's loss; None for the task's.
        batches: the training items in other batches, such as several items of each class; None for the setting's.
        finish: called after training, for example to merge inserted modules.

    Examples:
        >>> Plan((ParameterGroup(("head.weight",)),)).penalty is None
        True
    """

    groups: tuple[ParameterGroup, ...]
    penalty: Penalty | None = None
    loss: Callable[[Batch], Tensor] | None = None
    batches: Batches | None = None
    finish: Callable[[], None] = lambda: None


class Plans(Protocol):
    """What makes a plan of a setting."""

    def plan(self, setting: Setting) -> Plan:
        """Decide what is trained."""
        ...


def plan_of(strategy: Plans, setting: Setting) -> Plan:
    """The strategy's plan, without the parameters that the user wants frozen.

    Args:
        strategy: how the body is fine-tuned.
        setting: what it is given; ``freeze`` and ``unfreeze`` of its training settings are followed here.

    Raises:
        ParameterError: if they name nothing that is trained, or nothing of the body remains.

    Examples:
        >>> from dataclasses import replace
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> strategy = replace(LP_FT, training=Training(freeze=2))
        >>> [group.names[0] for group in plan_of(strategy, toy_setting(strategy)).groups]
        ['body.blocks.2.0.weight', 'head.weight']
    """
    blocks = setting.network.groups  # before the strategy adds any
    plan = strategy.plan(setting)
    return replace(plan, groups=trained_groups(plan.groups, blocks, setting.training))


def head_group(network: Network, rate: float = 1.0) -> ParameterGroup:
    """The head's parameters as one group.

    Args:
        network: body and head.
        rate: multiplier of the learning rate.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> head_group(toy_setting(LP_FT).network, 10.0)
        ParameterGroup(names=('head.weight', 'head.bias'), rate=10.0, weight_decay=None, begin=0.0)
    """
    return ParameterGroup(network.head_names, rate)


def body_groups(network: Network, *, first: int = 0, rates: Sequence[float] | None = None) -> list[ParameterGroup]:
    """The body's parameter groups, one per block, stem first.

    Args:
        network: body and head.
        first: index of the first group that is returned; the groups before it stay frozen.
        rates: multiplier of the learning rate for each of the body's groups; None for 1.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> groups = body_groups(toy_setting(LP_FT).network, first=1, rates=decayed_rates(3, 0.5))
        >>> [(group.names[0], group.rate) for group in groups]
        [('body.blocks.1.0.weight', 0.5), ('body.blocks.2.0.weight', 1.0)]
    """
    groups = network.groups
    chosen = rates if rates is not None else [1.0] * len(groups)
    return [ParameterGroup(names, chosen[k]) for k, names in enumerate(groups) if k >= first and names]


ULMFIT_DECAY = 1 / 2.6


def decayed_rates(count: int, decay: float) -> list[float]:
    """Layer-wise learning rate decay: the multiplier of block k is decay^(count - 1 - k), 1 for the last block.

    References: Howard & Ruder 2018, "Universal Language Model Fine-tuning" (discriminative rates: η / 2.6 from layer
    to layer); Clark et al. 2020, "ELECTRA" (layer-wise decay).

    Args:
        count: number of blocks.
        decay: ratio of a block's rate to that of the next block, in (0, 1].

    Examples:
        >>> decayed_rates(3, 0.5)
        [0.25, 0.5, 1.0]
    """
    return [decay ** (count - 1 - k) for k in range(count)]
