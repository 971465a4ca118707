"""The source task of a body while it learns a target task: the body's own head, and the body as it was."""

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
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.parameter_groups import used_parameters
from headstart.sources.bodies.trainable import Trainable
from headstart.tune.moving.plan import Setting
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.device import best_device, to_device
from headstart.tune.training.job import ParameterGroup

__all__ = ["frozen_body", "outputs_of", "running_statistics_kept", "source_head_groups", "source_head_of"]

BATCH_SIZE = 64  # items that go through the body together


def frozen_body(body: nn.Module) -> nn.Module:
    """A copy of a body as it is now, in evaluation mode and without gradients, where the training will be.

    Examples:
        >>> any(parameter.requires_grad for parameter in frozen_body(nn.Linear(1, 1)).parameters())
        False
    """
    return frozen_copy(body).to(best_device())


@contextmanager
def running_statistics_kept(body: nn.Module) -> Iterator[None]:
    """Batches that pass leave the running statistics of normalisations alone: they are of another task, or seen twice.

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


def source_head_of(trainable: Trainable, source: str, name: str) -> Callable[[nn.Module, Any], Tensor]:
    """The head of the body's own source task.

    Args:
        trainable: the body.
        source: its name.
        name: of the strategy that needs it.

    Returns:
        A function of (module, batch) that gives logits (n, source classes).

    Raises:
        SourceError: if the body has none.

    Examples:
        >>> body = Trainable(nn.Linear(1, 1), lambda m, x: [m(x)], torch.tensor, (("weight", "bias"),))
        >>> source_head_of(body, "module:mine", "co_tuning")
        Traceback (most recent call last):
        headstart.errors.SourceError: The strategy 'co_tuning' needs the head of the source task, which 'modul...
    """
    if trainable.source_head is None:
        raise SourceError(
            f"The strategy '{name}' needs the head of the source task, which '{source}' has not; use a body with "
            "its classifier, such as one of timm, or another strategy, such as 'l2_sp'."
        )
    return trainable.source_head


def source_head_groups(setting: Setting, head: Callable[[nn.Module, Any], Tensor]) -> tuple[ParameterGroup, ...]:
    """The parameters that only the source head has, as one group; none where it has no own ones.

    Args:
        setting: what is trained.
        head: as `source_head_of` gives it.

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
    own = tuple(name for name in (f"body.{name}" for name in used) if name not in known)
    return (ParameterGroup(own),) if own else ()


def outputs_of(run: Callable[[nn.Module, Any], Tensor], body: nn.Module, batches: ItemBatches) -> NDArray[np.float32]:
    """What a body gives for all items as they are, (n, k) float32, in evaluation mode.

    Args:
        run: a function of (module, batch) that gives (n, k).
        body: the module, in evaluation mode.
        batches: the items.

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
