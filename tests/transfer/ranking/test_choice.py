"""`fit` with ``source="auto"``."""

from __future__ import annotations

import json

import pytest
from rank_sources import Blurred, labelled_rows

import headstart
from headstart.engine.options import Engine
from headstart.errors import ParameterError, UnknownNameError

PLAIN = Engine(cache=False)


def test_the_first_source_is_taken_and_nothing_is_encoded_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    rows, labels = labelled_rows(90)
    poor, good = Blurred("poor", 3.0), Blurred("good", 0.1)
    run = headstart.fit(
        (rows, labels), source="auto", sources=[poor, good], baselines="none", engine=PLAIN, out=tmp_path / "run"
    )
    assert run.model.source is good
    assert sorted(good.seen) == sorted(rows[:, -1].astype(float))
    choice = json.loads((tmp_path / "run" / "metrics.json").read_text())["source_choice"]
    assert choice["chosen"] == "good"
    assert choice["tie_set"] == ["good"]
    assert "cross-validation evaluates too" in choice["chosen_on"]
    plain = headstart.fit((rows, labels), source=Blurred("good", 0.1), baselines="none", engine=PLAIN)
    assert run.evaluation.to_dict() == plain.evaluation.to_dict()


def test_one_candidate_is_no_choice_between_several(tmp_path, monkeypatch):
    """Kind: one installed source, whose choice was said to make the metrics too high."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    run = headstart.fit(
        labelled_rows(90), source="auto", sources=[Blurred("good", 0.1)], baselines="none", engine=PLAIN
    )
    choice = run.record["source_choice"]
    assert choice["chosen_on"] == choice["how"] == "all 90 items, which the cross-validation evaluates too"
    several = [Blurred("good", 0.1), Blurred("poor", 3.0)]
    run = headstart.fit(labelled_rows(90), source="auto", sources=several, baselines="none", engine=PLAIN)
    assert "choosing the best of several sources" in run.record["source_choice"]["chosen_on"]


def test_held_out_items_have_no_say_in_the_choice(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    rows, labels = labelled_rows(1200)
    poor, good = Blurred("poor", 3.0), Blurred("good", 0.1)
    run = headstart.fit((rows, labels), source="auto", sources=[poor, good], baselines="none", engine=PLAIN)
    assert run.record["source_choice"]["items"] == 1200 - run.evaluation.n
    assert "no held-out item was used" in run.record["source_choice"]["chosen_on"]
    assert len(good.seen) == 1200
    assert run.record["encoding"]["encoded"] == 1200


def test_sources_without_auto_and_unknown_ones_are_refused():
    with pytest.raises(ParameterError, match="source='auto'"):
        headstart.fit("nothing", source="toy", sources=["toy"])
    with pytest.raises(UnknownNameError, match="nonsense"):
        headstart.fit("nothing", source="auto", sources=["toy", "nonsense"])
