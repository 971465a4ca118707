"""Spans of words in a fit: what is solved, judged, trained, refused, and shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.annotations import Sentence, Span
from headstart.data import read
from headstart.engine.options import Engine
from headstart.errors import DataError, HeadstartError, ParameterError, SourceError
from headstart.evaluate.gain import Gain
from headstart.report.annotations.words import word_blocks
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.sources.toy import ToySource
from headstart.transfer.annotating.contract import ANNOTATING
from headstart.transfer.annotating.word_training import _Trained
from headstart.transfer.annotating.words import WORDS
from headstart.transfer.stages.context import Clock, RunContext
from headstart.types import Dataset, Task

FIRST, LAST = ["Ada", "Bob", "Cleo", "Dan", "Eve", "Fay"], ["Abbot", "Brown", "Clark", "Dunn", "Evans"]
CONTEXT = RunContext(SilentReporter(), Engine(cache=False))


def made(count: int, seed: int = 0) -> Dataset:
    """Sentences with persons of two words and places after "in"."""
    rng = np.random.default_rng(seed)
    items, y = [], np.empty(count, object)
    for k in range(count):
        person = [str(rng.choice(FIRST)), str(rng.choice(LAST))]
        words = ["today", *person, "flew", "to", str(rng.choice(["Oslo", "Rome", "Lima"])), "."]
        items.append(Sentence.of_words(words[k % 2 :]))
        start = 1 - k % 2
        y[k] = (Span(start, start + 2, "PER"), Span(start + 4, start + 5, "LOC"))
    return Dataset(items, tuple(map(str, range(count))), "text", Task("token", ("LOC", "PER")), y, origin="made")


@pytest.fixture(scope="module")
def solved():
    return WORDS.solve(made(40), ToySource(), CONTEXT)


def test_new_sentences_are_marked_by_the_solved_head(solved):
    assert ANNOTATING["token"] is WORDS
    fresh = made(20, seed=1)
    found = solved.head.annotate(solved.source, fresh.items, engine=CONTEXT.engine)
    evaluation = WORDS.evaluate(fresh, found)
    assert evaluation.main == "span_f1"
    assert evaluation.metrics["span_f1"].value > 0.9
    assert solved.left_out > 0.9


def test_baselines_mark_what_they_know(solved):
    train, fresh = made(12), made(20, seed=1)
    baselines = WORDS.baselines(train, solved, CONTEXT)
    assert list(baselines) == ["dictionary", "untrained body"]
    for annotate in (make() for make in baselines.values()):
        assert WORDS.evaluate(fresh, annotate(fresh.items)).metrics["span_f1"].value > 0.3
    empty = [()] * len(fresh)
    gain = WORDS.gain(fresh, list(fresh.y), empty, name="dictionary")
    assert gain.value == 1


def test_a_source_without_random_weights_has_no_untrained_baseline(solved):
    class Fixed:
        info = ToySource().info

        def untrained(self, _seed):
            return None

    assert list(WORDS.baselines(made(12), replace(solved, source=Fixed()), CONTEXT)) == ["dictionary"]


def test_examples_come_worst_first_with_their_mistakes():
    data = made(3)
    found = [data.y[0], (Span(0, 1, "PER"), Span(4, 5, "LOC")), ()]
    shown = WORDS.examples(data, found, 3)
    assert [one["id"] for one in shown] == ["2", "1", "0"]
    assert [error["kind"] for error in shown[0]["errors"]] == ["missed", "missed"]
    assert [error["kind"] for error in shown[1]["errors"]] == ["wrong bounds"]
    assert shown[2]["errors"] == []
    assert len(WORDS.examples(data, found, 1)) == 1


def test_a_random_field_on_frozen_rows_is_kept_only_where_it_is_better():
    """The toy has no body to fine-tune, so the field is the only candidate."""
    data = made(40)
    start = WORDS.solve(data, ToySource(), CONTEXT)
    kept, decision = WORDS.fine_tune(data, start, "auto", CONTEXT)
    names = [one["name"] for one in decision["candidates"]]
    assert names == ["closed-form head", "random field on frozen rows"]
    assert decision["left_out"] == ["body fine-tuned by lp_ft: the source 'toy' has no body that can be fine-tuned"]
    assert (kept is start) == (decision["kept"] == "closed-form head")
    assert decision["held_out"] in (7, 8, 9)


def test_the_field_alone_leaves_the_body_frozen(solved):
    decision = WORDS.fine_tune(made(40), solved, "random_field", CONTEXT)[1]
    assert len(decision["candidates"]) == 2
    assert decision["left_out"] == []


def test_nothing_is_trained_after_the_time_limit(solved):
    over = RunContext(SilentReporter(), Engine(cache=False), clock=Clock.start(limit=0.0))
    kept, decision = WORDS.fine_tune(made(40), solved, "auto", over)
    assert kept is solved
    assert decision["why"] == "nothing was trained, since no time was left"
    assert len(decision["left_out"]) == 2


def test_two_groups_are_too_few_to_train_on(solved):
    data = replace(made(8), groups=np.array(["a", "b"] * 4))
    kept, decision = WORDS.fine_tune(data, solved, "auto", CONTEXT)
    assert kept is solved
    assert decision["why"] == "2 groups of sentences are too few to hold one out of a training"


def test_strategies_that_are_not_made_for_words_are_refused(solved):
    assert WORDS.fine_tune(made(40), solved, "frozen", CONTEXT)[0] is solved
    with pytest.raises(ParameterError, match="'contrastive' is not made for spans of words"):
        WORDS.fine_tune(made(40), solved, "contrastive", CONTEXT)
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        WORDS.fine_tune(made(40), solved, "lp_ft", CONTEXT)
    with pytest.raises(HeadstartError, match="nothing"):
        WORDS.fine_tune(made(40), solved, "nothing", CONTEXT)


def test_sources_and_data_that_cannot_be_solved():
    with pytest.raises(SourceError, match="cannot give a row for each word"):
        WORDS.solve(made(8), open_source("vector"), CONTEXT)
    with pytest.raises(DataError, match="two groups at least"):
        WORDS.solve(replace(made(8), groups=np.array(["a"] * 8)), ToySource(), CONTEXT)


def test_a_fit_writes_a_report_that_shows_sentences(tmp_path):
    run = headstart.fit(made(30), source="toy", out=tmp_path / "run", baselines="fast", engine=Engine(cache=False))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Mistakes by kind" in page
    assert "<mark" in page
    assert run.evaluation.metrics["span_f1"].value > 0.8
    loaded = headstart.load(tmp_path / "run")
    text = "today Ada Clark flew to Rome ."
    assert [(span.start, span.end, span.label) for span in loaded.predict([text])[0]] == [(1, 3, "PER"), (5, 6, "LOC")]


def test_words_of_hostile_examples_are_escaped():
    one = {
        "id": "<b>", "words": ["<script>", "x"], "truth": [[0, 1, "<i>"]], "found": [[1, 2, "<i>", 0.5]],
        "errors": [
            {"kind": "missed", "truth": [0, 1, "<i>"], "found": None},
            {"kind": "spurious", "truth": None, "found": [1, 2, "<i>"]},
        ],
    }  # fmt: skip
    (section,) = word_blocks({"annotations": {"examples": [one]}, "evaluation": {"per_class": {}}})
    assert "<script>" not in section.html
    assert "<i>" not in section.html
    assert '<mark class="bad">x <small>&lt;i&gt; 50%</small></mark>' in section.html
    assert "False alarm: x (&lt;i&gt;)" in section.html


def test_a_long_sentence_is_shown_around_its_first_mistake():
    words = [f"w{k}" for k in range(300)]
    error = {"kind": "missed", "truth": [200, 201, "PER"], "found": None}
    one = {"id": "0", "words": words, "truth": [[200, 201, "PER"]], "found": [], "errors": [error]}
    (section,) = word_blocks({"annotations": {"examples": [one]}, "evaluation": {"per_class": {}}})
    assert "w200 <small>" in section.html
    assert "w160 " in section.html
    assert "w159 " not in section.html
    assert "w240" not in section.html


@pytest.mark.realdata
@pytest.mark.slow
def test_the_default_source_of_news_keeps_case_and_beats_the_dictionary(real_data):
    """On 300 sentences of wikigold: the cased body is taken, and its left-out F1 is that of a useful head."""
    data = read(real_data / "ner" / "wikigold" / "wikigold.conll").take(range(300))
    source = WORDS.default_source(data, RunContext(SilentReporter()))
    assert source.info.name == "headstart:multilingual"
    solved = WORDS.solve(data, source, RunContext(SilentReporter()))
    assert solved.left_out > 0.6
    marks = solved.head.annotate(source, [data.items[0]], engine=Engine())
    assert all(0 < span.score <= 1 for span in marks[0])


@pytest.mark.parametrize(("low", "pays"), [(float("nan"), False), (-0.3, False), (-0.1, True), (0.1, True)])
def test_a_gain_without_an_interval_does_not_pay(solved, low, pays):
    """A fault: a bound that is no number is not below anything, so a gain without an interval was kept."""
    gain = Gain(0.2, low, 0.5, "span_f1", "closed-form head", "")
    assert _Trained("field", solved.head, solved.source, gain, 0.5, 1, 1.0, "").pays is pays
