"""A range test in a fit: its rate is trained with, its curve is kept and read again, and epochs are told of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.errors import ParameterError
from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources.toy_shift import toy_shift
from headstart.transfer import fit
from headstart.transfer.gate.decision import decide
from headstart.transfer.gate.move_body import check_strategy
from headstart.transfer.gate.rate_search import TABLE, _kept, with_tested_rate
from headstart.transfer.gate.time_plan import Countdown
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import judge
from headstart.transfer.stages.prepare import prepare
from headstart.tune import STRATEGIES
from headstart.tune.training.range_test import RangeTest

SILENT = SilentReporter()


def test_the_rate_that_is_found_is_the_one_that_is_trained_with(tmp_path):
    shift, rows = toy_shift(), []
    prepared = prepare(shift.train.take(range(40)), shift.source, RunContext(SILENT))
    judged = judge(prepared, HeadSearch(("ridge",)), 0, SILENT, once=True)
    record = decide(
        prepared, judged, "full", seed=0, seconds=None, reporter=SILENT, folder=None, logs=tmp_path,
        training={"learning_rate": "find", "epochs": 2}, on_epoch=lambda row: rows.append(row) or False,
    ).record  # fmt: skip
    rate = record["range_test"]["rate"]
    table = (tmp_path / "learning_rate.csv").read_text().splitlines()
    assert rate is not None
    assert record["settings"]["learning_rate"] == rate
    assert record["chosen"] == {"learning_rate": "find", "epochs": 2}
    assert len(table) == len(record["range_test"]["rates"]) + 1
    assert (len(rows), record["training"]["stopped"]) == (1, "asked to end")
    RangeTest.of([1e-7, 1e-6], [1.0, 1.0]).write(tmp_path / "learning_rate.csv")  # of a fit that was killed
    _, again = with_tested_rate(
        STRATEGIES["full"], prepared, prepared.dataset, judged.search, seed=0, countdown=Countdown(None),
        logs=tmp_path, reporter=SILENT,
    )  # fmt: skip
    assert again["rates"] == [1e-7, 1e-6]
    scratch, _ = with_tested_rate(
        STRATEGIES["scratch"], prepared, prepared.dataset, judged.search, seed=0, countdown=Countdown(None),
        logs=tmp_path, reporter=SILENT,
    )  # fmt: skip
    assert scratch.training.learning_rate == STRATEGIES["scratch"].training.learning_rate  # where none was found


@pytest.mark.parametrize("text", ["", "rate,loss\n1e-7", "rate\n1", "rate,loss\na,b\n"])
def test_a_curve_that_cannot_be_read_is_no_curve(text, tmp_path):
    (tmp_path / TABLE).write_text(text)
    assert _kept(tmp_path / TABLE) is None


def test_where_it_cannot_be_found_one_sentence_says_so():
    for strategy in ("auto", "frozen"):
        with pytest.raises(ParameterError, match="range test and trials"):
            check_strategy(strategy, training={"learning_rate": "find"})
    check_strategy("lora", training={"learning_rate": "find", "rank": 4})
    with pytest.raises(ParameterError, match="'on_epoch' is called after each epoch"):
        fit(([[0.0], [1.0]] * 4, ["a", "b"] * 4), on_epoch=print)
    plain = replace(STRATEGIES["lp_ft"].training, epochs=1)
    with pytest.raises(ParameterError, match="learning_rate"):
        replace(plain, learning_rate="find")
    for wrong in (1, 101, 2.5, "many"):
        with pytest.raises(ParameterError, match="'trials' parameter"):
            check_strategy("lp_ft", training={"trials": wrong})
