"""Boxes in a fit, from the solved head to the report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from drawn_squares import squares, tiny_body

from headstart.annotations import Boxes
from headstart.engine.options import Engine
from headstart.errors import DataError, ParameterError, SourceError
from headstart.evaluate.gain import UNTRAINED
from headstart.heads.boxes.tiled import TiledBoxes
from headstart.model import AnnotationModel
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating.box_training import _Parts, held_out_boxes
from headstart.transfer.annotating.boxes import BoxAnnotating, with_sizes
from headstart.transfer.annotating.contract import ANNOTATING, Solved
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset

CONTEXT = RunContext(SilentReporter(), Engine(backend="torch", cache=False))
BOXES = BoxAnnotating(side=64)


@pytest.fixture(scope="module")
def solved() -> Solved:
    return BOXES.solve(squares(24), tiny_body(), CONTEXT)


def test_it_is_registered() -> None:
    assert isinstance(ANNOTATING["box"], BoxAnnotating)


def test_the_solved_head_beats_mean_boxes(solved: Solved) -> None:
    new = squares(16, 1)
    found = solved.head.annotate(solved.source, new.items, engine=CONTEXT.engine)
    made = BOXES.baselines(squares(24), solved, CONTEXT)
    assert list(made) == ["mean boxes", UNTRAINED]
    reference = made["mean boxes"]()(new.items)
    assert BOXES.gain(new, found, reference, name="mean boxes").value > 0
    assert solved.left_out is not None
    assert json.loads(json.dumps(dict(solved.record)))["candidates"][0]["ap50"] >= 0


def test_the_untrained_body_is_another_body(solved: Solved) -> None:
    found = BOXES.baselines(squares(8), solved, CONTEXT)[UNTRAINED]()(squares(2, 1).items)
    assert [one.size for one in found] == [(80, 64)] * 2


def test_examples_are_plain_and_the_worst_come_first(solved: Solved) -> None:
    new = squares(6, 2)
    found = solved.head.annotate(solved.source, new.items, engine=CONTEXT.engine)
    found[3] = Boxes.empty((80, 64))
    examples = json.loads(json.dumps(list(BOXES.examples(new, found, 6))))
    wrong = [one["missed"] + one["false_alarms"] for one in examples]
    assert wrong == sorted(wrong, reverse=True)
    assert {"3.png"} <= {one["name"] for one in examples}
    for one in examples:
        assert one["hits"] + one["missed"] == 1
        assert all(0 <= value <= 1 for box in one["boxes"] for value in box["box"])


def test_sizes_are_read_where_they_are_not_known() -> None:
    data = squares(2)
    for k in range(2):
        data.y[k] = replace(data.y[k], size=(0, 0))
    assert [one.size for one in with_sizes(data)[1]] == [(80, 64)] * 2


def test_pictures_without_boxes_are_refused() -> None:
    data = squares(4)
    for k in range(4):
        data.y[k] = Boxes.empty((80, 64))
    with pytest.raises(DataError, match="no box with an area"):
        BOXES.solve(data, tiny_body(), CONTEXT)


def test_other_strategies_are_refused(solved: Solved) -> None:
    with pytest.raises(ParameterError, match="'full', 'lp_ft' or 'scratch'"):
        BOXES.fine_tune(squares(30), solved, "lora", CONTEXT)


def test_few_pictures_and_saturated_heads_stay_frozen(solved: Solved) -> None:
    kept, record = BOXES.fine_tune(squares(8), solved, "full", CONTEXT)
    assert kept is solved
    assert "too few" in record["reason"]
    saturated = replace(solved, left_out=0.99)
    kept, record = BOXES.fine_tune(squares(30), saturated, "auto", CONTEXT)
    assert kept is saturated
    assert "little to gain" in record["reason"]


def test_a_source_without_a_body_is_refused_by_name(solved: Solved) -> None:
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        BOXES.fine_tune(squares(30), replace(solved, source=open_source("toy")), "full", CONTEXT)


def test_held_out_pictures_are_complete_groups() -> None:
    data = squares(40, groups=True)
    inner, outer = held_out_boxes(data, 0)
    assert len(inner) + len(outer) == 40
    assert data.groups is not None
    assert not set(data.groups[inner].tolist()) & set(data.groups[outer].tolist())
    assert len(outer) >= 8


@pytest.mark.slow
def test_a_trained_detector_replaces_the_head_where_it_is_better(solved: Solved) -> None:
    kept, record = BOXES.fine_tune(squares(60), solved, "full", CONTEXT)
    assert record["held_out"] == 9
    assert record["kept"] in ("trained", "head")
    assert (kept is solved) == (record["kept"] == "head")
    json.dumps(record)
    new = squares(12, 5)
    found = kept.head.annotate(kept.source, new.items, engine=CONTEXT.engine)
    assert BOXES.evaluate(new, found).metrics["ap50"].value > 0.4


def test_pictures_are_found_again_at_their_own_size() -> None:
    solved = BOXES.solve(squares(24), tiny_body(), CONTEXT)
    picture = np.full((500, 300, 3), 100, np.uint8)
    [found] = solved.head.annotate(solved.source, [picture], engine=CONTEXT.engine)
    assert found.size == (300, 500)
    assert (found.xyxy <= [300, 500, 300, 500]).all()


def test_pictures_that_choose_the_epoch_do_not_judge_where_there_are_enough() -> None:
    """The kind: the maximum over epochs was reported as a held-out figure."""
    codes = np.arange(400) // 2
    data = Dataset(list(range(400)), tuple(map(str, range(400))), "image", groups=codes)
    parts = _Parts.of(data, 0)
    assert parts.are_apart
    every = [set(codes[part].tolist()) for part in (parts.inner, parts.choosing, parts.judging)]
    assert sum(map(len, every)) == len(set().union(*every)) == 200
    assert len(parts.judging) >= 16
    assert not _Parts.of(data.take(range(60)), 0).are_apart


@pytest.mark.parametrize("least", [40, 6])
def test_notes_say_which_pictures_judge(solved: Solved, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "headstart.transfer.annotating.box_training"
    for name, value in (("FEWEST_TO_SPLIT", least), ("FEWEST_JUDGES", 2), ("FEWEST_EPOCHS", 1), ("MOST_EPOCHS", 1)):
        monkeypatch.setattr(f"{module}.{name}", value)
    kept, record = BOXES.fine_tune(squares(24), solved, "scratch", CONTEXT)
    assert record["held_out"] == 8
    assert record["judged"] == (4 if least == 6 else 8)
    assert ("4 others judge" if least == 6 else "optimistic") in " ".join(kept.notes)
    assert kept.left_out == record["candidates"][1]["ap50"]


def test_a_head_that_reads_tiles_keeps_no_sums_and_says_so(solved: Solved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.transfer.annotating.boxes.tile_side", lambda _truth, _side: 64)
    data = squares(6)
    tiled = BOXES.solve(data, tiny_body(), CONTEXT)
    assert isinstance(tiled.head, TiledBoxes)
    assert solved.sums is not None
    assert tiled.sums is None
    model = AnnotationModel(tiled.source, data.labelled()[0], tiled.head, sums=tiled.sums)
    with pytest.raises(DataError, match="reads tiles that were drawn for its fit"):
        model.update(data.items, list(data.labelled()[1]))
