"""The head of words: what is saved and refused, and sources that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.annotations import Sentence
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.heads.annotating.contract import ANNOTATION_HEADS, AnnotationHead
from headstart.heads.words.head import WordsHead
from headstart.sources.toy import ToySource
from headstart.types import Task

TASK = Task("token", ("LOC", "PER"))
WIDTH = (64 + 19) * 3


@pytest.fixture(scope="module")
def head():
    rng = np.random.default_rng(0)
    arrays = {"weight": rng.normal(size=(WIDTH, 5)), "bias": rng.normal(size=5)}
    chain = {"first": rng.normal(size=5), "steps": rng.normal(size=(5, 5))}
    return WordsHead(TASK.labels, ("trigrams",), **arrays, **chain, context=1)


def test_a_saved_head_marks_the_same_spans(head):
    assert isinstance(head, AnnotationHead)
    again = ANNOTATION_HEADS["words"].from_saved(dict(head.tensors()), json.loads(json.dumps(head.facts())), TASK)
    items = [Sentence.of_words(["Ada", "met", "Bob", "in", "Paris"]), Sentence.of_words(["no"])]
    marks = [one.annotate(ToySource(), items, engine=Engine(cache=False)) for one in (head, again)]
    assert marks[0] == marks[1]
    assert any(marks[0])
    assert all(0 < span.score <= 1 for spans in marks[0] for span in spans)


def test_sentences_do_not_change_each_other(head):
    items = [
        Sentence.of_words(["Ada", "met", "Bob"]),
        Sentence.of_words(["Paris"]),
        Sentence.of_words(["so", "it", "is"]),
    ]
    engine = Engine(cache=False)
    together = head.annotate(ToySource(), items, engine=engine)
    assert [head.annotate(ToySource(), [item], engine=engine)[0] for item in items] == together
    assert head.annotate(ToySource(), items[::-1], engine=engine)[::-1] == together


@pytest.mark.parametrize(
    "wrong",
    [
        {"blocks": "trigrams"}, {"blocks": []}, {"blocks": [3]}, {"blocks": ["x" * 300]}, {"blocks": ["a"] * 100},
        {"context": 99}, {"context": True}, {"context": -1}, {"pooling": "sum"}, {"scheme": "IO"}, {"scheme": None},
    ],
)  # fmt: skip
def test_facts_that_a_folder_must_not_hold(head, wrong):
    with pytest.raises(ValueError, match="the head's"):
        WordsHead.from_saved(head.tensors(), {**head.facts(), **wrong}, TASK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": np.full((WIDTH, 5), np.nan)}, {"bias": np.zeros(4)}, {"steps": np.zeros((5, 4))},
        {"first": np.array([np.inf, 0, 0, 0, 0])}, {"weight": np.zeros((WIDTH, 5), np.int64)}, {"bias": None},
    ],
)  # fmt: skip
def test_arrays_that_a_folder_must_not_hold(head, wrong):
    with pytest.raises(ValueError, match="the head's"):
        WordsHead.from_saved({**head.tensors(), **wrong}, head.facts(), TASK)


def test_a_source_whose_rows_do_not_fit_is_refused(head):
    narrow = WordsHead.from_saved(head.tensors(), {**head.facts(), "context": 0}, TASK)
    with pytest.raises(SourceError, match="which the source 'toy' does not give"):
        narrow.annotate(ToySource(), [Sentence.of_words(["a"])], engine=Engine(cache=False))
