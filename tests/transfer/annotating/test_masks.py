"""Masks as the fit of annotations sees them: solve, train or not, baselines, metrics, pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import ParameterError, SourceError
from headstart.evaluate.gain import UNTRAINED
from headstart.heads.masks.toy import toy_masks
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating.contract import ANNOTATING, Solved
from headstart.transfer.annotating.masks import MASKS, RAW, MaskAnnotating, settings_for
from headstart.transfer.stages.context import RunContext
from headstart.types import Source

DATA = toy_masks(5, side=32)
CONTEXT = RunContext(SilentReporter())
COARSE = MaskAnnotating(stride=4)


@pytest.fixture(scope="module")
def source() -> Source:
    return open_source("headstart:image")


@pytest.fixture(scope="module")
def solved(source: Source) -> Solved:
    return COARSE.solve(DATA, source, CONTEXT)


def test_it_is_registered() -> None:
    assert ANNOTATING["mask"] is MASKS


def test_solving_gives_a_head_its_evidence_and_plain_values(solved: Solved) -> None:
    assert solved.left_out is not None
    assert solved.left_out > 0.8
    record = json.loads(json.dumps(solved.record))
    assert sum(each["chosen"] for each in record["candidates"]) == 1
    assert record["cells"] == pytest.approx(5 * 64)
    found = solved.head.annotate(solved.source, DATA.items, engine=CONTEXT.engine)
    evaluation = COARSE.evaluate(DATA, found)
    assert list(evaluation.metrics) == ["miou", "dice", "boundary_f1", "instance_f1", "instance_map"]


def test_baselines_are_fitted_when_they_are_called(source: Source, solved: Solved) -> None:
    every = COARSE.baselines(DATA, solved, CONTEXT)
    assert list(every) == [RAW, UNTRAINED]
    for make in every.values():
        assert [mask.size for mask in make()(DATA.items[:2])] == [(32, 32)] * 2
    same = [DATA.y[0]] * len(DATA.items)
    assert COARSE.gain(DATA, list(DATA.y), same, name="one mask").value > 0


def test_few_pictures_or_frozen_train_nothing(solved: Solved) -> None:
    for name in ("auto", "frozen", "decoder"):
        kept, decision = COARSE.fine_tune(DATA, solved, name, CONTEXT)
        assert kept is solved
        assert decision["kept"] == "head"
    with pytest.raises(ParameterError, match="auto, decoder, frozen"):
        COARSE.fine_tune(DATA, solved, "lora", CONTEXT)


def test_windows_follow_the_median_picture(source: Source) -> None:
    mixed = toy_masks(3, side=70)
    assert settings_for(mixed, source).settings.window == (96, 96)
    with pytest.raises(SourceError, match="no maps"):
        settings_for(mixed, open_source("headstart:text"))


def test_the_worst_pictures_are_shown_first_with_counts() -> None:
    found = list(DATA.y)
    found[3] = replace(found[3], values=np.zeros((32, 32), np.int16), objects=np.zeros((32, 32), np.int32))
    shown = MASKS.examples(DATA, found, 2)
    assert [one["name"] for one in shown] == ["picture 3", "picture 0"]
    assert (shown[0]["missed"], shown[0]["hits"], shown[1]["hits"]) == (2, 0, 2)
    assert all(shown[0][name].startswith("/9j/") for name in ("labelled", "found"))
    assert json.loads(json.dumps(shown)) == shown
