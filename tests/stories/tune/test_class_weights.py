"""Class weights with strategies: the training loss, the validation loss and the heads count each class the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from headstart.engine.options import Engine
from headstart.errors import ParameterError
from headstart.heads import HeadSearch
from headstart.sources.toy_shift import toy_shift
from headstart.tasks import task_methods
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.move import class_weights_of, make_job, make_setting, move, solved_start
from headstart.tune.moving.validation import halved_losses
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task

TASK = Task("classification", ("often", "rare"))
BALANCED = HeadSearch(class_weight="balanced")


@pytest.fixture(scope="module")
def uneven():
    """The toy shift with 15 of the second class to 120 of the first."""
    shift = toy_shift()
    first, second = (np.flatnonzero(shift.train.y == code) for code in (0, 1))
    return shift.source, shift.train.take(np.sort(np.concatenate([first, second[:15]]))), shift.test


def test_the_weights_are_scikit_learns():
    y = np.array([0] * 9 + [1] * 3)
    data = Dataset(list(range(12)), tuple(map(str, range(12))), "vector", TASK, y)
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
    np.testing.assert_allclose(class_weights_of(data, "balanced"), expected, rtol=1e-15)
    assert class_weights_of(data, None) is None
    values = Dataset([0.0, 1.0], ("0", "1"), "vector", Task("regression", ("v",)), np.array([[0.0], [1.0]]))
    with pytest.raises(ParameterError, match="classification only"):
        class_weights_of(values, "balanced")


def test_the_loss_of_an_item_is_that_of_its_class_times_its_weight():
    rng = np.random.default_rng(0)
    logits, weights = torch.from_numpy(rng.normal(size=(6, 2))), torch.tensor([0.5, 3.0])
    targets = torch.eye(2, dtype=torch.float64)[[0, 1, 1, 0, 1, 0]]
    logs = torch.log_softmax(logits, dim=1)
    expected = -(targets * logs * weights).sum(dim=1)
    assert torch.allclose(task_loss(TASK, logits, targets, class_weights=weights), expected, rtol=1e-12)
    mixed = 0.3 * targets + 0.7 * targets.flip(0)
    expected = -(mixed * logs * weights).sum(dim=1)
    assert torch.allclose(task_loss(TASK, logits, mixed, class_weights=weights), expected, rtol=1e-12)


def test_the_validation_loss_is_the_weighted_mean():
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(8, 2)), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    weights = np.where(y == 1, 2.0, 2 / 3)
    methods, expected = task_methods(TASK), np.empty(8)
    halves = np.arange(8) % 2
    for half in (0, 1):
        calibration = methods.calibrate(scores[halves != half], y[halves != half], weights[halves != half])
        expected[halves == half] = methods.loss(methods.outputs(scores[halves == half], calibration), y[halves == half])
    np.testing.assert_allclose(halved_losses(scores, y, TASK, weights), expected * weights, rtol=1e-12)


def test_the_training_loss_is_weighted(uneven):
    source, train, _ = uneven
    start = solved_start(source, train, search=BALANCED, seed=0, engine=Engine(cache=False))
    strategy = replace(LP_FT, training=Training(batch_size=len(train), augmentation="none"))
    weights = class_weights_of(train, "balanced")
    setting = make_setting(strategy, source, train, start, seed=0, budget=Budget(), class_weights=weights)
    [[batch]] = list(setting.batches.epoch(0, 0))
    setting.network.eval()
    with torch.inference_mode():
        found = make_job(setting, strategy.plan(setting), train, None).loss(batch).item()
        logs = torch.log_softmax(setting.network(batch.inputs), dim=1).numpy()
    y = train.y[batch.positions]
    assert found == pytest.approx(float(np.mean(-weights[y] * logs[np.arange(len(y)), y])), rel=1e-4)


def test_moving_with_weights_finds_more_of_the_rare_class(uneven):
    source, train, test = uneven
    strategy = replace(LP_FT, training=Training(epochs=8, batch_size=32, learning_rate=0.003, augmentation="none"))
    recalls = {}
    for search in (HeadSearch(), BALANCED):
        moved = move(strategy, source, train, search=search, engine=Engine(cache=False))
        network = next(one for one in moved.candidates if one.name.startswith("lp_ft"))
        found = np.array(network.model.predict(test.items)) == test.task.labels[1]
        recalls[search.class_weight] = float(found[test.y == 1].mean())
    assert recalls["balanced"] > recalls[None]
