"""What can be made of a trained body: each says what its network says, and is judged on the same items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.heads import HeadSearch
from headstart.sources.toy_shift import toy_shift
from headstart.tasks import task_methods
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.move import move
from headstart.tune.training.device import autocast
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
        body = one.model.source.trainable()
        inputs = body.collate([one.model.source.prepare(item) for item in moved.valid.items])
        with torch.inference_mode(), autocast("cpu", "auto"):
            [rows] = body.forward(body.module, inputs)
        assert one.model.head.scores(rows.float().numpy()) == pytest.approx(one.scores, abs=1e-3), one.name
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
    whole, half = (next(one for one in moved.candidates if one.name == name) for name in
                   ("lp_ft", "lp_ft, 50% of the way"))  # fmt: skip
    assert moved.outcome.loss < moved.outcome.start_loss
    first, last, middle = (one.model.source.module.state_dict() for one in (moved.start, whole, half))
    name = "blocks.0.0.weight"
    assert not np.array_equal(first[name], last[name])
    assert middle[name].numpy() == pytest.approx((0.5 * (first[name] + last[name])).numpy(), abs=1e-6)
    trained = moved.network.state()
    assert np.array_equal(trained[f"body.{name}"], last[name])
