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


def trial(number, losses, tested=None, **facts):
    found = np.asarray(losses, dtype=np.float64)
    return _SettingsTrial(number, SETTINGS, found, found if tested is None else tested, 4, **facts)


def test_others_are_kept_where_items_that_chose_nothing_say_so():
    test = pilot_parts(DATA, 0)[2]
    noise = np.random.default_rng(0).normal(size=len(test))
    default, better, tie = trial(0, noise + 2), trial(1, noise + 1), trial(2, np.roll(noise, 1) + 1.99)
    assert _decide([default, better, tie], test)[0] is better
    kept, sentence = _decide([default, tie], test)
    assert kept is default
    assert sentence.startswith("The default settings stay: the best of 1 others")
    assert "items that chose nothing" in sentence
    assert _decide([default, trial(1, noise, stopped="worse")], test)[0] is default
    assert _decide([default, trial(1, noise, tested=noise + 2)], test)[0] is default  # better only where it was chosen


def test_a_default_that_was_not_trained_to_its_end_is_not_compared():
    noise = np.random.default_rng(0).normal(size=10)
    cut = _SettingsTrial(0, SETTINGS, noise + 9, None, 1, stopped="no time was left")
    kept, sentence = _decide([cut, trial(1, noise)], pilot_parts(DATA, 0)[2])
    assert kept is cut
    assert "no time for all of their epochs" in sentence


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
        assert [one["stopped"] for one in record["trials"]] == ["no time was left"] * 3
        assert [one["epochs_trained"] for one in record["trials"]] == [0, 0, 0]
