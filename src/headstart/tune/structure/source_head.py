"""The source task during fine-tuning: the body's own source head, and a frozen copy of the body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.errors import SourceError
from headstart.heads import FittedHead
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.parameter_groups import used_parameters
from headstart.sources.bodies.trainable import Trainable
from headstart.tune.moving.plan import Setting
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.device import best_device, to_device
from headstart.tune.training.job import ParameterGroup
from headstart.types import Task

__all__ = [
    "fixed_source_head",
    "frozen_body",
    "outputs_of",
    "running_statistics_kept",
    "source_head_groups",
    "source_head_of",
]

BATCH_SIZE = 64  # items in one forward pass


def frozen_body(body: nn.Module) -> nn.Module:
    """A copy of a body in evaluation mode and without gradients, on the device of the training.

    Examples:
        >>> any(parameter.requires_grad for parameter in frozen_body(nn.Linear(1, 1)).parameters())
        False
    """
    return frozen_copy(body).to(best_device())


@contextmanager
def running_statistics_kept(body: nn.Module) -> Iterator[None]:
    """Leave running statistics unchanged by the batches in this context, which are of another task or come twice.

    Batch normalisations in training mode still normalise by the statistics of the batch.

    Examples:
        >>> body = nn.BatchNorm1d(1)
        >>> with running_statistics_kept(body):
        ...     _ = body(torch.tensor([[3.0], [5.0]]))
        >>> body.running_mean
        tensor([0.])
    """
    following = [part for part in body.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    for part in following:
        part.track_running_stats = False
    try:
        yield
    finally:
        for part in following:
            part.track_running_stats = True


def fixed_source_head(
    head: FittedHead, task: Task, forward: Callable[[Any, Any], list[Tensor]]
) -> Callable[[nn.Module, Any], Tensor]:
    """A head of an earlier task as a source head, whose weights are not trained.

    Args:
        head: a linear head on the rows of all blocks.
        task: its label schema.
        forward: a function of (module, batch) that returns the rows of each block.

    Returns:
        A function of (module, batch) that returns the head's calibrated logits.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> body = setting.network.trainable
        >>> run = fixed_source_head(setting.start.head, setting.task, body.forward)
        >>> run(body.module, setting.batches.inputs([0, 1, 2])).shape
        torch.Size([3, 2])
    """
    layer = TorchHead(head, task).to(best_device()).requires_grad_(requires_grad=False)

    def logits(body: nn.Module, inputs: Any) -> Tensor:
        found: Tensor = layer(torch.cat([block.float() for block in forward(body, inputs)], dim=1))
        return found

    return logits


def source_head_of(trainable: Trainable, source: str, name: str) -> Callable[[nn.Module, Any], Tensor]:
    """The body's own head for its source task.

    Args:
        trainable: the body.
        source: name of the source, for the message.
        name: name of the strategy that needs the head, for the message.

    Returns:
        A function of (module, batch) that returns logits (n, source classes).

    Raises:
        SourceError: if the body has no source head.

    Examples:
        >>> body = Trainable(nn.Linear(1, 1), lambda m, x: [m(x)], torch.tensor, (("weight", "bias"),))
        >>> source_head_of(body, "module:mine", "co_tuning")
        Traceback (most recent call last):
        headstart.errors.SourceError: The strategy 'co_tuning' needs the head of the source task, and 'modul...
    """
    if trainable.source_head is None:
        raise SourceError(
            f"The strategy '{name}' needs the head of the source task, and '{source}' has none; use a body with "
            "its classifier, such as one of timm, or another strategy, such as 'l2_sp'."
        )
    return trainable.source_head


def source_head_groups(setting: Setting, head: Callable[[nn.Module, Any], Tensor]) -> tuple[ParameterGroup, ...]:
    """The parameters that only the source head uses, as one group; empty if it has none of its own.

    Args:
        setting: gives the network and some items.
        head: from `source_head_of`.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift, toy_with_head
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT, toy_with_head(toy_shift()))
        >>> [group] = source_head_groups(setting, setting.network.trainable.source_head)
        >>> group.names
        ('body.classifier.weight', 'body.classifier.bias')
    """
    body = setting.network.body
    inputs = to_device(setting.batches.inputs([0, min(1, len(setting.items) - 1)]), _device(body))
    with torch.enable_grad():
        used = used_parameters(body, [head(body, inputs)])
    known = {name for group in setting.network.groups for name in group}
    # Parameters that the features use too are in the body's groups already.
    own = tuple(name for name in (f"body.{name}" for name in used) if name not in known)
    return (ParameterGroup(own),) if own else ()


def outputs_of(run: Callable[[nn.Module, Any], Tensor], body: nn.Module, batches: ItemBatches) -> NDArray[np.float32]:
    """The outputs (n, k) float32 of a body for all items, without augmentation.

    Args:
        run: a function of (module, batch) that returns (n, k).
        body: the module, in evaluation mode.
        batches: the n items.

    Examples:
        >>> from headstart.tune.training.settings import Training
        >>> items = ItemBatches([1.0, 2.0], np.eye(2), np.float32, torch.tensor, Training(), seed=0)
        >>> outputs_of(lambda body, x: 2 * x[:, None], nn.Linear(1, 1), items).tolist()
        [[2.0], [4.0]]
    """
    order = batches.by_length()
    found = []
    with torch.inference_mode():
        for start in range(0, len(order), BATCH_SIZE):
            inputs = to_device(batches.inputs(order[start : start + BATCH_SIZE].tolist()), _device(body))
            found.append(run(body, inputs).float().cpu().numpy())
    return np.concatenate(found)[np.argsort(order, kind="stable")]


def _device(body: nn.Module) -> str:
    return next(body.parameters()).device.type
