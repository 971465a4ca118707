"""Joint training: on target and source, L_target + λ L_source, with source items replayed.

Reference: Caruana 1997, "Multitask Learning"; Rebuffi et al. 2017, "iCaRL" (replay of stored items against forgetting).

Command: headstart fit DATA --strategy joint --source-data DATA

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.engine.extract import extract
from headstart.heads import HeadSearch, select_head
from headstart.params import check_number
from headstart.tasks import is_classification, task_methods
from headstart.tune.augmentation.choice import augmentation_of
from headstart.tune.moving.contract import check_replayed
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.structure.fresh_head import target_units
from headstart.tune.structure.source_head import outputs_of, running_statistics_kept, source_head_groups
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.device import best_device, to_device
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training
from headstart.types import Dataset, Task

__all__ = ["JOINT", "Joint", "Replay", "knows_classes"]

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


@dataclass(frozen=True)
class Joint:
    """Fine-tuning on target items and equally many source items in every step.

    The source loss uses the body's own source head if that has the classes of ``source_data`` (`knows_classes`), and
    otherwise a head that is solved on the frozen features of the source items. Batch normalisations normalise source
    items by their own statistics, and their running statistics follow the target's items only.

    Attributes:
        training: the training settings.
        source_data: labelled items of the source task, of the target's modality.
        weight: λ, the weight of the source loss, 1.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> strategy = Joint(source_data=shift.source_data, training=Training(epochs=1))
        >>> model = strategy.fit(shift.source, shift.train.take(range(24)))
        >>> model.predict_proba(shift.test.items).shape
        (240, 2)
    """

    training: Training = Training()
    source_data: Dataset | None = field(default=None, repr=False)
    weight: float = 1.0
    name: str = "joint"

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", type(self).__name__, low=0)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters, including those of the source head.

        Raises:
            DataError: if there are no labelled source items.
        """
        check_replayed(self.name, self.source_data)
        data = cast("Dataset", self.source_data)
        network, (task, y) = setting.network, data.labelled()
        targets = _targets(task, y)
        items = self._items(setting, data, targets)
        logits, groups = self._head(setting, data, items, targets)
        augment = augmentation_of(network.trainable.kind, setting.training)
        replay = Replay(items, torch.tensor(targets, dtype=torch.float32), augment, network.trainable.collate)

        def penalty(batch: Batch, blocks: Sequence[Tensor], _: Tensor) -> Tensor:
            inputs, wanted = replay.draw(len(batch.positions))
            with running_statistics_kept(network.body):
                found = logits(network.body, to_device(inputs, blocks[-1].device.type))
            return self.weight * task_loss(task, found.float(), wanted.to(found.device)).mean()

        def finish() -> None:
            if SOURCE_HEAD in dict(network.named_children()):
                delattr(network, SOURCE_HEAD)

        return Plan((*body_groups(network), *groups, head_group(network)), penalty, finish=finish)

    def _items(self, setting: Setting, data: Dataset, targets: NDArray[np.float64]) -> ItemBatches:
        collate = setting.network.trainable.collate
        return ItemBatches(data.items, targets, setting.source.prepare, collate, setting.training, seed=setting.seed)

    def _head(
        self, setting: Setting, data: Dataset, items: ItemBatches, targets: NDArray[np.float64]
    ) -> tuple[Callable[[nn.Module, Any], Tensor], tuple[ParameterGroup, ...]]:
        """A function of (body, inputs) that returns the source task's logits, and the parameters of its head."""
        network, (task, y) = setting.network, data.labelled()
        own = network.trainable.source_head
        if own is not None and knows_classes(outputs_of(own, network.body, items), targets, task):
            return own, source_head_groups(setting, own)
        rows = extract(setting.source, data.items, engine=setting.start.engine, on_error="raise").rows
        blocks = setting.source.info.blocks
        found = select_head(rows, y, task, blocks=blocks, search=HeadSearch(("ridge",)), seed=setting.seed)
        centre, spread = target_units(task, y)
        head = TorchHead(found, task, centre=centre, spread=spread).to(best_device())
        network.add_module(SOURCE_HEAD, head)

        def logits(body: nn.Module, inputs: Any) -> Tensor:
            rows = torch.cat([block.float() for block in network.trainable.forward(body, inputs)], dim=1)
            values: Tensor = head(rows)
            return values

        return logits, (ParameterGroup(tuple(f"{SOURCE_HEAD}.{name}" for name, _ in head.named_parameters())),)

    fit = fit_moved


def _targets(task: Task, y: NDArray[Any]) -> NDArray[np.float64]:
    targets: NDArray[np.float64] = task_methods(task).targets(y, task.num_outputs)
    centre, spread = target_units(task, y)
    return targets if centre is None or spread is None else (targets - centre) / spread


JOINT = Joint()
