"""Metrics of spans against nervaluate, against the examples of seqeval, and by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from nervaluate import Evaluator

from headstart.annotations import Sentence, Span
from headstart.data.annotations.tags import spans_of_tags, tags_of_spans
from headstart.errors import DataError
from headstart.evaluate.annotations.span_errors import span_errors
from headstart.evaluate.annotations.words import METRICS, dictionary_of_spans, evaluate_spans, span_gain
from headstart.evaluate.intervals.wilson import wilson
from headstart.types import Task

LABELS = ("LOC", "ORG", "PER")
TASK = Task("token", LABELS)


def random_spans(rng, count):
    cuts = np.sort(rng.choice(count + 1, rng.integers(0, count), replace=False)).tolist()
    return tuple(Span(a, b, str(rng.choice(LABELS))) for a, b in pairwise(cuts) if rng.random() < 0.6)


@pytest.mark.parametrize("seed", range(30))
def test_f1_is_that_of_nervaluate(seed):
    """Strict, partial and by type, also for each type; nervaluate divides by 0 where a side has no span."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 9, 12)
    items = [Sentence.of_words(["w"] * n) for n in counts]
    truth, found = ([random_spans(rng, n) for n in counts] for _ in range(2))
    tags = [[tags_of_spans(spans, n) for spans, n in zip(side, counts, strict=True)] for side in (truth, found)]
    wanted = Evaluator(*tags, tags=list(LABELS), loader="list").evaluate()
    evaluation = evaluate_spans(TASK, items, truth, found, resamples=10)
    for ours, theirs in (("span_f1", "strict"), ("partial_f1", "partial"), ("type_f1", "ent_type")):
        assert evaluation.metrics[ours].value == pytest.approx(wanted["overall"][theirs].f1), theirs
    assert evaluation.metrics["precision"].value == pytest.approx(wanted["overall"]["strict"].precision)
    assert evaluation.metrics["recall"].value == pytest.approx(wanted["overall"]["strict"].recall)
    for label in LABELS:
        if not np.isnan(evaluation.per_class[label]["f1"].value):
            assert evaluation.per_class[label]["f1"].value == pytest.approx(wanted["entities"][label]["strict"].f1)


def test_the_example_of_seqeval_has_its_figures():
    """From the docstring of seqeval.metrics.f1_score and its classification report."""
    true = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    pred = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    truth, found = ([spans_of_tags(tags, "IOB2") for tags in side] for side in (true, pred))
    items = [Sentence.of_words(["w"] * 7), Sentence.of_words(["w"] * 3)]
    evaluation = evaluate_spans(Task("token", ("MISC", "PER")), items, truth, found)
    assert [evaluation.metrics[name].value for name in ("span_f1", "precision", "recall")] == [0.5, 0.5, 0.5]
    assert [evaluation.per_class[label]["f1"].value for label in ("MISC", "PER")] == [0.0, 1.0]
    assert evaluation.metrics["macro_f1"].value == 0.5


def test_surfaces_count_once():
    items = [Sentence.of_words(["Ada"])] * 4 + [Sentence.of_words(["Bob"])]
    truth = [(Span(0, 1, "PER"),)] * 5
    found = [(Span(0, 1, "PER"),)] * 3 + [(), ()]
    evaluation = evaluate_spans(TASK, items, truth, found)
    assert evaluation.metrics["surface_f1"].value == pytest.approx(2 / 3)
    assert evaluation.metrics["recall"].value == pytest.approx(3 / 5)
    assert tuple(evaluation.metrics) == METRICS


def test_mistakes_are_told_apart_by_kind():
    truth = [Span(0, 1, "PER"), Span(2, 4, "LOC"), Span(5, 7, "ORG"), Span(8, 9, "PER"), Span(12, 14, "LOC")]
    found = [Span(0, 1, "LOC"), Span(2, 3, "LOC"), Span(6, 8, "PER"), Span(10, 11, "PER"), Span(12, 14, "LOC")]
    kinds = [error.kind for error in span_errors(truth, found)]
    assert kinds == ["wrong type", "wrong bounds", "wrong type and bounds", "missed", "spurious"]
    items = [Sentence.of_words(["w"] * 14)]
    row = evaluate_spans(TASK, items, [truth], [found]).per_class["PER"]
    assert (row["support"], row["missed"], row["spurious"], row["wrong type"]) == (2, 1, 1, 1)


def test_intervals_hold_the_value_and_groups_widen_them():
    rng = np.random.default_rng(0)
    items = [Sentence.of_words(["w", "w"])] * 60
    truth = [(Span(0, 1, "PER"),)] * 60
    found = [truth[0] if rng.random() < 0.7 or k < 20 else () for k in range(60)]
    alone = evaluate_spans(TASK, items, truth, found).metrics["span_f1"]
    grouped = evaluate_spans(TASK, items, truth, found, groups=np.repeat(range(3), 20)).metrics["span_f1"]
    assert alone.low < alone.value < alone.high
    assert grouped.high - grouped.low > alone.high - alone.low


def test_without_mistakes_the_interval_counts_sentences_with_spans():
    items, truth = [Sentence.of_words(["w", "w"])] * 12, [(Span(0, 1, "PER"), Span(1, 2, "LOC"))] * 10 + [()] * 2
    perfect = evaluate_spans(TASK, items, truth, truth)
    assert perfect.metrics["span_f1"].to_dict() == pytest.approx({"value": 1, "low": wilson(10, 10)[0], "high": 1})
    assert perfect.per_class["PER"]["recall"].low == pytest.approx(wilson(10, 10)[0])
    grouped = evaluate_spans(TASK, items, truth, truth, groups=np.repeat(range(4), 3)).metrics["span_f1"]
    assert grouped.low == pytest.approx(wilson(4, 4)[0])
    nothing = evaluate_spans(TASK, items, truth, [()] * 12).metrics["recall"]
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, pytest.approx(wilson(0, 10)[1]))


def test_without_mistakes_on_both_sides_the_gain_has_an_interval():
    truth = [(Span(0, 1, "PER"),)] * 10
    gain = span_gain(TASK, truth, truth, truth, name="dictionary")
    assert gain.value == 0
    assert -0.3 < gain.low < 0 < gain.high < 0.3


def test_without_spans_there_is_no_value_and_a_single_sentence_has_no_interval():
    items, truth = [Sentence.of_words(["w"])] * 3, [(Span(0, 1, "PER"),)] * 3
    assert np.isnan(evaluate_spans(TASK, items, [()] * 3, [()] * 3).metrics["span_f1"].value)
    assert np.isnan(evaluate_spans(TASK, items[:1], truth[:1], truth[:1]).metrics["span_f1"].low)
    with pytest.raises(DataError, match="one sentence at least"):
        evaluate_spans(TASK, items, truth, truth[:2])


def test_the_gain_over_a_reference_is_paired():
    truth = [(Span(0, 1, "PER"),)] * 40
    ours, theirs = truth[:36] + [()] * 4, truth[:20] + [()] * 20
    gain = span_gain(TASK, truth, ours, theirs, name="dictionary")
    assert gain.value == pytest.approx(2 * 36 / 76 - 2 * 20 / 60)
    assert 0 < gain.low < gain.value < gain.high
    assert gain.verdict.startswith("The model is better: span f1 is 0.281 above the dictionary baseline")


def test_the_dictionary_takes_the_longest_run_and_leaves_out_common_words():
    items = [Sentence.of_words(words.split()) for words in ("New York is new", "May came in May", "may be", "York")]
    spans = [(Span(0, 2, "LOC"),), (), (), (Span(0, 1, "LOC"),)]
    mark = dictionary_of_spans(items, spans)
    assert mark(Sentence.of_words(["in", "New", "York", "or", "York"])) == (Span(1, 3, "LOC"), Span(4, 5, "LOC"))
    spans[1] = (Span(0, 1, "PER"),)  # labelled in one of its two places: at least half
    assert dictionary_of_spans(items, spans)(items[1]) == (Span(0, 1, "PER"), Span(3, 4, "PER"))
