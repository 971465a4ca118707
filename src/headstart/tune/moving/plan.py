"""What a strategy is given and what it returns: which parameters are trained, and what is added to the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from headstart.model import TransferModel
from headstart.tune.network.body_and_head import Network, task_loss
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.job import Batches, ParameterGroup
from headstart.tune.training.settings import Training
from headstart.types import Source, Task

__all__ = ["ULMFIT_DECAY", "Plan", "Setting", "body_groups", "decayed_rates", "head_group"]

Penalty = Callable[[Batch, Sequence[Tensor], Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Setting:
    """What a strategy is given.

    Attributes:
        network: body and solved head; a strategy may change its structure (low-rank modules, other normalisations).
        source: what the body came from.
        task: the label schema.
        items: the n training items.
        y: their labels as in `Dataset`.
        targets: (n, k) rows that the network is trained towards; of a regression they are standardised.
        batches: the training items in their order.
        start: the frozen features with the solved head, fitted on the same items.
        training: as the strategy's own field has it.
        seed: of all random numbers.
        class_weights: (k,) what each class counts in the loss; None where all count as they come.

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
        """The loss of each item (n,), with the smoothing of the training and the weights of the classes."""
        smoothing = self.training.label_smoothing
        return task_loss(self.task, logits, targets, smoothing=smoothing, class_weights=self.class_weights)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a strategy returns.

    Attributes:
        groups: the parameters that move; all others are frozen.
        penalty: gives, for a batch, the rows (n, width) of each block and the logits (n, k), a number that is added to
            the mean loss; None for nothing.
        loss: gives the mean loss of a batch in place of the task's; None for the task's.
        batches: the training items in another order, such as several of each class in a batch; None for the setting's.
        finish: is called on the trained network, such as to merge what was inserted.

    Examples:
        >>> Plan((ParameterGroup(("head.weight",)),)).penalty is None
        True
    """

    groups: tuple[ParameterGroup, ...]
    penalty: Penalty | None = None
    loss: Callable[[Batch], Tensor] | None = None
    batches: Batches | None = None
    finish: Callable[[], None] = lambda: None


def head_group(network: Network, rate: float = 1.0) -> ParameterGroup:
    """The head's parameters.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> head_group(toy_setting(LP_FT).network, 10.0)
        ParameterGroup(names=('head.weight', 'head.bias'), rate=10.0, weight_decay=None, begin=0.0)
    """
    return ParameterGroup(network.head_names, rate)


def body_groups(network: Network, *, first: int = 0, rates: Sequence[float] | None = None) -> list[ParameterGroup]:
    """The body's groups of parameters from number ``first`` on, stem first.

    Args:
        network: body and head.
        first: groups before it stay frozen.
        rates: a multiplier for each of the body's groups; 1 where not given.

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
    """Layer-wise rates, decay^(count - 1 - k) for block k: 1 for the last one.

    References: Howard & Ruder 2018, "Universal Language Model Fine-tuning" (discriminative rates: η / 2.6 from layer
    to layer); Clark et al. 2020, "ELECTRA" (layer-wise decay).

    Args:
        count: number of blocks.
        decay: from a block to the one before it, in (0, 1].

    Examples:
        >>> decayed_rates(3, 0.5)
        [0.25, 0.5, 1.0]
    """
    return [decay ** (count - 1 - k) for k in range(count)]
