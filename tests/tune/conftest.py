"""What strategies are told, without a training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headstart.sources.bodies.trainable import trainable
from headstart.sources.toy_shift import toy_shift
from headstart.tasks import task_methods
from headstart.tune.frozen import FROZEN
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.moving.plan import Plan, Setting
from headstart.tune.network.body_and_head import Network
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.training.batches import ItemBatches
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
