"""Adapted sources: the contract of sources, saving and opening, stored rows, and folders that are not to be trusted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.checks import checks_for
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError, SourceError
from headstart.sources import open_source
from headstart.sources.adapted import AdaptedSource
from headstart.sources.preprocessing.input_transform import InputTransform
from headstart.sources.registry import open_saved
from headstart.sources.toy import ToySource

PICTURES = list(np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8))
PLAIN = ToySource(modality="image")
INVERT = InputTransform("invert")


@pytest.mark.parametrize("check", checks_for("source"), ids=lambda check: check.__name__)
def test_it_keeps_the_contract_of_sources(check):
    check(AdaptedSource(PLAIN, INVERT), PICTURES)


def test_its_rows_are_those_of_the_changed_items_and_are_stored_apart():
    adapted = AdaptedSource(PLAIN, INVERT)
    for _ in range(2):  # computed, then from the store
        rows = extract(adapted, PICTURES, engine=Engine()).rows
        assert np.array_equal(rows, PLAIN.encode([255 - picture for picture in PICTURES]))
        assert np.array_equal(extract(PLAIN, PICTURES, engine=Engine()).rows, PLAIN.encode(PICTURES))
        assert not np.array_equal(rows, PLAIN.encode(PICTURES))


def test_saved_and_opened_it_is_the_same(tmp_path):
    adapted = open_source("adapted:frame=0.7+toy", modality="image")
    opened = open_saved(adapted.save(tmp_path), tmp_path, "image")
    assert opened.info == adapted.info
    assert opened.transform == InputTransform("frame", 0.7)
    assert np.array_equal(opened.encode(PICTURES), adapted.encode(PICTURES))


def test_other_layers_and_blocks_stay_adapted():
    last = AdaptedSource(PLAIN, INVERT).with_layers("last")
    assert [block.name for block in last.info.blocks] == ["trigrams"]
    assert np.array_equal(last.encode(PICTURES), PLAIN.with_layers("last").encode([255 - one for one in PICTURES]))


def test_an_item_that_fails_does_not_stop_the_others():
    found = AdaptedSource(ToySource(), InputTransform("lower")).prepare_many(["ONE", 2, "TWO"])
    assert "needs texts" in str(found[1])
    assert found[0] == ToySource().prepare("one")


def test_a_transform_of_another_modality_is_refused():
    with pytest.raises(SourceError, match="modality image"):
        AdaptedSource(ToySource(), INVERT)
    with pytest.raises(SourceError, match="holds no adapted source"):
        open_source("adapted:lower")


@pytest.mark.parametrize(
    "change",
    [
        {"transform": {"name": "exec", "value": 0}},
        {"transform": {"name": "frame", "value": "1"}},
        {"transform": {"name": ["invert"], "value": 0}},
        {"transform": None},
        {"reference": {"name": "local:/etc"}},
        {"reference": {"name": "timm:resnet18"}},
        {"reference": []},
        {"info": {"name": "toy", "modality": "smell", "sha256": None}},
        {"info": {"name": "toy", "modality": "image", "sha256": "0" * 64}},
    ],
    ids=str,
)
def test_a_folder_that_lies_is_refused_in_a_sentence(tmp_path, change):
    reference = AdaptedSource(PLAIN, INVERT).save(tmp_path)
    path = tmp_path / "adapted.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(HeadstartError):
        open_saved(reference, tmp_path, "image")


def test_endless_nesting_is_refused(tmp_path):
    source, folder = PLAIN, tmp_path
    for _ in range(6):
        source = AdaptedSource(source, INVERT)
    reference = source.save(folder)
    with pytest.raises(SourceError, match="inside 3 others"):
        open_saved(reference, folder, "image")
