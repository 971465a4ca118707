"""Body and head as one torch module, and the loss of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from headstart.errors import ParameterError
from headstart.sources.bodies.trainable import Trainable
from headstart.tasks import is_classification, is_multilabel
from headstart.tune.network.frozen_prefix import FrozenPrefix
from headstart.tune.network.solved_head import TorchHead
from headstart.types import Task

__all__ = ["Network", "PrefixOutputs", "task_loss"]


class PrefixOutputs(dict[str, Tensor]):
    """Inputs of a network that are outputs of its frozen prefix; the network starts after the prefix.

    Examples:
        >>> sorted(PrefixOutputs(input=torch.ones(1, 2)))
        ['input']
    """


class Network(nn.Module):
    """A body with a head on its rows.

    Args:
        trainable: the body.
        head: a head on the rows of all blocks, side by side.

    Attributes:
        body: the body's module; its parameters are named ``body.…``.
        head: the head; its parameters are ``head.weight`` and ``head.bias``.
        trainable: as given.
        prefix: the frozen prefix whose outputs batches of `PrefixOutputs` hold; None if there is none.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> network = toy_setting(LP_FT).network
        >>> network.head_names, [group[0] for group in network.groups]
        (('head.weight', 'head.bias'), ['body.blocks.0.0.weight', 'body.blocks.1.0.weight', 'body.blocks.2.0.weight'])
        >>> network(torch.zeros(5, 3, 3, 10)).shape     # logits of five pictures of the toy
        torch.Size([5, 2])
    """

    def __init__(self, trainable: Trainable, head: TorchHead) -> None:
        super().__init__()
        self.body, self.head = trainable.module, head
        self.trainable = trainable
        self.prefix: FrozenPrefix | None = None

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the body's parameters in this module, one group per block, stem first."""
        known = dict(self.body.named_parameters())
        return tuple(tuple(f"body.{name}" for name in group if name in known) for group in self.trainable.groups)

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of the head's parameters."""
        return tuple(f"head.{name}" for name, _ in self.head.named_parameters())

    def blocks(self, inputs: Any) -> list[Tensor]:
        """The rows (n, width) of each block, from inputs of the body or from `PrefixOutputs`."""
        if isinstance(inputs, PrefixOutputs):
            if self.prefix is None:
                raise AssertionError("outputs of a prefix need the prefix that they came from")
            return self.prefix.after(inputs)
        return self.trainable.forward(self.body, inputs)

    def rows(self, inputs: Any) -> Tensor:
        """The rows (n, d) of all blocks side by side."""
        return torch.cat([block.float() for block in self.blocks(inputs)], dim=1)

    def forward(self, inputs: Any) -> Tensor:
        """Logits, or values, (n, k)."""
        logits: Tensor = self.head(self.rows(inputs))
        return logits

    def state(self) -> Mapping[str, Tensor]:
        """A copy of all weights and running statistics, by name."""
        return {name: value.detach().clone() for name, value in self.state_dict().items()}


def task_loss(
    task: Task, logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """The loss of each item (n,): cross-entropy, mean binary cross-entropy over labels, or mean squared error.

    Args:
        task: the label schema.
        logits: (n, k) logits, or values of a regression.
        targets: (n, k) targets; rows of a classification sum to one, and may be mixed.
        smoothing: label smoothing s in [0, 1): a class row becomes (1 - s) y + s / k (Szegedy et al. 2016), and an
            independent label (1 - s) y + s / 2.
        class_weights: (k,) weight of each class in a classification; None for 1. A mixed row has the weighted loss of
            its classes.

    Raises:
        ParameterError: if smoothing is asked for in a regression.

    Examples:
        >>> task_loss(Task("classification", ("a", "b")), torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
        tensor([0.6931])
    """
    if is_classification(task):
        weight = None if class_weights is None else class_weights.to(logits.device, logits.dtype)
        return cross_entropy(logits, targets, weight, reduction="none", label_smoothing=smoothing)
    if is_multilabel(task):
        targets = targets * (1 - smoothing) + smoothing / 2
        return binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
    if smoothing:
        raise ParameterError(
            "The 'label_smoothing' parameter of Training is for classes and labels, and must be 0 for a regression "
            f"task. Got {smoothing} instead."
        )
    return ((logits - targets) ** 2).mean(dim=1)
