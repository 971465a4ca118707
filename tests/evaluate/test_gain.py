"""The transfer gain and its verdict."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import DataError
from headstart.evaluate import metrics
from headstart.evaluate.gain import transfer_gain
from headstart.evaluate.intervals.bootstrap import paired_difference
from headstart.evaluate.intervals.shares import paired_shares
from headstart.types import Task

TASK = Task("classification", ("ant", "bee"))


def predictions(right):
    """Probabilities that are right where asked; the truth is all ants and bees in turn."""
    y = np.arange(len(right)) % 2
    return y, np.eye(2)[np.where(right, y, 1 - y)]


def pair(ours, theirs, n=100):
    y, good = predictions(np.arange(n) < ours)
    return y, good, predictions(np.arange(n) < theirs)[1]


@pytest.mark.parametrize(
    ("ours", "theirs", "start"),
    [
        (90, 60, "The transfer helped: accuracy is 0.300 above the untrained body baseline (95% interval 0.2"),
        (60, 90, "The transfer hurt: accuracy is 0.300 below the untrained body baseline (95% interval -0."),
        (81, 80, "Whether the transfer helped is unclear: accuracy is 0.010 above"),
        (80, 80, "Whether the transfer helped is unclear: accuracy is 0.000 above"),
    ],
)
def test_verdicts(ours, theirs, start):
    gain = transfer_gain(TASK, *pair(ours, theirs))
    assert gain.verdict.startswith(start)
    assert gain.value == pytest.approx((ours - theirs) / 100)
    assert gain.low <= gain.value <= gain.high
    assert (gain.metric, gain.reference) == ("accuracy", "untrained body")


def test_accuracy_gain_has_the_paired_interval_of_shares():
    random = np.random.default_rng(0)
    ours, theirs, groups = random.uniform(size=80) < 0.8, random.uniform(size=80) < 0.6, np.arange(80) // 4
    (y, good), (_, bad) = predictions(ours), predictions(theirs)
    for names in (None, groups):
        gain = transfer_gain(TASK, y, good, bad, groups=names)
        assert (gain.low, gain.high) == paired_shares(ours, theirs, names)
        _, *resampled = paired_difference(ours, theirs, groups=names, seed=3, resamples=2000)
        assert (gain.low, gain.high) == pytest.approx(resampled, abs=0.04)


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_two_models_without_a_mistake_are_not_known_to_be_equal(kind):
    """Kind: a paired interval of no width, +0.000 [0, 0], from few items."""
    y = np.arange(40) % 2
    if kind == "classification":
        task, truth, outputs = TASK, y, np.eye(2)[y]
    elif kind == "multilabel":
        task, truth = Task("multilabel", ("a", "b")), np.eye(2)[y]
        outputs = 0.1 + 0.8 * truth
    else:
        task, truth = Task("regression", ("a",)), np.arange(40.0)[:, None]
        outputs = truth
    gain = transfer_gain(task, truth, outputs, outputs, resamples=100)
    assert gain.value == 0
    assert gain.low < -0.05
    assert gain.high > 0.05


def test_groups_widen_where_they_move_together():
    ours = np.repeat(np.arange(20) < 15, 10)
    theirs = np.repeat(np.arange(20) % 2 == 0, 10)
    (y, good), (_, bad) = predictions(ours), predictions(theirs)
    plain, grouped = (transfer_gain(TASK, y, good, bad, groups=g) for g in (None, np.arange(200) // 10))
    assert grouped.high - grouped.low > 2 * (plain.high - plain.low)
    assert plain.verdict.startswith("The transfer helped")
    assert grouped.verdict.startswith("Whether")


def test_other_tasks_use_their_main_metric():
    random = np.random.default_rng(1)
    y = random.normal(size=(60, 2))
    near, far = y + 0.3 * random.normal(size=y.shape), y + 3 * random.normal(size=y.shape)
    gain = transfer_gain(Task("regression", ("a", "b")), y, near, far, resamples=300)
    assert gain.metric == "r2"
    assert gain.value == pytest.approx(float(metrics.r2(near, y) - metrics.r2(far, y)))
    assert gain.low > 0
    labels = (y > 0).astype(float)
    scores = (np.clip(0.5 + 0.2 * near, 0, 1), np.clip(0.5 + 0.2 * far, 0, 1))
    gain = transfer_gain(Task("multilabel", ("a", "b")), labels, *scores, resamples=300)
    assert gain.metric == "average_precision"
    assert gain.low > 0


def test_too_few_to_tell():
    assert transfer_gain(TASK, *pair(5, 0, n=5)).verdict.startswith(
        "Whether the transfer helped is unclear from 5 items"
    )
    assert transfer_gain(TASK, *pair(6, 0, n=6)).verdict.startswith("The transfer helped")
    gain = transfer_gain(TASK, *pair(30, 0, n=30), groups=["same"] * 30)
    assert np.isnan([gain.low, gain.high]).all()
    assert gain.verdict == "Whether the transfer helped is unclear: a single item or group has no interval."


def test_undefined_metric_is_said_and_json_stays_strict():
    gain = transfer_gain(Task("regression", ("a",)), np.ones(8), np.ones(8), np.zeros(8))
    assert gain.verdict == "Whether the transfer helped is unclear: R² is undefined on these 8 items."
    assert json.loads(json.dumps(gain.to_dict(), allow_nan=False))["value"] is None


def test_identical_sides_gain_nothing():
    y, good, _ = pair(70, 50)
    gain = transfer_gain(TASK, y, good, good)
    assert gain.value == 0
    assert -0.03 < gain.low < 0 < gain.high < 0.03  # up to three in a hundred may differ and not be seen


def test_refuses_what_does_not_fit():
    y, good, _ = pair(7, 5, n=10)
    with pytest.raises(DataError):
        transfer_gain(TASK, y, good, good[:5])
