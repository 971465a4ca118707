"""Warnings about classes, labels and values that the labelled data lack."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.transfer.stages.absent_classes import absent_classes
from headstart.types import Task

pytestmark = pytest.mark.usefixtures("three_folds", "few_penalties")

TASK = Task("classification", ("ant", "bee", "wasp"))
LABELS = Task("multilabel", ("a", "b", "c", "d", "e", "f"))


def test_labels_without_an_item_are_named_and_the_rest_counted():
    y = np.zeros((4, 6))
    y[:, 0] = 1
    [said] = absent_classes(LABELS, y)
    assert "no item with 5 of the model's 6 labels, 'b', 'c', 'd' and 2 more" in said
    assert absent_classes(LABELS, np.eye(6)) == []


def test_a_target_that_does_not_vary_has_no_r2():
    task = Task("regression", ("length", "weight"))
    assert absent_classes(task, np.array([[1.0, 2.0], [1.0, 3.0]])) == [
        "All values of 'length' are the same, so R² is undefined there."
    ]


def test_a_model_of_one_class_lacks_none():
    assert absent_classes(Task("classification", ("ant",)), np.array([0, 0])) == []
    assert absent_classes(TASK, np.array([1])) == [
        "The only item is of the class 'bee', so the metrics do not show how well the model tells the 3 classes apart."
    ]


def test_an_evaluation_and_a_comparison_warn():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    rows, names = rng.normal(size=(60, 4)) + 3 * np.eye(4)[y], np.array(TASK.labels)[y]
    run = headstart.fit((rows, names), baselines="none", verbose=False)
    one, two = (rows[y == 1] + 0.01, ["bee"] * 20), (rows[y != 2] + 0.01, list(names[y != 2]))
    for data, says in ((one, "All 20 items are of the class 'bee'"), (two, "3 classes, 'wasp', of which")):
        judged = headstart.evaluate(run, data, verbose=False)
        assert says in " ".join(judged.record["warnings"])
        assert says in repr(judged)
        assert says in " ".join(headstart.compare([run, run], data, verbose=False).warnings)
    full = headstart.evaluate(run, (rows + 0.01, list(names)), verbose=False)
    assert not [text for text in full.record["warnings"] if "class" in text]
