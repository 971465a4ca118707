from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.errors import DataError, ParameterError
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import seeded
from headstart.sources.module import module
from headstart.sources.toy_shift import toy_shift
from headstart.tune.contrastive import CONTRASTIVE, ContrastiveFewShot
from headstart.tune.frozen import FROZEN
from headstart.tune.moving.all_items import train_network
from headstart.tune.moving.move import make_job, make_setting
from headstart.tune.training.class_batches import ClassBatches
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task

QUICK = replace(CONTRASTIVE, training=Training(epochs=20, batch_size=64, learning_rate=0.01))


def folded(n=480):
    """Vectors whose class is whether their first two numbers have the same sign, and a body that was never trained."""
    x = np.random.default_rng(0).normal(size=(n, 10)).astype(np.float32)
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(np.int64)
    x[:, :2] += 0.5 * np.sign(x[:, :2])
    body = seeded(0, lambda: nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16)))
    source = module(body.eval(), np.asarray, name="folded", modality="vector", version="1")
    ids = tuple(str(k) for k in range(n))
    whole = Dataset(x, ids, "vector", Task("classification", ("same", "other")), y)
    return source, whole.take(np.arange(n // 2)), whole.take(np.arange(n // 2, n))


def accuracy(model, dataset):
    truth = [dataset.task.labels[k] for k in dataset.y]
    return float(np.mean(np.array(model.predict(dataset.items)) == truth))


@pytest.mark.parametrize("loss", ["supervised", "cosine"])
def test_it_solves_a_shift_that_the_head_cannot(loss):
    source, train, test = folded()
    assert accuracy(FROZEN.fit(source, train), test) <= 0.78
    model = replace(QUICK, loss=loss, few=0).fit(source, train)
    assert accuracy(model, test) >= 0.85


def test_few_items_are_all_trained_on_and_the_saved_model_reopens(tmp_path):
    source, train, test = folded()
    model = replace(QUICK, few=200).fit(source, train)
    assert accuracy(model, test) >= 0.95
    assert "contrastive" in model.source.info.name
    outputs = model.predict_proba(test.items)
    assert -np.log(outputs[np.arange(len(test)), test.y]).mean() < 0.2  # as sure as the left-out items allow
    model.save(tmp_path / "model")
    again = TransferModel.load(tmp_path / "model", source=model.source)
    np.testing.assert_allclose(again.predict_proba(test.items), outputs, atol=1e-6)


def test_the_training_sees_all_items(monkeypatch):
    shift = toy_shift()
    seen = []
    quick = replace(QUICK, training=replace(QUICK.training, epochs=1))

    def listening(self, number, start):
        for [part] in original(self, number, start):
            seen.append(part.positions)
            yield [part]

    original = ClassBatches.epoch
    monkeypatch.setattr(ClassBatches, "epoch", listening)
    train_network(quick, shift.source, shift.train)
    assert len(np.unique(np.concatenate(seen))) == len(shift.train)


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path):
    shift = toy_shift()
    quick = replace(QUICK, training=replace(QUICK.training, epochs=2))
    whole = train_network(quick, shift.source, shift.train)

    def stop(done, _total, _detail):
        if done == 5:
            raise KeyboardInterrupt

    broken = Budget(folder=tmp_path, checkpoint_seconds=0, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        train_network(quick, shift.source, shift.train, budget=broken)
    again = train_network(quick, shift.source, shift.train, budget=Budget(folder=tmp_path))
    for one, other in zip(again.setting.network.parameters(), whole.setting.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_loss_is_the_sum_of_both():
    shift = toy_shift()
    values = {}
    for share in (0.0, 0.5, 1.0):
        strategy = replace(QUICK, share=share)
        start = FROZEN.fit(shift.source, shift.train)
        setting = make_setting(strategy, shift.source, shift.train, start, seed=0, budget=Budget())
        plan = strategy.plan(setting)
        [batch] = next(iter(plan.batches.epoch(0, 0)))
        values[share] = plan.loss(batch).item()
        assert make_job(setting, plan, shift.train, None).batches is plan.batches
    assert values[0.5] == pytest.approx((values[0.0] + values[1.0]) / 2, rel=1e-5)


def test_other_tasks_are_refused_in_one_sentence():
    shift = toy_shift()
    lonely = shift.train.take([0, 1])
    lonely = replace(lonely, y=np.array([0, 1]))
    with pytest.raises(DataError, match="a class with two items"):
        CONTRASTIVE.fit(shift.source, lonely)
    with pytest.raises(ParameterError, match="'loss' parameter"):
        ContrastiveFewShot(loss="triplet")


def test_training_is_crossed_where_classes_are_small_and_can_be_parted():
    def of(counts, groups=None):
        y = np.repeat(np.arange(len(counts)), counts)
        task = Task("classification", tuple(map(str, range(len(counts)))))
        ids = tuple(map(str, range(len(y))))
        return Dataset(np.zeros((len(y), 1)), ids, "vector", task, y, groups=groups)

    assert CONTRASTIVE.cross_fits(of([3, 1]))
    assert CONTRASTIVE.cross_fits(of([500, 100]))
    assert not CONTRASTIVE.cross_fits(of([101, 101]))
    assert not CONTRASTIVE.cross_fits(of([2, 2]))
    assert not CONTRASTIVE.cross_fits(of([5, 5], groups=np.repeat(["a", "b"], 5)))
    assert not CONTRASTIVE.cross_fits(of([1990, 50]))
