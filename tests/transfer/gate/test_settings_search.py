"""A search of settings keeps the default unless others are better on the validation items of the pilot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources.toy_shift import toy_shift
from headstart.transfer.gate.pilot import pilot_parts
from headstart.transfer.gate.settings_search import _decide, _SettingsTrial, _stop_worse, with_searched_settings
from headstart.transfer.gate.time_plan import Countdown
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import prepare
from headstart.tune.bitfit import BITFIT

SHIFT = toy_shift()
DATA = SHIFT.train.take(range(40))
SETTINGS = {"learning_rate": 1e-3, "weight_decay": 0.01, "epochs": 4}


def trial(number, losses, **facts):
    return _SettingsTrial(number, SETTINGS, np.asarray(losses, dtype=np.float64), 4, **facts)


def test_others_are_kept_where_the_lower_bound_says_so():
    valid = pilot_parts(DATA, 0)[1]
    noise = np.random.default_rng(0).normal(size=len(valid))
    default, better, tie = trial(0, noise + 2), trial(1, noise + 1), trial(2, np.roll(noise, 1) + 1.99)
    assert _decide([default, better, tie], valid)[0] is better
    kept, sentence = _decide([default, tie], valid)
    assert kept is default
    assert sentence.startswith("The default settings stay: the best of 1 others")
    assert "validation items, which chose it too" in sentence
    assert _decide([default, trial(1, noise, stopped="worse")], valid)[0] is default


def test_the_worse_half_stops_and_the_default_goes_on():
    trials = [trial(k, [loss]) for k, loss in enumerate([9.0, 3.0, 1.0, 2.0, 4.0])]
    _stop_worse(trials, 0)
    assert [one.number for one in trials if one.stopped] == [4]
    _stop_worse([one for one in trials if not one.stopped], 1)
    assert [one.number for one in trials if not one.stopped] == [0, 2, 3]


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_trials_are_written_and_a_time_limit_leaves_the_default(seconds, tmp_path):
    prepared = prepare(DATA, SHIFT.source, RunContext(SilentReporter()))
    strategy = replace(BITFIT, training=replace(BITFIT.training, epochs=1))
    found, record = with_searched_settings(
        strategy, prepared, prepared.dataset, HeadSearch(("ridge",)), count=3, seed=0, countdown=Countdown(seconds),
        logs=tmp_path, reporter=SilentReporter(), fixed={"epochs": 1},
    )  # fmt: skip
    rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert len(rows) == 4
    assert rows[0] == "trial,learning_rate,weight_decay,epochs,epochs_trained,validation_loss,seconds,stopped"
    assert [one["epochs"] for one in record["trials"]] == [1, 1, 1]
    if seconds == 0.0:
        assert found == strategy
        assert [one["stopped"] for one in record["trials"][1:]] == ["no time was left"] * 2
