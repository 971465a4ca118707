"""Baselines: what is said without looking, and rows without a pretrained body."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.errors import ItemError
from headstart.evaluate.baselines import baseline_rows, majority_outputs
from headstart.evaluate.evaluation import evaluate_predictions
from headstart.types import Task


def test_majority_of_each_task():
    classes = Task("classification", ("a", "b", "c"))
    np.testing.assert_allclose(majority_outputs(classes, [1, 1, 0, 1], 3), np.tile([0.25, 0.75, 0.0], (3, 1)))
    labels = Task("multilabel", ("a", "b"))
    np.testing.assert_allclose(majority_outputs(labels, [[1, 0], [1, 1]], 2), np.tile([1.0, 0.5], (2, 1)))
    np.testing.assert_allclose(majority_outputs(Task("regression", ("a",)), [1.0, 3.0], 2), [[2.0], [2.0]])


def test_majority_scores_as_it_should():
    y = np.array([0] * 30 + [1] * 10)
    task = Task("classification", ("a", "b"))
    result = evaluate_predictions(task, y, majority_outputs(task, y, 40), resamples=50).metrics
    assert result["accuracy"].value == 0.75
    assert result["balanced_accuracy"].value == 0.5
    assert result["roc_auc"].value == 0.5
    assert result["ece"].value == pytest.approx(0.0, abs=1e-15)


def test_vectors_have_no_simpler_rows_and_texts_have_their_own():
    assert baseline_rows("vector", [[1.0]], [[2.0]]) is None
    assert baseline_rows("text", ["a"], ["b"]) is None


def test_raw_pixels():
    red, blue = Image.new("RGB", (40, 30), (255, 0, 0)), Image.new("RGB", (16, 90), (0, 0, 255))
    x_train, x_test, name = baseline_rows("image", [red, blue], [red, red, blue])
    assert (name, x_train.shape, x_test.shape) == ("raw pixels", (2, 768), (3, 768))
    np.testing.assert_allclose(x_test[0].reshape(256, 3), np.tile([0.5, 0, -0.5], (256, 1)), atol=1e-6)
    np.testing.assert_allclose(x_train.sum(axis=0), 0, atol=1e-6)
    assert x_train.dtype == np.float32


def test_unreadable_picture_is_refused(tmp_path):
    broken = tmp_path / "text.jpg"
    broken.write_text("no picture")
    with pytest.raises(ItemError, match=r"text\.jpg"):
        baseline_rows("image", [broken], [broken])


def test_mel_statistics():
    time = np.arange(16000, dtype=np.float32) / 16000
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32) for f in (300, 4000))
    sounds = [(low, 16000), (high, 16000)]
    x_train, x_test, name = baseline_rows("audio", sounds, [(low[:9000], 16000)])
    assert (name, x_train.shape, x_test.shape) == ("mel statistics", (2, 128), (1, 128))
    assert x_train[0, :64].argmax() < x_train[1, :64].argmax()
    distance = np.abs(x_test - x_train)[:, :64].sum(axis=1)
    assert distance[0] < distance[1]
