"""BBSE: agreement with QuaPy, recovery of exact shares, intervals, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import predictions, references

from headstart.adapt.label_shift import bbse
from headstart.errors import DataError, ParameterError


@pytest.mark.parametrize(("soft", "name"), [(True, "pacc"), (False, "acc")])
def test_it_agrees_with_quapy(soft, name):
    found = bbse(*predictions(), soft=soft, resamples=2)
    np.testing.assert_allclose(found.shares, references()["quapy"][name], rtol=0, atol=1e-9)


def test_an_exact_confusion_gives_exact_shares():
    confusion = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])  # columns: classes
    y = np.repeat([0, 1, 2], [50, 30, 20])
    truth = np.array([0.2, 0.3, 0.5])
    found = bbse(confusion.T[y], y, confusion.T[np.repeat([0, 1, 2], (truth * 40).astype(int))], resamples=2)
    np.testing.assert_allclose(found.shares, truth, atol=1e-12)
    np.testing.assert_allclose(found.weights, truth / [0.5, 0.3, 0.2], atol=1e-12)
    joint = confusion * [0.5, 0.3, 0.2]
    assert found.condition == pytest.approx(np.linalg.cond(confusion))
    assert found.smallest_singular_value == pytest.approx(np.linalg.svd(joint)[1][-1])


def test_the_intervals_hold_the_truth_as_often_as_stated():
    truth = np.array([0.2, 0.3, 0.5])
    drawn = [bbse(*predictions(seed, n=200, m=200), resamples=100) for seed in range(30)]
    held = np.mean([(one.low <= truth) & (truth <= one.high) for one in drawn])
    assert held >= 0.85  # of 95% intervals; 90 shares, and their standard error is about 0.03
    assert all((one.low <= one.shares).all() and (one.shares <= one.high).all() for one in drawn)
    assert np.mean([one.high - one.low for one in drawn]) < 0.3
    assert all(one.p_value < 0.05 for one in drawn)
    assert drawn[0].to_dict()["method"] == "bbse"


def test_a_class_without_labelled_items_has_no_share():
    left_out, y, new = predictions()
    wider = [np.insert(rows, 1, 0.0, axis=1) for rows in (left_out, new)]
    codes = np.array([0, 2, 3])[y]
    found = bbse(wider[0], codes, wider[1], resamples=5)
    assert found.shares[1] == found.weights[1] == 0
    np.testing.assert_allclose(found.shares[[0, 2, 3]], bbse(left_out, y, new, resamples=5).shares)


def test_predictions_that_do_not_tell_the_classes_apart_are_refused():
    rows = np.tile([[0.51, 0.49], [0.49, 0.51]], (20, 1))
    with pytest.raises(DataError, match="condition number"):
        bbse(rows, np.arange(40) // 2 % 2, rows)


@pytest.mark.parametrize(
    ("left_out", "y", "new", "error", "words"),
    [
        ([[0.5, 0.6]], [0], [[0.5, 0.5]], ParameterError, "'left_out' parameter"),
        ([[0.5, 0.5]], [0], [[-0.5, 1.5]], ParameterError, "'new' parameter"),
        ([[0.5, 0.5]], [2], [[0.5, 0.5]], ParameterError, "'y' parameter"),
        ([[0.5, 0.5]], [0.0], [[0.5, 0.5]], ParameterError, "'y' parameter"),
        ([[0.5, 0.5]], [0], np.empty((0, 2)), DataError, "needs new items"),
        ([[0.5, 0.5]], [0], [[0.5, 0.5]], DataError, "two classes"),
    ],
)
def test_wrong_inputs_are_named(left_out, y, new, error, words):
    with pytest.raises(error, match=words):
        bbse(left_out, y, new)
