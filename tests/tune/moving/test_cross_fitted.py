"""Bodies moved on all items and judged on items that they left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from torch import nn

from headstart.errors import DataError
from headstart.heads import HeadSearch
from headstart.heads.feature_map import candidate_maps
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import seeded
from headstart.sources.module import module
from headstart.sources.toy_shift import toy_shift
from headstart.tasks import task_methods
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving import cross_fitted
from headstart.tune.moving.cross_fitted import move_cross_fitted, validation_folds
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task

QUICK = replace(LP_FT, training=Training(epochs=12, batch_size=64, learning_rate=0.02))


def accuracy(model, part):
    truth = [part.task.labels[k] for k in part.y]
    return float(np.mean(np.array(model.predict(part.items)) == truth))


@pytest.fixture(scope="module")
def moved():
    shift = toy_shift()
    return move_cross_fitted(QUICK, shift.source, shift.train, seed=3)


def test_the_moved_body_solves_a_shift_that_the_head_cannot(moved):
    shift = toy_shift()
    assert [one.name for one in moved.candidates] == ["head", "lp_ft, 50% of the way", "lp_ft"]
    assert moved.best.loss < moved.start.loss
    assert accuracy(moved.start.model, shift.test) < 0.75
    assert accuracy(moved.best.model, shift.test) >= 0.85
    assert moved.start.model.source.info.name == shift.source.info.name
    assert len(moved.valid) == len(shift.train)
    assert np.isfinite(np.concatenate([one.scores.ravel() for one in moved.candidates])).all()


def test_the_losses_are_those_of_new_items(moved):
    """Of each candidate, what the left-out items say is what items say that nothing was chosen on."""
    test, methods = toy_shift().test, task_methods(toy_shift().train.task)
    for one in moved.candidates:
        losses = methods.loss(one.model.predict_proba(test.items), test.y)
        assert one.loss == pytest.approx(losses.mean(), abs=0.12)
        assert one.model.head.loss == one.loss


def test_nobody_is_judged_by_a_body_that_has_seen_it(monkeypatch):
    shift, seen, judged = toy_shift(), [], []
    trained, rows = cross_fitted.train_network, cross_fitted._WeightPath._read

    def training(strategy, source, part, **options):
        seen.append(set(part.ids))
        return trained(strategy, source, part, **options)

    def reading(way, left):
        judged.append((len(seen) - 1, set(left.ids)))
        return rows(way, left)

    monkeypatch.setattr(cross_fitted, "train_network", training)
    monkeypatch.setattr(cross_fitted._WeightPath, "_read", reading)
    quick = replace(QUICK, training=replace(QUICK.training, epochs=1))
    move_cross_fitted(quick, shift.source, shift.train)
    everyone = set(shift.train.ids)
    assert len(seen) == 6
    assert seen[-1] == everyone
    assert {number for number, _ in judged} == set(range(5))
    assert all(not left & seen[number] and left | seen[number] == everyone for number, left in judged)


def test_the_start_is_judged_by_plain_cross_validation_of_a_ridge_head():
    body = seeded(0, lambda: nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16)))
    source = module(body.eval(), np.asarray, name="plain", modality="vector", version="1")
    x = np.random.default_rng(0).normal(size=(120, 10)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 > 1).astype(np.int64)
    part = Dataset(x, tuple(map(str, range(120))), "vector", Task("classification", ("less", "more")), y)
    quick = replace(QUICK, training=replace(QUICK.training, epochs=1))
    start = move_cross_fitted(quick, source, part, search=HeadSearch(("ridge",)), seed=2).start
    head = start.model.head
    rows = np.asarray(source.encode(x), np.float64)
    ratio = head.lam / eigenvalues(head.feature_map(rows)).mean()
    targets = task_methods(part.task).targets(y, 2)
    expected = np.empty((len(y), 2))
    for left in validation_folds(y, None, 2):
        seen = np.setdiff1d(np.arange(len(y)), left)
        maps = candidate_maps(rows[seen], source.info.blocks)
        [own] = [one for one in maps if one.name == head.feature_map.name]
        ridge = Ridge(alpha=ratio * eigenvalues(own(rows[seen])).mean()).fit(own(rows[seen]), targets[seen])
        expected[left] = ridge.predict(own(rows[left]))
    assert start.scores == pytest.approx(expected, abs=0.02)  # the network's rows are of bf16


def eigenvalues(rows):
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True) * len(rows))
    return values[values > values.max() * 1e-12]


def test_the_same_seed_gives_the_same_model_and_a_kill_changes_nothing(tmp_path):
    shift = toy_shift()
    quick = replace(QUICK, training=replace(QUICK.training, epochs=2))
    steps = []

    def stop(_done, _total, _detail):
        steps.append(1)
        if len(steps) == 30:  # in the third training or so
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_cross_fitted(
            quick, shift.source, shift.train, budget=Budget(folder=tmp_path, checkpoint_seconds=0, progress=stop)
        )
    again = move_cross_fitted(quick, shift.source, shift.train, budget=Budget(folder=tmp_path))
    whole = move_cross_fitted(quick, shift.source, shift.train)
    for one, other in zip(again.candidates, whole.candidates, strict=True):
        assert np.array_equal(one.scores, other.scores)
        assert np.array_equal(one.model.predict_proba(shift.test.items), other.model.predict_proba(shift.test.items))


def test_heads_that_are_named_are_the_ones_compared_and_the_model_reopens(tmp_path):
    shift = toy_shift()
    quick = replace(QUICK, training=replace(QUICK.training, epochs=1))
    found = move_cross_fitted(quick, shift.source, shift.train, search=HeadSearch(("lda", "logistic")))
    assert {one.model.head.head for one in found.candidates} == {"lda"}
    model = found.candidates[1].model
    model.save(tmp_path / "model")
    again = TransferModel.load(tmp_path / "model", source=model.source)
    np.testing.assert_allclose(again.predict_proba(shift.test.items), model.predict_proba(shift.test.items), atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_folds_spread_classes_keep_groups_whole_and_leave_no_class_without_items(seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.repeat(np.arange(4), [40, 10, 6, 1]), rng.integers(0, 3, 20)])
    for groups in (None, rng.integers(0, 30, len(y)).astype(str)):
        parts = validation_folds(y, groups, seed)
        left = np.concatenate(parts)
        assert len(left) == len(set(left.tolist()))
        assert 56 not in left  # the only item of its class
        for part in parts:
            rest = np.setdiff1d(np.arange(len(y)), part)
            assert set(y[rest]) == set(y)
            if groups is not None:
                assert not set(groups[part]) & set(groups[rest])
        if groups is None:
            counts = np.array([np.bincount(y[part], minlength=4) for part in parts])
            assert (np.ptp(counts, axis=0) <= 1).all()


def test_a_class_in_one_group_is_never_left_out_whole():
    y = np.repeat([0, 1, 2], [10, 10, 4])
    groups = np.array([*(f"g{k}" for k in range(20)), *["one"] * 4])
    left = np.concatenate(validation_folds(y, groups, 0))
    assert sorted(left) == list(range(20))
    with pytest.raises(DataError, match="can be in different folds"):
        validation_folds(np.arange(4), None, 0)


def test_a_class_without_items_has_a_score_that_is_finite():
    shift = toy_shift()
    task = Task("classification", (*shift.train.task.labels, "rare"))
    quick = replace(QUICK, training=replace(QUICK.training, epochs=1))
    for heads in (None, ("lda",)):
        found = move_cross_fitted(quick, shift.source, replace(shift.train, task=task), search=HeadSearch(heads))
        assert np.isfinite(found.best.loss)
        assert (found.best.model.predict_proba(shift.test.items)[:, 2] < 0.2).all()
