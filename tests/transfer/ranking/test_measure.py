"""Scores that ask what a source's own classifier says (LEEP, NCE), in a ranking."""

from __future__ import annotations

import math

import numpy as np
import pytest

import headstart
from headstart.engine.options import Engine
from headstart.errors import ParameterError
from headstart.scores import leep, nce
from headstart.sources.toy import ToySource
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.transfer.ranking.measure import Question, source_scores
from headstart.types import Task


def test_scores_are_those_of_the_source_heads_probabilities():
    shift = toy_shift()
    source = toy_with_head(shift)
    task, y = shift.train.labelled()
    found = source_scores(
        source, shift.train.items, np.arange(len(y)), Question(task, y, None, ("nce", "logme", "leep"))
    )
    body = source.trainable()
    logits = body.source_head(body.module, body.collate(list(shift.train.items))).detach().double().numpy()
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    assert list(found) == ["nce", "leep"]
    assert found["leep"] == pytest.approx(leep(probabilities, y), abs=1e-5)
    assert found["nce"] == pytest.approx(nce(probabilities.argmax(axis=1), y), abs=1e-12)


def test_a_source_without_a_classifier_is_named():
    texts = ["good film", "lovely day", "bad film", "awful day"] * 5, ["good", "good", "bad", "bad"] * 5
    ranking = headstart.rank(texts, [ToySource()], scores=["leep"], untrained=False, engine=Engine(cache=False))
    assert math.isnan(ranking.first.measured.scores["leep"])
    assert any(note.startswith("leep needs") and note.endswith("toy came without one.") for note in ranking.notes)


def test_a_score_that_does_not_serve_the_task_is_refused_before_encoding():
    rows = np.arange(20.0)[:, None]
    for name in ("leep", "h_score"):
        with pytest.raises(ParameterError, match="must be one of 'classification'"):
            headstart.rank((rows, rows[:, 0] / 3), ["vector"], scores=[name])


def test_items_with_groups_are_drawn_whole():
    shift = toy_shift()
    _, y = shift.train.labelled()
    asked = Question(Task("classification", ("a", "b", "c")), y, np.arange(len(y)) // 2, ("leep",))
    assert source_scores(toy_with_head(shift), shift.train.items, np.arange(len(y)), asked)["leep"] <= 0
