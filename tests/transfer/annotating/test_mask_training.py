"""The gate of masks: a decoder is trained on most pictures and replaces the head only if it is better on the others."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from headstart.evaluate.annotations.masks import mask_gain
from headstart.evaluate.gain import Gain
from headstart.heads.masks.toy import toy_masks
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating import mask_training
from headstart.transfer.annotating.contract import Solved
from headstart.transfer.annotating.mask_training import choosing_and_judging, held_out_pictures
from headstart.transfer.annotating.masks import MaskAnnotating
from headstart.transfer.stages.context import RunContext
from headstart.tune.masks.crops import CropSettings
from headstart.tune.masks.train import MaskTraining
from headstart.tune.training.settings import Training
from headstart.types import Dataset

CONTEXT = RunContext(SilentReporter())
COARSE = MaskAnnotating(stride=32)  # one cell a picture, so that the closed-form head is poor


def short(steps: int) -> MaskTraining:
    training = Training(epochs=2, batch_size=4, learning_rate=1e-2, precision="fp32")
    return MaskTraining(training, steps=steps, crops=CropSettings(32))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return toy_masks(16, side=32)


@pytest.fixture(scope="module")
def start(data: Dataset) -> Solved:
    return COARSE.solve(data, open_source("headstart:image"), CONTEXT)


def test_a_better_decoder_is_kept_with_its_evidence(
    data: Dataset, start: Solved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_training, "training_for", lambda _count: short(15))
    gains: list[Gain] = []

    def with_interval(*args: Any, **options: Any) -> Gain:
        gains.append(mask_gain(*args, **options))
        return replace(gains[0], low=gains[0].value / 2)  # on pictures this simple the gain itself has no width

    monkeypatch.setattr(mask_training, "mask_gain", with_interval)
    kept, record = COARSE.fine_tune(data, start, "decoder", CONTEXT)
    assert gains[0].value > 0
    assert record["kept"] == "trained"
    assert isinstance(kept.head, TrainedMaskHead)
    assert kept.source is start.source
    assert record["held_out"] == 3
    assert record["optimistic"]  # three pictures are too few to choose and to judge apart
    assert "optimistic" in kept.notes[0]
    named = {each["name"]: each["instance_f1"] for each in record["candidates"]}
    assert named["trained decoder"] > named["closed-form head"]
    json.dumps(record)


def test_a_gain_without_an_interval_is_no_evidence(
    data: Dataset, start: Solved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_training, "training_for", lambda _count: short(1))
    undefined = Gain(0.5, math.nan, math.nan, "instance_f1", "closed-form head", "unclear")
    monkeypatch.setattr(mask_training, "mask_gain", lambda *_args, **_options: undefined)
    kept, record = COARSE.fine_tune(data, start, "decoder", CONTEXT)
    assert kept is start
    assert record["kept"] == "head"


def test_a_decoder_that_has_learned_nothing_is_not(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = MaskAnnotating(stride=4)
    good = fine.solve(data, open_source("headstart:image"), CONTEXT)
    monkeypatch.setattr(mask_training, "training_for", lambda _count: short(1))
    kept, record = fine.fine_tune(data, good, "decoder", CONTEXT)
    assert record["kept"] == "head"
    assert kept is good


def test_groups_stay_on_one_side() -> None:
    data = toy_masks(20)
    data = Dataset(
        data.items, data.ids, "image", data.task, data.y, groups=np.array([f"slide {k // 4}" for k in range(20)])
    )
    inner, outer = held_out_pictures(data, 0)
    assert len(outer.items) == 4
    assert not set(inner.groups) & set(outer.groups)


def test_pictures_that_choose_the_epoch_do_not_judge_where_they_are_enough() -> None:
    data = toy_masks(30)
    data = replace(data, groups=np.array([f"slide {k // 2}" for k in range(30)]))
    choosing, judging = choosing_and_judging(data, 0)
    assert not set(choosing.groups) & set(judging.groups)  # type: ignore[arg-type]
    assert sorted([*choosing.ids, *judging.ids]) == sorted(data.ids)
    assert min(len(choosing.items), len(judging.items)) >= 12


def test_a_decoder_is_judged_on_pictures_that_did_not_choose(
    data: Dataset, start: Solved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_training, "training_for", lambda _count: short(15))
    monkeypatch.setattr(mask_training, "FEWEST_JUDGES", 1)
    kept, record = COARSE.fine_tune(data, start, "decoder", CONTEXT)
    assert (record["chosen_on"], record["held_out"], record["optimistic"]) == (1, 2, False)
    assert kept is start  # two pictures are no evidence
