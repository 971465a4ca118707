"""A source task whose body is kept as a source."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError, TrainingError, UsageError
from headstart.sources.toy_shift import toy_shift
from headstart.transfer.pretrain import pretrain
from headstart.types import Dataset, Task

module = sys.modules["headstart.transfer.pretrain"]  # the package has the function under this name
QUICK = {"epochs": 4, "batch_size": 8, "learning_rate": 0.02}


class Lines:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.told = []

    def line(self, label, text):
        self.told.append(f"{label}: {text}")

    result = detail = line

    def warning(self, text):
        self.told.append(text)

    def progress(self, stage):  # noqa: ARG002 (the contract of Reporter)
        return nullcontext(lambda *_: None)


def test_a_given_test_part_is_not_trained_on():
    shift = toy_shift()
    data = shift.train.take(range(100))
    split = np.array(["train"] * 80 + ["test"] * 20)
    found = pretrain(replace(data, split=split), source=shift.source, training=QUICK, verbose=False)
    assert found.record["test"]["items"] == 20
    assert found.record["data"]["items"] + found.record["held_out"]["items"] == 80
    assert found.record["training"]["settings"] == QUICK


def test_a_given_validation_part_chooses_the_epoch():
    shift = toy_shift()
    split = np.array(["train"] * 80 + ["val"] * 20)
    data = replace(shift.train.take(range(100)), split=split)
    found = pretrain(data, source=shift.source, training=QUICK, verbose=False)
    assert (found.record["data"]["items"], found.record["held_out"]["items"]) == (80, 20)


def test_a_given_validation_part_chooses_the_epoch_without_labels_too():
    split = np.array(["val"] * 6 + ["train"] * 30)
    data = replace(noise(36), split=split)
    found = pretrain(
        data, architecture="test_resnet", side=32, objective="masked", verbose=False,
        training={"epochs": 1, "batch_size": 15, "keep_trained": True, "augmentation": "none"},
    )  # fmt: skip
    assert (found.record["data"]["items"], found.record["held_out"]["items"]) == (30, 6)


def test_a_time_limit_leaves_time_for_judging(monkeypatch):
    shift, budgets = toy_shift(), []

    def train(start, parts, chosen, budget, context):
        budgets.append(budget)
        raise TrainingError("no source to keep")

    monkeypatch.setattr(module, "_train", train)
    with pytest.raises(TrainingError):
        pretrain(shift.train.take(range(80)), source=shift.source, time_limit=100, verbose=False)
    [budget] = budgets
    assert 85 < budget.seconds <= 95
    assert budget.again >= 1  # the trained body is judged as its start was
    assert budget.less(10).seconds < budget.seconds - 20
    assert budget.less(60).seconds == (budget.seconds - 60) / 2  # a training is not given up for its judging


def test_the_held_out_line_and_the_gain_say_which_head_they_are_of():
    reporter = Lines()
    found = pretrain(toy_shift().train.take(range(80)), source=toy_shift().source, training=QUICK, reporter=reporter)
    [held] = [line for line in reporter.told if line.startswith("held out")]
    [gain] = [line for line in reporter.told if line.startswith("gain")]
    assert held.endswith("which chose the epoch; by the head that was trained with the body")
    y = found.record["untrained"]["value"], found.record["gain_over_start"]["value"]
    assert f"the trained body reaches {sum(y):.3f}, the weights of the source {y[0]:.3f}" in gain


def test_a_time_limit_counts_from_when_the_command_began():
    shift = toy_shift()
    known = {"source": shift.source, "training": QUICK, "verbose": False}
    data, earlier = shift.train.take(range(80)), time.perf_counter() - 100
    with pytest.raises(TrainingError, match=r"\(0 steps\). The time limit ended it"):
        pretrain(data, time_limit=60, began=earlier, **known)


def noise(count):
    rng = np.random.default_rng(0)
    items = rng.integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
    y = rng.permutation(np.arange(count) % 2)
    return Dataset(list(items), tuple(map(str, range(count))), "image", Task("classification", ("a", "b")), y)


def test_what_kept_its_start_is_no_trained_source(tmp_path):
    with pytest.raises(TrainingError, match="no source to keep"):
        pretrain(
            noise(40), tmp_path / "body", architecture="test_resnet", side=32, verbose=False,
            training={"epochs": 1, "batch_size": 16, "learning_rate": 0.5, "augmentation": "none"},
        )  # fmt: skip
    assert not (tmp_path / "body").exists()


def test_what_is_not_shown_to_be_better_than_its_start_is_refused_or_told(tmp_path):
    shift, reporter = toy_shift(), Lines()
    data = shift.train.take(range(60))
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    with pytest.raises(TrainingError, match="no source to keep"):
        pretrain(shuffled, tmp_path / "body", source=shift.source, training=QUICK, verbose=False)
    assert not (tmp_path / "body").exists()
    pretrain(shuffled, source=shift.source, training={**QUICK, "keep_trained": True}, reporter=reporter)
    assert any("not shown to be better" in line for line in reporter.told)


def test_data_and_names_that_cannot_be_used():
    shift = toy_shift()
    labelled = shift.train.take(range(20))
    with pytest.raises(DataError, match="label"):
        pretrain(replace(labelled, task=None, y=None), source=shift.source, verbose=False)
    with pytest.raises(ParameterError, match="--source or --architecture, not both"):
        pretrain(labelled, source=shift.source, architecture="resnet18", verbose=False)
    with pytest.raises(ParameterError, match="is a body for pictures"):
        pretrain((["good", "bad"] * 8, ["a", "b"] * 8), architecture="resnet18", verbose=False)
    with pytest.raises(ParameterError, match="time_limit"):
        pretrain(labelled, source=shift.source, time_limit=0, verbose=False)


def test_a_folder_with_files_is_not_overwritten(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(UsageError, match="not overwritten"):
        pretrain(toy_shift().train, tmp_path, verbose=False)


def test_items_without_labels_need_an_objective_without_labels(tmp_path):
    plain = replace(noise(24), task=None, y=None)
    short = {"epochs": 1, "batch_size": 12, "learning_rate": 0.002}
    found = pretrain(
        plain, tmp_path / "body", architecture="test_resnet", side=32, objective="masked", training=short, verbose=False
    )
    assert found.model is None
    assert "not measured" in (tmp_path / "body" / "README.md").read_text()
    texts = {"text": [f"a text of number {k}" for k in range(24)]}
    with pytest.raises(DataError, match="--objective contrastive or masked"):
        pretrain(texts, verbose=False)


def test_labels_judge_a_training_without_them():
    with pytest.raises(TrainingError, match="no source to keep"):
        pretrain(
            noise(40), architecture="test_resnet", side=32, objective="contrastive", verbose=False,
            training={"epochs": 1, "batch_size": 16},
        )  # fmt: skip
