"""Moving a body: what is held out, what is taken up again, and what is said of items that are no numbers."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError, HeadstartError, SourceError
from headstart.heads import HeadSearch
from headstart.sources.registry import open_source
from headstart.sources.toy_shift import toy_shift
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving import move as moving
from headstart.tune.moving.move import move
from headstart.tune.moving.toy import toy_setting
from headstart.tune.moving.validation import Validation
from headstart.tune.partial import PARTIAL
from headstart.tune.training.settings import Budget, Training

QUICK = replace(LP_FT, training=Training(epochs=2, batch_size=16, learning_rate=0.02, augmentation="none"))
RIDGE = HeadSearch(("ridge",))


def test_time_is_left_for_work_like_that_before_the_training(shift, monkeypatch):
    given = []

    def stop(*_, budget, **__):
        given.append(budget.seconds)
        raise InterruptedError

    monkeypatch.setattr(moving, "run_training", stop)
    for share in (0.0, 1e6):
        with pytest.raises(InterruptedError):
            move(QUICK, shift.source, shift.train.take(range(40)), search=RIDGE, budget=Budget(1000.0, again=share))
    assert given == pytest.approx([1000.0, 500.0], abs=30.0)  # at most half of what is left is kept


@pytest.fixture(scope="module")
def shift():
    return toy_shift()


def test_the_held_out_part_and_the_training_part_share_no_group(shift):
    part = shift.train.take(range(60))
    groups = np.array([f"g{k // 4}" for k in range(60)])
    moved = move(QUICK, shift.source, replace(part, groups=groups), search=RIDGE)
    held = {str(part.ids.index(name) // 4) for name in moved.valid.ids}
    assert 0 < len(moved.valid) <= 20
    assert len(moved.valid) == 4 * len(held)
    assert moved.start.name == "head"
    names = [one.name for one in moved.candidates[1:-1]]
    to = " to the last epoch"
    way = [f"lp_ft, {share}% of the way" for share in (75, 50, 25)]
    assert names in (
        ["lp_ft", *way],
        ["lp_ft, weights of the start", "lp_ft, the last epoch", *(f"{k}{to}" for k in way)],
    )
    assert moved.candidates[-1].name.endswith("head solved again")
    assert moved.best.loss == min(one.loss for one in moved.candidates[1:])


def test_a_checkpoint_is_taken_up_by_the_same_call_only(shift, tmp_path):
    part, valid, heard = shift.train.take(range(40)), shift.test.take(range(20)), []
    budget = Budget(folder=tmp_path, progress=lambda *_: heard.append(1))
    other = replace(part, y=1 - part.y)
    calls = [(QUICK, part, valid, 0, RIDGE), (QUICK, other, valid, 0, RIDGE), (QUICK, part, valid, 1, RIDGE),
             (QUICK, part, shift.test.take(range(20, 40)), 0, RIDGE), (QUICK, part, valid, 0, HeadSearch(("lda",))),
             (replace(QUICK, decay=0.5), part, valid, 0, RIDGE)]  # fmt: skip
    for strategy, train_part, held, seed, search in calls:
        heard.clear()
        move(strategy, shift.source, train_part, valid=held, seed=seed, budget=budget, search=search)
        assert len(heard) == 6
    heard.clear()
    move(QUICK, shift.source, part, valid=valid, seed=0, budget=budget, search=RIDGE)
    assert not heard


def test_an_item_that_is_no_number_is_said_in_one_sentence(shift):
    part = shift.train.take(range(40))
    items = np.array(part.items)
    items[7] = np.nan
    with pytest.raises(HeadstartError, match="7") as found:
        move(QUICK, shift.source, replace(part, items=items), valid=shift.test.take(range(20)), search=RIDGE)
    assert "\n" not in str(found.value)


def test_a_rate_that_is_too_large_leaves_the_start(shift):
    wild = replace(QUICK, training=replace(QUICK.training, learning_rate=100.0, optimizer="sgd", clip=0.0, epochs=30))
    digest = hashlib.sha256(shift.source.module.blocks[0][0].weight.detach().numpy().tobytes()).hexdigest()
    moved = move(wild, shift.source, shift.train.take(range(60)), search=RIDGE)
    assert moved.outcome.stopped in ("diverged", "done")
    assert moved.best.loss <= moved.start.loss + 0.05
    assert all(np.isfinite(one.loss) for one in moved.candidates)
    after = hashlib.sha256(shift.source.module.blocks[0][0].weight.detach().numpy().tobytes()).hexdigest()
    assert after == digest  # the source that was given is as it was


def test_bodies_that_cannot_move_and_items_without_labels_are_refused(shift):
    with pytest.raises(SourceError, match="has no body that can be fine-tuned"):
        move(QUICK, open_source("vector"), replace(shift.train, items=np.ones((240, 3)), modality="vector"))
    with pytest.raises(DataError):
        move(QUICK, shift.source, replace(shift.train, y=None, task=None))


@pytest.mark.parametrize("place", ["the training", "the outputs of the prefix"])
def test_an_error_leaves_the_network_and_the_validation_without_the_prefix(shift, monkeypatch, place):
    strategy, seen = replace(PARTIAL, blocks=1, training=QUICK.training), []
    setting = toy_setting(strategy)
    plan, network = strategy.plan(setting), setting.network
    validation = Validation(setting.task, shift.test.take(range(20)), setting.source, network.trainable.collate)
    items, job = validation.batches, moving.make_job(setting, plan, shift.train.take(range(40)), None)

    def stop(*_):
        seen.append((network.prefix is not None, validation.batches is not items))
        raise RuntimeError("stopped")

    def train():
        with moving._with_prefix(setting, plan, validation, job):
            stop()

    if place != "the training":
        monkeypatch.setattr(moving, "kept_batches", stop)
    with pytest.raises(RuntimeError, match="stopped"):
        train()
    assert seen == [(True, True)]
    assert network.prefix is None
    assert validation.batches is items


def test_a_fine_tuned_model_promises_by_its_validation_items(shift):
    """Left-out scores of items that the body was trained on would be too good."""
    moved = move(QUICK, shift.source, shift.train.take(range(60)), search=RIDGE)
    for one in moved.candidates:
        kept = one.model.certainty
        assert (kept.how, kept.ids, kept.rows) == ("validation", moved.valid.ids, None)
        np.testing.assert_array_equal(kept.scores, one.scores)
    predictor = moved.best.model.conformal()
    assert not predictor.exact
    assert "split-conformal, 12 validation scores" in predictor.sentence(0.9)
    assert moved.best.model.predict_sets(shift.test.items[:3], 0.9)
    with pytest.raises(DataError, match=r"at least 19 items\. Got 12"):
        predictor.check(0.95)
