"""The source task on labelled source items: its head, its items, and random draws of them for a loss term."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.engine.extract import extract
from headstart.heads import HeadSearch, select_head
from headstart.tasks import is_classification, task_methods
from headstart.tune.augmentation.choice import augmentation_of
from headstart.tune.moving.plan import Setting
from headstart.tune.network.body_and_head import Network, task_loss
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.structure.fresh_head import target_units
from headstart.tune.structure.source_head import outputs_of, source_head_groups
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.job import ParameterGroup
from headstart.types import Dataset, Task

__all__ = ["Replay", "SourceTask", "knows_classes", "remove_source_head", "source_task"]

SOURCE_HEAD = "source_head"  # the name under which the network holds a solved source head


def knows_classes(logits: NDArray[Any], targets: NDArray[np.float64], task: Task) -> bool:
    """Whether a source head's classes are those of labelled items, in the same order.

    They are if its cross-entropy is below that of the constant prediction, the class frequencies.

    Args:
        logits: (n, source classes), from the body's own head.
        targets: (n, classes), one-hot.
        task: the label schema of the items.

    Examples:
        >>> knows_classes(np.array([[9.0, 0.0], [0.0, 9.0]]), np.eye(2), Task("classification", ("a", "b")))
        True
        >>> knows_classes(np.array([[0.0, 9.0], [9.0, 0.0]]), np.eye(2), Task("classification", ("a", "b")))
        False
    """
    if not is_classification(task) or logits.shape != targets.shape:
        return False
    wanted = torch.tensor(targets, dtype=torch.float64)
    shares = wanted.mean(dim=0).clamp_min(1e-12).log().expand_as(wanted)
    # The softmax of log frequencies is the frequencies, so they serve as the logits of the constant prediction.
    given, constant = (task_loss(task, torch.as_tensor(x).double(), wanted).mean() for x in (logits, shares))
    return bool(given < constant)


class Replay:
    """Random source items. They are drawn by torch's global generator, which the training loop seeds for each step.

    Args:
        items: the source items.
        targets: (n, k) rows of the source task.
        augment: changes a prepared item; None for none.
        collate: makes a batch of prepared items.

    Examples:
        >>> from headstart.tune.training.settings import Training
        >>> items = ItemBatches([1.0, 2.0], np.eye(2), np.float32, torch.tensor, Training(), seed=0)
        >>> inputs, targets = Replay(items, torch.eye(2), None, torch.tensor).draw(3)
        >>> inputs.shape, targets.shape
        (torch.Size([3]), torch.Size([3, 2]))
    """

    def __init__(
        self,
        items: ItemBatches,
        targets: Tensor,
        augment: Callable[[Any, np.random.Generator], Any] | None,
        collate: Callable[[Sequence[Any]], Any],
    ) -> None:
        self._items, self._targets, self._augment, self._collate = items, targets, augment, collate

    def draw(self, count: int) -> tuple[Any, Tensor]:
        """Inputs and targets of ``count`` items, drawn with replacement."""
        chosen = torch.randint(len(self._items), (count,))
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        prepared = [self._items.prepared(int(k)) for k in chosen]
        if self._augment is not None:
            prepared = [self._augment(item, rng) for item in prepared]
        return self._collate(prepared), self._targets[chosen]


@dataclass(frozen=True, eq=False)
class SourceTask:
    """A source task with n labelled items and a head.

    Attributes:
        task: its label schema.
        items: its items.
        targets: (n, k) rows; those of a regression are standardised.
        logits: a function of (body, inputs) that returns the head's logits or values (m, k).
        groups: the head's parameters in the network.
        draw_from: makes random draws of the items with any rows (n, k).
    """

    task: Task
    items: ItemBatches
    targets: NDArray[np.float64]
    logits: Callable[[nn.Module, Any], Tensor]
    groups: tuple[ParameterGroup, ...]
    draw_from: Callable[[NDArray[Any]], Replay]


def source_task(setting: Setting, data: Dataset) -> SourceTask:
    """The source task of labelled items, with the body's own source head or a solved one.

    The body's own source head is used if it has the classes of the items (`knows_classes`). Otherwise a ridge head is
    solved on the frozen features of the items and put into the network, from which `remove_source_head` takes it.

    Args:
        setting: gives the network, the source and the training settings.
        data: labelled source items.

    Raises:
        ItemError: if an item cannot be encoded.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> found = source_task(setting, toy_shift().source_data)
        >>> found.targets.shape, found.groups[0].names
        ((96, 3), ('source_head.weight', 'source_head.bias'))
    """
    network, (task, y) = setting.network, data.labelled()
    targets = _targets(task, y)
    collate = network.trainable.collate
    items = ItemBatches(data.items, targets, setting.source.prepare, collate, setting.training, seed=setting.seed)
    augment = augmentation_of(network.trainable.kind, setting.training)

    def draw_from(rows: NDArray[Any]) -> Replay:
        return Replay(items, torch.tensor(rows, dtype=torch.float32), augment, collate)

    own = network.trainable.source_head
    if own is not None and knows_classes(outputs_of(own, network.body, items), targets, task):
        return SourceTask(task, items, targets, own, source_head_groups(setting, own), draw_from)
    logits, groups = _solved_head(setting, data)
    return SourceTask(task, items, targets, logits, groups, draw_from)


def remove_source_head(network: Network) -> None:
    """Take a solved source head out of the network; nothing happens if there is none.

    Args:
        network: body and head.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> network = toy_setting(LP_FT).network
        >>> network.add_module("source_head", nn.Linear(1, 1))
        >>> remove_source_head(network)
        >>> [name for name, _ in network.named_children()]
        ['body', 'head']
    """
    if SOURCE_HEAD in dict(network.named_children()):
        delattr(network, SOURCE_HEAD)


def _solved_head(
    setting: Setting, data: Dataset
) -> tuple[Callable[[nn.Module, Any], Tensor], tuple[ParameterGroup, ...]]:
    network, (task, y) = setting.network, data.labelled()
    rows = extract(setting.source, data.items, engine=setting.start.engine, on_error="raise").rows
    blocks = setting.source.info.blocks
    found = select_head(rows, y, task, blocks=blocks, search=HeadSearch(("ridge",)), seed=setting.seed)
    centre, spread = target_units(task, y)
    head = TorchHead(found, task, centre=centre, spread=spread).to(next(network.body.parameters()).device)
    network.add_module(SOURCE_HEAD, head)

    def logits(body: nn.Module, inputs: Any) -> Tensor:
        rows = torch.cat([block.float() for block in network.trainable.forward(body, inputs)], dim=1)
        values: Tensor = head(rows)
        return values

    return logits, (ParameterGroup(tuple(f"{SOURCE_HEAD}.{name}" for name, _ in head.named_parameters())),)


def _targets(task: Task, y: NDArray[Any]) -> NDArray[np.float64]:
    targets: NDArray[np.float64] = task_methods(task).targets(y, task.num_outputs)
    centre, spread = target_units(task, y)
    return targets if centre is None or spread is None else (targets - centre) / spread
