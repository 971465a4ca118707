"""What strategies are told, without a training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headstart.sources.trainable import trainable
from headstart.tasks import task_methods
from headstart.tune.batches import ItemBatches
from headstart.tune.frozen import FROZEN
from headstart.tune.network import Network
from headstart.tune.plan import MovingStrategy, Plan, Setting
from headstart.tune.torch_head import TorchHead
from headstart.tune.toys import toy_shift
from headstart.types import Source


@pytest.fixture
def planned() -> Callable[[MovingStrategy, Source | None], tuple[Setting, Plan]]:
    """Makes the setting of the first 60 items of the toy shift, and the plan that a strategy answers to it."""

    def plan(strategy: MovingStrategy, source: Source | None = None) -> tuple[Setting, Plan]:
        shift = toy_shift()
        chosen, part = source or shift.source, shift.train.take(range(60))
        task, y = part.labelled()
        start = FROZEN.fit(chosen, part)
        targets = task_methods(task).targets(y, task.num_outputs)
        body, training = trainable(chosen), strategy.training
        batches = ItemBatches(part.items, targets, chosen.prepare, body.collate, training, seed=0)
        network = Network(body, TorchHead(start.head, task))
        setting = Setting(network, chosen, task, part.items, y, targets, batches, start, training, 0)
        return setting, strategy.plan(setting)

    return plan
