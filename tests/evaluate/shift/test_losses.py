"""Whether judged items belong to the training items, told by left-out and judged losses."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.cli.main import main
from headstart.evaluate.shift.losses import compare_losses
from headstart.heads import select_head
from headstart.heads.loss_summary import LossSummary, summarise
from headstart.tasks import task_methods
from headstart.types import Task

TASK = Task("classification", ("a", "b"))


def rows(n, seed=0, moved=0.0):
    """Two classes that are told apart well; ``moved`` puts them where the other one was."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return rng.normal(size=(n, 6)) + np.array([3.0, 0, 0, 0, 0, 0]) * (y[:, None] + moved), y


def table(train, test):
    (x, y), (u, v) = train, test
    frame = pd.DataFrame(np.vstack([x, u]), columns=list("pqrstu"))
    frame["label"] = [f"class {k}" for k in (*y, *v)]
    frame["split"] = ["train"] * len(y) + ["test"] * len(v)
    return frame


def test_summary_is_the_mean_with_its_error_of_groups():
    outputs, y = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]), np.array([0, 0, 1, 1])
    losses = -np.log([0.9, 0.8, 0.7, 0.4])
    plain, grouped = summarise(TASK, outputs, y), summarise(TASK, outputs, y, np.array([0, 0, 1, 1]))
    assert (plain.mean, plain.units, grouped.units) == (pytest.approx(losses.mean()), 4, 2)
    assert plain.error == pytest.approx(losses.std(ddof=1) / 2)
    halves = losses.reshape(2, 2).mean(axis=1)
    assert grouped.error == pytest.approx(halves.std(ddof=1) / math.sqrt(2))
    assert LossSummary.from_dict(json.loads(json.dumps(plain.to_dict()))) == plain


@pytest.mark.parametrize("change", [{"mean": "nan"}, {"error": -1}, {"units": 0}, {"variance": [0.0]}])
def test_absurd_summaries_are_refused(change):
    with pytest.raises(ValueError, match=r"out-of-fold|variances"):
        LossSummary.from_dict({"mean": 0.1, "error": 0.1, "units": 5, "variance": []} | change)


def test_a_few_items_or_one_group_tell_nothing():
    assert not compare_losses(LossSummary(0.1, 0.01, 500), LossSummary(9.0, math.inf, 1)).differs
    assert not compare_losses(LossSummary(0.1, 0.01, 500), LossSummary(1.0, 0.5, 3)).differs


def test_a_small_sample_without_the_rare_large_losses_is_no_other_kind():
    """One item in fifty costs 5: forty that hold none of them are as likely as not."""
    losses = np.where(np.arange(1000) % 50 == 0, 5.0, 0.01)
    left_out = LossSummary(losses.mean(), losses.std() / math.sqrt(1000), 1000)
    assert not compare_losses(left_out, LossSummary(0.01, 1e-4, 40)).differs


@pytest.mark.parametrize("splits", [15, pytest.param(250, marks=pytest.mark.slow)])
def test_items_of_the_same_kind_are_hardly_ever_called_others(splits):
    """At most 1 in 500 is promised: none among so many random splits of classes, and of heavy-tailed values."""
    alarms, rng = 0, np.random.default_rng(0)
    for seed in range(splits):
        x, y = rows(75, seed)
        y = np.where(rng.uniform(size=75) < 0.05, 1 - y, y)  # some labels are wrong on both sides
        alarms += shift_of(TASK, x, y, 60).differs
    for seed in range(splits):
        x, _ = rows(75, seed)
        y = x[:, :1] + np.random.default_rng(seed).standard_t(3, size=(75, 1))
        alarms += shift_of(Task("regression", ("v",)), x, y, 60).differs
    assert alarms == 0


def shift_of(task, x, y, n):
    head = select_head(x[:n].astype(np.float32), y[:n], task)
    left_out = summarise(task, head.evidence.outputs, y[:n])
    outputs = task_methods(task).outputs(head.scores(x[n:].astype(np.float32)), head.calibration)
    return compare_losses(left_out, summarise(task, outputs, y[n:], variance=left_out.variance or None))


def test_a_fit_warns_where_the_given_test_part_is_of_another_kind():
    shifted = headstart.fit(table(rows(120), rows(60, 1, moved=-1.0)), baselines="none").record["evaluation"]["shift"]
    assert shifted["differs"]
    assert shifted["low"] > 0.02
    assert shifted["sentence"].startswith("The evaluated items differ from the training items: their mean loss is ")
    same = headstart.fit(table(rows(120), rows(60, 1)), baselines="none").record["evaluation"]["shift"]
    assert not same["differs"]
    assert same["sentence"] == ""
    assert headstart.fit((rows(60)[0], rows(60)[1].astype(str)), baselines="none").record["evaluation"]["shift"] is None


def test_evaluate_warns_from_what_the_model_keeps(tmp_path, capsys):
    x, y = rows(120)
    for name, (part, labels) in {"fitted": (x, y), "same": rows(60, 1), "other": rows(60, 1, moved=-1.0)}.items():
        frame = pd.DataFrame(part, columns=list("pqrstu"))
        frame["label"] = [f"class {k}" for k in labels]
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    run = str(tmp_path / "run")
    assert main(["fit", str(tmp_path / "fitted.csv"), "--baselines", "none", "--out", run]) == 0
    capsys.readouterr()
    said = {}
    for name in ("same", "other", "fitted"):
        assert main(["evaluate", run, str(tmp_path / f"{name}.csv")]) == 0
        said[name] = " ".join(capsys.readouterr().out.split())
    assert "differ from the training items" in said["other"]
    assert "differ from the training" not in said["same"] + said["fitted"]
    assert main(["evaluate", run, str(tmp_path / "other.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shift"]["differs"]
