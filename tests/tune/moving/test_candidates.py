"""What can be made of a trained body: each says what its network says, and is judged on the same items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.engine.extract import encode
from headstart.heads import HeadSearch
from headstart.sources.toy_shift import toy_shift
from headstart.tasks import task_methods
from headstart.tune import STRATEGIES
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.move import move
from headstart.tune.training.chosen import with_chosen
from headstart.tune.training.settings import Training

QUICK = replace(LP_FT, training=Training(epochs=25, batch_size=64, learning_rate=0.05, augmentation="none"))


@pytest.fixture(scope="module")
def moved():
    shift = toy_shift()
    return move(QUICK, shift.source, shift.train.take(range(160)), valid=shift.test.take(range(60)),
                search=HeadSearch(("ridge",)))  # fmt: skip


def test_a_model_says_of_the_validation_items_what_it_was_judged_by(moved):
    methods = task_methods(moved.valid.task)
    for one in moved.candidates[1:]:
        rows = encode(one.model.source, moved.valid.items)  # as `predict` does, not as the training did
        assert one.model.head.scores(rows) == pytest.approx(one.scores, abs=1e-3), one.name
        assert one.model.head.loss == pytest.approx(one.loss)
    found = moved.start.model.predict_proba(moved.valid.items)
    assert found == pytest.approx(methods.outputs(moved.start.scores, moved.start.model.head.calibration), abs=1e-3)


def test_losses_are_of_each_item_calibrated_on_the_other_half(moved):
    methods, y = task_methods(moved.valid.task), moved.valid.y
    halves, count = np.empty(len(y), int), 0
    for code in (0, 1):
        for k in np.flatnonzero(y == code):
            halves[k], count = count % 2, count + 1
    for one in moved.candidates:
        losses = np.empty(len(y))
        for half in (0, 1):
            inside = halves == half
            calibration = methods.calibrate(one.scores[~inside], y[~inside])
            p = methods.outputs(one.scores[inside], calibration)
            losses[inside] = -np.log(np.clip(p[np.arange(inside.sum()), y[inside]], 1e-15, 1))
        assert one.losses == pytest.approx(losses, rel=1e-6, abs=1e-6)
        assert one.loss == pytest.approx(losses.mean())
    gains = moved.start.losses - moved.best.losses
    assert gains.mean() == pytest.approx(moved.start.loss - moved.best.loss)


def test_between_start_and_end_lie_the_interpolations(moved):
    epoch = f"epoch {moved.outcome.kept_epoch:g} of 25"
    whole, half = (next(one for one in moved.candidates if one.name == name) for name in
                   (f"lp_ft, {epoch}", f"lp_ft, 50% of the way to {epoch}"))  # fmt: skip
    assert moved.outcome.loss < moved.outcome.start_loss
    first, last, middle = (one.model.source.module.state_dict() for one in (moved.start, whole, half))
    name = "blocks.0.0.weight"
    assert not np.array_equal(first[name], last[name])
    assert middle[name].numpy() == pytest.approx((0.5 * (first[name] + last[name])).numpy(), abs=1e-6)
    trained = moved.network.state()
    assert np.array_equal(trained[f"body.{name}"], last[name])


def test_the_last_weights_are_candidates_too_where_an_earlier_epoch_was_kept(moved):
    assert 0 < moved.outcome.kept_epoch < 25
    names = [one.name for one in moved.candidates]
    assert "lp_ft, the last epoch" in names
    assert "lp_ft, 25% of the way to the last epoch" in names
    states = {one.name: one.model.source.module.state_dict() for one in moved.candidates}
    kept, last, half = (states[f"lp_ft, {what}"]["blocks.0.0.weight"] for what in (
        f"epoch {moved.outcome.kept_epoch:g} of 25", "the last epoch", "50% of the way to the last epoch"))  # fmt: skip
    assert not kept.equal(last)
    start = states["head"]["blocks.0.0.weight"]
    assert half.numpy() == pytest.approx((0.5 * (start + last)).numpy(), abs=1e-6)
    assert [one.is_trained for one in moved.candidates] == [False] + [True] * (len(names) - 1)
    assert moved.best.name in moved.best.model.source.info.name


@pytest.mark.parametrize("name", ["lp_ft", "lora", "ssf"])
def test_where_no_epoch_beats_the_start_its_weights_are_named_and_trained_ones_can_be_kept(name):
    shift = toy_shift()
    part, valid = shift.train.take(range(160)), shift.test.take(range(60))
    chosen = {"epochs": 2, "learning_rate": 0.5, "augmentation": "none", **({"rank": 2} if name == "lora" else {})}
    kept, other = (
        move(with_chosen(STRATEGIES[name], {**chosen, **more}), shift.source, part, valid=valid,
             search=HeadSearch(("ridge",)))
        for more in ({}, {"keep_trained": True})
    )  # fmt: skip
    assert kept.outcome.kept_epoch == 0
    assert "the weights of the start: no epoch" in kept.outcome.kept
    assert [(one.name, one.is_trained) for one in kept.candidates[:3]] == [
        ("head", False), (f"{name}, weights of the start", False), (f"{name}, the last epoch", True)]  # fmt: skip
    assert other.outcome.kept_epoch > 0
    assert all(one.is_trained for one in other.candidates[1:])
    assert other.outcome.loss > other.outcome.start_loss
    if other.outcome.kept_epoch == 2:  # the last weights of the first training are those that the second one kept
        [last] = [one for one in kept.candidates if one.name == f"{name}, the last epoch"]
        assert last.scores == pytest.approx(other.candidates[1].scores, rel=1e-3, abs=1e-3)
