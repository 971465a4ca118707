"""The left-out losses of the head on all items."""

from dataclasses import replace

import numpy as np

from headstart.heads import select_head
from headstart.transfer.gate.head_on_all_items import leave_one_out_losses
from headstart.types import Dataset, Task


def test_leave_one_out_losses_are_those_of_the_items_that_are_named():
    rng = np.random.default_rng(0)
    task, y = Task("classification", ("a", "b")), np.arange(40) % 2
    x = rng.normal(size=(40, 3)) + y[:, None]
    train = Dataset(list(x), tuple(f"row {k}" for k in range(40)), "vector", task, y)
    head = select_head(x, y, task)
    part = [31, 7, 12]
    found = leave_one_out_losses(head, train, train.take(np.array(part)))
    order = {int(k): float(loss) for k, loss in zip(head.evidence.index, head.evidence.losses, strict=True)}
    assert {part[place]: loss for place, loss in zip(*found, strict=True)} == {k: order[k] for k in part}
    assert len(leave_one_out_losses(replace(head, evidence=None), train, train.take(np.array(part))).places) == 0
