"""The values of diagrams agree with scikit-learn and with counting by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from headstart.evaluate.diagrams import (
    binary_curves,
    diagrams,
    reliability_bins,
    residual_points,
    risk_coverage,
    subgroups,
)
from headstart.types import Task


@pytest.fixture(params=["distinct", "tied"])
def scored(request):
    """60 items with the probability of the positive class; with ties or without."""
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.4
    score = np.clip(0.5 + 0.25 * (positive - 0.5) + rng.normal(0, 0.2, 60), 0.01, 0.99)
    return (score.round(1) if request.param == "tied" else score), positive


def test_the_roc_curve_is_that_of_scikit_learn(scored):
    score, positive = scored
    points = binary_curves(score, positive, "ill")["points"]
    alarms, sensitivity, _ = roc_curve(positive, score, drop_intermediate=False)
    assert [1 - one["specificity"] for one in points] == pytest.approx(alarms[1:].tolist())
    assert [one["sensitivity"] for one in points] == pytest.approx(sensitivity[1:].tolist())
    x, y = np.r_[0, [1 - one["specificity"] for one in points]], np.r_[0, [one["sensitivity"] for one in points]]
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(positive, score))


def test_rates_at_thresholds_are_counts(scored):
    score, positive = scored
    for one in binary_curves(score, positive, "ill")["thresholds"]:
        (tn, fp), (fn, tp) = confusion_matrix(positive, score >= one["threshold"])
        assert one["sensitivity"]["share"] == pytest.approx(tp / (tp + fn))
        assert one["specificity"]["share"] == pytest.approx(tn / (tn + fp))
        for rate in (one["sensitivity"], one["specificity"]):
            assert rate["low"] <= rate["share"] <= rate["high"]
        name, _, wanted = one["name"].partition(" at least ")
        if wanted:
            assert one[name]["share"] >= float(wanted.rstrip("%")) / 100


def test_risk_and_aurc_are_those_of_counting(scored):
    score, positive = scored
    sure, right = np.maximum(score, 1 - score), (score >= 0.5) == positive
    found = risk_coverage(sure, right)
    for point in found["points"]:
        answered = sure >= point["threshold"]
        assert point["coverage"] == pytest.approx(answered.mean())
        assert point["risk"] == pytest.approx((~right[answered]).mean())
    risks = [(~right[sure >= one]).mean() for one in sure]  # each item answered with all that are as certain
    assert found["aurc"] == pytest.approx(np.mean(risks))


@pytest.mark.parametrize("bins", [1, 3, 10])
def test_bins_hold_every_item_once_and_equal_confidences_together(scored, bins):
    score, positive = scored
    found = reliability_bins(score, positive, bins)
    assert len(found) <= bins
    assert sum(one["count"] for one in found) == 60
    assert sum(one["share"] * one["count"] for one in found) == pytest.approx(positive.sum())
    confidences = [one["confidence"] for one in found]
    assert confidences == sorted(set(confidences))


def test_a_scatter_of_many_items_is_thinned_from_the_least_to_the_largest():
    truth = np.random.default_rng(0).normal(size=(5000, 1))
    (found,) = residual_points(Task("regression", ("price",)), truth, truth + 1)
    assert len(found["truth"]) == 500
    assert found["count"] == 5000
    assert (found["truth"][0], found["truth"][-1]) == (truth.min(), truth.max())
    assert np.subtract(found["predicted"], found["truth"]) == pytest.approx(1)


def test_the_largest_error_comes_first_among_groups_of_a_regression():
    truth = np.array([[1.0], [2.0], [3.0], [4.0]])
    found = subgroups(
        Task("regression", ("price",)), truth, truth + np.array([[0], [0], [1], [3]]), ["a", "a", "b", "b"]
    )
    assert [(row["group"], row["value"]) for row in found["rows"]] == [("b", 2.0), ("a", 0.0)]


def test_one_group_has_no_table():
    assert subgroups(Task("classification", ("a", "b")), np.array([0, 1]), np.eye(2), ["x", "x"]) is None


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_all_values_are_plain_json(kind):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([1, 1, 1], 30)
    y = {
        "classification": rng.integers(0, 3, 30),
        "multilabel": (rng.random((30, 3)) < 0.5).astype(float),
        "regression": rng.normal(size=(30, 3)),
    }[kind]
    found = diagrams(Task(kind, ("a", "b", "c")), y, proba)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found


def test_a_class_that_does_not_occur_gives_no_curve_of_two_classes():
    found = diagrams(Task("classification", ("a", "b")), np.zeros(4, int), np.tile([0.7, 0.3], (4, 1)))
    assert "binary" not in found
