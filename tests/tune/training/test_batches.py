"""The order of items: by seed and epoch alone, whole, and shared out between processes."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from array_batches import ArrayBatches

from headstart.errors import ItemError
from headstart.tune.training.batches import ItemBatches, epoch_order
from headstart.tune.training.settings import Training


def made(n=23, *, seed=0, size=8, micro=0, share=(0, 1), augment=None, prepare=np.float32):
    training = Training(batch_size=size, micro_batch=micro)
    items = list(np.arange(n, dtype=float))
    return ItemBatches(
        items, np.arange(n, dtype=float)[:, None], prepare, lambda values: torch.tensor(np.array(values)), training,
        seed=seed, share=share, augment=augment,
    )  # fmt: skip


def positions(batches, epoch=0, start=0):
    return [np.concatenate([part.positions for part in batch]).tolist() for batch in batches.epoch(epoch, start)]


def test_each_item_comes_once_an_epoch_with_its_target():
    batches = made()
    for epoch in range(2):
        seen = [part for batch in batches.epoch(epoch, 0) for part in batch]
        assert sorted(int(v) for part in seen for v in part.inputs) == list(range(23))
        assert all(torch.equal(part.inputs, part.targets[:, 0]) for part in seen)
    assert len(positions(batches)) == batches.steps == 3
    assert positions(batches, 0) != positions(batches, 1)
    assert positions(batches, 0) == positions(made(), 0)
    assert positions(batches, 0) != positions(made(seed=1), 0)


def test_an_epoch_that_begins_later_goes_on_as_the_whole_one():
    assert positions(made(), 1, 2) == positions(made(), 1)[2:]
    arrays = ArrayBatches((torch.arange(10),), 3, seed=1)
    whole = [batch[0][0].tolist() for batch in arrays.epoch(4, 0)]
    assert [batch[0][0].tolist() for batch in arrays.epoch(4, 2)] == whole[2:]


def test_items_that_are_at_hand_go_through_no_thread(monkeypatch):
    batches, drawn = made(), made(augment=lambda item, rng: item + rng.random())
    first = positions(batches), positions(drawn)
    handed = []
    submit = ThreadPoolExecutor.submit
    monkeypatch.setattr(ThreadPoolExecutor, "submit", lambda *words: handed.append(words) or submit(*words))
    assert (positions(batches), handed) == (first[0], [])
    assert positions(drawn) == first[1]
    assert len(handed) == 23


def test_micro_batches_and_processes_share_a_batch_out():
    whole = positions(made())
    assert positions(made(micro=3)) == whole
    for batch in made(micro=3).epoch(0, 0):
        assert all(len(part.positions) <= 3 for part in batch)
        assert sum(part.share for part in batch) == pytest.approx(1)
    parts = [positions_of(made(share=(rank, 3))) for rank in range(3)]
    assert [sorted(itertools.chain(*found)) for found in zip(*parts, strict=True)] == [sorted(batch) for batch in whole]


def positions_of(batches):
    return [[int(k) for part in batch for k in part.positions] for batch in batches.epoch(0, 0)]


def test_a_process_without_an_item_has_no_part():
    found = list(made(10, size=8, share=(2, 3)).epoch(0, 0))
    assert [len(batch) for batch in found] == [1, 0]


def test_a_last_batch_of_one_item_is_left_out():
    assert [len(batch) for batch in epoch_order(17, 8, 0, 0)] == [8, 8]
    assert [len(batch) for batch in epoch_order(1, 8, 0, 0)] == [1]


def test_texts_of_one_length_come_together_and_every_one_comes():
    lengths = np.random.default_rng(0).integers(1, 100, 200)
    order = epoch_order(200, 10, 3, 0, lengths)
    assert sorted(np.concatenate(order).tolist()) == list(range(200))
    plain = epoch_order(200, 10, 3, 0)
    spread = [np.mean([np.ptp(lengths[batch]) for batch in found]) for found in (order, plain)]
    assert spread[0] < spread[1] / 3
    assert [batch.tolist() for batch in order] == [batch.tolist() for batch in epoch_order(200, 10, 3, 0, lengths)]


def test_augmentation_depends_on_item_and_epoch_alone():
    def augment(value, rng):
        return value + np.float32(rng.random())

    def values(batches, epoch, start=0):
        return {int(k): float(v) for batch in batches.epoch(epoch, start) for part in batch
                for k, v in zip(part.positions, part.inputs, strict=True)}  # fmt: skip

    first = values(made(augment=augment), 0)
    late = values(made(augment=augment, micro=2), 0, 1)
    assert late == {k: first[k] for k in late}
    assert values(made(augment=augment), 1) != first
    assert made(augment=augment).inputs([3]).tolist() == [3.0]


def test_items_are_read_once_and_what_cannot_be_read_is_said():
    calls = []

    def prepare(item):
        calls.append(item)
        if item == 99:
            raise ItemError("It cannot be read.")
        return np.float32(item)

    batches = made(prepare=prepare)
    positions(batches, 0), positions(batches, 1)
    assert len(calls) == 23
    with pytest.raises(ItemError, match="It cannot be read"):
        list(made(100, prepare=prepare).epoch(0, 0))


def test_many_texts_are_sorted_in_wider_windows_so_that_little_is_padded():
    """Kind: a seventh of the columns of a training on tweets was padding, a quarter on BANKING77."""
    lengths = np.random.default_rng(0).geometric(1 / 20, size=6400) + 2
    for n, least in ((640, 0.6), (6400, 0.9)):
        batches = epoch_order(n, 32, 0, 1, lengths[:n])
        assert sorted(np.concatenate(batches).tolist()) == list(range(n))
        used = lengths[:n].sum() / sum(len(batch) * lengths[batch].max() for batch in batches)
        assert used > least
