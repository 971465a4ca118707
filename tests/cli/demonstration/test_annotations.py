"""The annotated data of the demo: hard enough that what a pretrained body knows shows in the figures."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from headstart import fit
from headstart.cli.demonstration.annotations import COVERED, drawn_cells, drawn_objects, in_parts, made_sentences


def surfaces(data):
    return {item.surface(span) for item, spans in zip(data.items, data.y, strict=True) for span in spans}


def test_the_parts_share_neither_names_nor_templates():
    """Kind: test names that were seen in training, which an untrained body marks as well as a pretrained one."""
    lists = json.loads((files("headstart") / "assets" / "made_sentences.json").read_text(encoding="utf-8"))
    assert list(lists["training"]) == list(lists["test"])
    for name in lists["training"]:
        assert not set(lists["training"][name]) & set(lists["test"][name]), name
    assert not surfaces(made_sentences(300)) & surfaces(made_sentences(300, part="test"))


def test_half_of_the_templates_leave_the_type_to_the_name():
    """Kind: sentences whose other words give the type away."""
    lists = json.loads((files("headstart") / "assets" / "made_sentences.json").read_text(encoding="utf-8"))
    for part in lists.values():
        assert sum("|" in one for one in part["templates"]) >= len(part["templates"]) / 2
        assert all(len(kinds) > 1 for kinds in part["several types"].values())


@pytest.mark.parametrize("part", ["training", "test"])
def test_some_names_have_several_types(part):
    types = {}
    data = made_sentences(400, part=part)
    for item, spans in zip(data.items, data.y, strict=True):
        for span in spans:
            types.setdefault(item.surface(span), set()).add(span.label)
    assert sum(len(found) > 1 for found in types.values()) >= 4
    assert set().union(*types.values()) == set(data.task.labels)


def test_parts_become_a_given_split():
    data = in_parts(drawn_cells(2), drawn_cells(1, seed=1))
    assert data.split.tolist() == ["train", "train", "test"]
    assert len(set(data.ids)) == 3


def test_objects_may_lie_on_others_and_other_shapes_have_no_box():
    data = drawn_objects(60)
    lapping = 0
    for boxes in data.y:
        assert (boxes.xyxy >= 0).all()
        assert (boxes.xyxy[:, 2:] <= boxes.size).all()
        for one, other in combinations(range(len(boxes)), 2):
            low = np.maximum(boxes.xyxy[one, :2], boxes.xyxy[other, :2])
            shared = np.maximum(np.minimum(boxes.xyxy[one, 2:], boxes.xyxy[other, 2:]) - low, 0).prod()
            assert shared <= (COVERED + 1e-9) * min(boxes.areas[one], boxes.areas[other])
            lapping += shared > 0
    assert lapping > 0
    drawn = sum(map(len, data.y))
    assert 1 <= drawn / 60 <= 4  # of 3 to 7 shapes, of which half have a class
    assert set(np.concatenate([boxes.labels for boxes in data.y])) == {0, 1, 2}


def test_brightness_does_not_tell_cells_from_the_rest():
    """Kind: masks that a threshold finds, so that no body is needed."""
    data = drawn_cells(20)
    light = np.concatenate([np.asarray(item)[:, :, 0].ravel() for item in data.items])
    cell = np.concatenate([mask.classes().ravel() for mask in data.y]) == 1
    dice = [2 * (cell & (light > level)).sum() / (cell.sum() + (light > level).sum()) for level in range(40, 220, 5)]
    assert max(dice) < 0.7


@pytest.mark.slow
def test_a_pretrained_body_pays_on_the_made_sentences():
    data = in_parts(made_sentences(60), made_sentences(120, part="test"))
    run = fit(data, source="headstart:multilingual", verbose=False)
    assert 0.7 <= run.evaluation.metrics["span_f1"].value <= 0.95
    [untrained] = [one for one in run.baselines if one.name == "untrained body"]
    assert untrained.gain.low > 0
