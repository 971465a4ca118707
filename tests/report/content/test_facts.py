"""Limits follow from the record, and only where they apply."""

from __future__ import annotations

import pytest

from headstart.report.content import facts


def has(record, part):
    return any(part in sentence for sentence in facts.limits(record))


def test_a_sound_fit_has_no_limits_of_its_own(classification):
    classification["data"]["audit"] = []
    assert facts.limits(classification) == []


def test_few_items(classification):
    classification["evaluation"]["n"] = 99
    assert has(
        classification, "Only 99 items were evaluated, so the metrics are imprecise: the 95% interval of accuracy is"
    )
    classification["evaluation"]["n"] = 100
    assert not has(classification, "items were judged")


def test_rare_and_weak_classes_are_named(many_classes):
    assert has(many_classes, "150 labels were evaluated on fewer than 10 items: class 007, class 000")
    assert has(many_classes, "Weak (F1 below 0.7): class 007 (0.500).")


def test_weak_targets_are_named(regression):
    assert has(regression, "Weak (R² below 0.5): price (-2.346).")


def test_probabilities_that_are_off(classification):
    classification["evaluation"]["metrics"]["ece"]["value"] = 0.1
    assert has(classification, "Probabilities are poorly calibrated: the calibration error is 0.100.")


def test_baselines_that_are_not_beaten(classification):
    assert not has(classification, "not been shown to be better")
    classification["baselines"]["raw pixels"]["gain"]["low"] = 0.0
    assert has(classification, "It has not been shown to be better than the raw pixels baseline.")


def test_no_baselines_at_all(multilabel):
    assert has(multilabel, "No baseline was compared.")
    assert has(multilabel, "The transfer gain is unknown: the same body with random weights was not compared.")


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
    assert not has(classification, "Cross-modal")
    classification["data"]["modality"] = "audio"
    assert has(classification, "Cross-modal transfer: an image body")
    classification["source"]["input"] = {"sampling_rate": 16000}
    assert not has(classification, "Cross-modal")


def test_an_undefined_main_metric(nothing_known):
    assert has(nothing_known, "The main metric, accuracy, is undefined on the evaluated items")
    assert has(nothing_known, "It has not been shown to be better than the untrained body baseline.")


def test_only_a_classifier_must_answer_with_a_class(classification, multilabel):
    assert "belongs to none of them" in facts.intended_use(classification)
    assert "belongs to none of them" not in facts.intended_use(multilabel)
