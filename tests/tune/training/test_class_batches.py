"""Batches that hold several items of each class."""

import numpy as np
import pytest
import torch

from headstart.errors import ParameterError
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.class_batches import ClassBatches, class_order
from headstart.tune.training.settings import Training


def test_batches_hold_several_items_of_each_class_and_none_comes_twice_before_all_have_come():
    codes = np.repeat([0, 1, 2, 3], [12, 12, 12, 3])
    batches = class_order(codes, 3, 2, seed=0, epoch=0)
    assert len(batches) == round(len(codes) / 6)
    for batch in batches:
        found, counts = np.unique(codes[batch], return_counts=True)
        assert len(found) == 3
        assert set(counts) == {2}
        assert len(set(batch.tolist())) == 6
    seen = np.concatenate(batches)
    times = np.bincount(seen, minlength=len(codes))
    for code in range(4):
        assert np.ptp(times[codes == code]) <= 1
    again = class_order(codes, 3, 2, seed=0, epoch=0)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    other = np.concatenate(class_order(codes, 3, 2, seed=0, epoch=1))
    assert not np.array_equal(seen, other)


def test_a_class_with_fewer_items_than_wanted_gives_all_of_them():
    codes = np.array([0, 0, 0, 0, 1])
    for batch in class_order(codes, 8, 3, seed=0, epoch=0):
        assert np.bincount(codes[batch]).tolist() == [3, 1]


def test_class_batches_start_where_they_are_told_and_need_pairs():
    targets = np.eye(3)[np.arange(12) % 3]
    items = ItemBatches(list(np.arange(12.0)), targets, np.asarray, np.stack, Training(), seed=0)
    made = ClassBatches(items, targets, 2, 2, seed=0)
    whole = [part.positions.tolist() for [part] in made.epoch(1, 0)]
    assert [part.positions.tolist() for [part] in made.epoch(1, 2)] == whole[2:]
    for [part] in made.epoch(1, 0):
        assert torch.equal(part.targets, torch.tensor(targets[part.positions], dtype=torch.float32))
        assert part.share == 1.0
        assert part.inputs.tolist() == part.positions.tolist()
    with pytest.raises(ParameterError, match="each"):
        ClassBatches(items, targets, 2, 1, seed=0)
