"""The blocks of a report on spans: mistakes by type and kind, and what was trained."""

from __future__ import annotations

from headstart.annotations import Sentence, Span
from headstart.evaluate.annotations.span_errors import KINDS as MEASURED
from headstart.evaluate.annotations.words import evaluate_spans
from headstart.report.annotations.words import KINDS, word_blocks
from headstart.types import Task

TASK = Task("token", ("LOC", "PER"))


def record(**more):
    items = [Sentence.of_words(["Ada", "met", "Bob"])] * 3
    truth, found = [(Span(0, 1, "PER"), Span(2, 3, "PER"))] * 3, [(Span(0, 1, "LOC"), Span(1, 2, "LOC"))] * 3
    evaluation = evaluate_spans(TASK, items, truth, found).to_dict()
    return {"annotations": {"examples": []}, "evaluation": evaluation, **more}


def test_every_kind_of_mistake_that_is_measured_has_its_words():
    assert tuple(KINDS) == MEASURED


def test_mistakes_are_counted_by_type_and_kind():
    (section,) = word_blocks(record())
    assert "3 missed, 3 false alarm, 3 wrong type, 0 wrong bounds" in section.html
    assert section.html.index(">PER<") < section.html.index(">LOC<")  # the type with the most labelled spans is first


def test_what_was_trained_is_shown_with_its_gain():
    gain = {"value": 0.03, "low": 0.01, "high": 0.05}
    candidates = [
        {"name": "closed-form head", "span_f1": 0.7},
        {"name": "random field", "span_f1": 0.73, "gain": gain, "epochs": 3.0},
    ]
    found = {"kept": "random field", "why": "it is better", "held_out": 60, "candidates": candidates}
    section = word_blocks(record(fine_tuning=found))[-1]
    assert section.title == "Training"
    assert "It is better." in section.html
    assert "+0.030 (+0.010 to +0.050)" in section.html
    assert "On 60 sentences that were held out of every training" in section.html


def test_without_training_or_examples_there_is_no_section_of_them():
    assert [section.key for section in word_blocks(record(fine_tuning={"kept": "x", "candidates": []}))] == [
        "span-mistakes"
    ]


def test_no_probability_of_a_span_is_written_as_certain():
    one = {"id": "a", "words": ["Ada", "met", "Bob"], "truth": [], "errors": []}
    one["found"] = [[0, 1, "PER", 0.9999], [2, 3, "PER", 0.72]]
    html = "".join(section.html for section in word_blocks(record(annotations={"examples": [one]})))
    assert "<small>PER &gt;&nbsp;99%</small>" in html
    assert "<small>PER 72%</small>" in html
