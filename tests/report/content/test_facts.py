"""Limits and words follow from the record, and only where they apply."""

from __future__ import annotations

import pytest

from headstart.report.content import facts
from headstart.report.content.example import EXAMPLE
from headstart.report.content.tables import class_rows, confused_pairs
from headstart.report.content.words import METRICS, number, series, shortened
from headstart.report.page.chart import bar_chart


def has(record, part):
    return any(part in sentence for sentence in facts.limits(record))


def test_a_sound_fit_has_no_limits_of_its_own(classification):
    classification["data"]["audit"] = []
    assert facts.limits(classification) == []


def test_few_items(classification):
    classification["evaluation"]["n"] = 99
    assert has(classification, "Only 99 items were judged, so the numbers are rough: the 95% interval of accuracy is")
    classification["evaluation"]["n"] = 100
    assert not has(classification, "items were judged")


def test_rare_and_weak_classes_are_named(many_classes):
    assert has(many_classes, "150 labels were judged on fewer than 10 items: class 007, class 000")
    assert has(many_classes, "Weak, with F1 below 0.7: class 007 (0.500).")


def test_weak_targets_are_named(regression):
    assert has(regression, "Weak, with R² below 0.5: price (-2.346).")


def test_probabilities_that_are_off(classification):
    classification["evaluation"]["metrics"]["ece"]["value"] = 0.1
    assert has(classification, "Probabilities are off: the calibration error is 0.100.")


def test_baselines_that_are_not_beaten(classification):
    assert not has(classification, "not shown to be better")
    classification["baselines"]["raw pixels"]["gain"]["low"] = 0.0
    assert has(classification, "It is not shown to be better than the raw pixels baseline.")


def test_no_baselines_at_all(multilabel):
    assert has(multilabel, "It was compared with no baseline.")
    assert has(multilabel, "What the pretraining was worth is unknown: the same body untrained was not compared.")


def test_vectors_have_no_body_and_no_licence(regression):
    assert has(regression, "There is no pretrained body, so there is no transfer gain")
    assert not has(regression, "licence")
    assert "Source licence" not in dict(facts.provenance(regression))
    assert facts.how_made(regression).startswith("The rows are used as they are.")


@pytest.mark.parametrize("stated", [None, ""])
def test_an_unknown_licence(classification, stated):
    classification["source"]["license"] = stated
    assert has(classification, "The licence of the source is not stated")
    assert dict(facts.provenance(classification))["Source licence"] == "not stated"


def test_sounds_through_an_image_body(classification):
    assert not has(classification, "cross-modal")
    classification["data"]["modality"] = "audio"
    assert has(classification, "cross-modal transfer")
    classification["source"]["input"] = {"sampling_rate": 16000}
    assert not has(classification, "cross-modal")


def test_an_undefined_main_metric(nothing_known):
    assert has(nothing_known, "The main metric, accuracy, is undefined on the judged items")
    assert has(nothing_known, "It is not shown to be better than the untrained body baseline.")


def test_only_a_classifier_must_answer_with_a_class(classification, multilabel):
    assert "belongs to none of them" in facts.intended_use(classification)
    assert "belongs to none of them" not in facts.intended_use(multilabel)


def test_the_order_of_classes_puts_the_undefined_last(multilabel):
    assert [row.label for row in class_rows(multilabel)] == ["money", "sport", "art"]


def test_confused_pairs_are_limited_and_sorted():
    record = {"evaluation": {"confusion": [[5, 2, 1], [3, 5, 0], [0, 3, 0]], "labels": ["a", "b", "c"]}}
    found = [(pair.truth, pair.predicted, pair.count) for pair in confused_pairs(record, 3)]
    assert found == [("c", "b", 3), ("b", "a", 3), ("a", "b", 2)]


def test_every_metric_of_an_evaluation_has_words():
    from headstart.evaluate import evaluation

    known = {key for keys in evaluation._ORDER.values() for key in keys}
    assert known | set(evaluation._PER_CLASS) <= set(METRICS)


def test_numbers():
    assert [number(value) for value in (0, 0.0, -0.5, 1e-9, 9999.9994, 10000.0, 1e20)] == [
        "0", "0.000", "-0.500", "1e-09", "9999.999", "10,000", "1e+20",
    ]  # fmt: skip


def test_series_never_leaves_out_a_single_name():
    assert series([]) == ""
    assert series(["a"]) == "a"
    assert series(["a", "b", "c"], 2) == "a, b and c"


def test_long_labels_are_cut():
    assert len(shortened("x" * 10_000)) == 60


def test_a_chart_without_numbers_still_draws_its_names():
    nothing = {"value": None, "low": None, "high": None}
    chart = bar_chart([("this model", nothing)], "Accuracy")
    assert "this model" in chart
    assert "undefined" in chart
    assert "<rect" not in chart


def test_the_example_has_the_keys_of_a_record(classification):
    assert set(EXAMPLE) == set(classification)
