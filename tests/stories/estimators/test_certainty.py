"""Prediction sets and intervals of the scikit-learn estimators: as the model's, after saving, in a pipeline's data."""

from __future__ import annotations

import numpy as np
import pytest

from headstart import TransferClassifier, TransferRegressor
from headstart.errors import DataError

RNG = np.random.default_rng(0)
CODES = np.concatenate([np.arange(3), RNG.integers(0, 3, 57)])
X = RNG.normal(size=(3, 4))[CODES] + RNG.normal(size=(60, 4))
NAMES = np.array(["ant", "bee", "cat"])


def test_sets_are_masks_of_the_classes(tmp_path):
    fitted = TransferClassifier("vector").fit(X, NAMES[CODES])
    found = fitted.predict_set(X, 0.9)
    assert (found.shape, found.dtype) == ((60, 3), bool)
    assert [set(NAMES[row]) for row in found] == [set(one) for one in fitted.model_.predict_sets(X, 0.9)]
    opened = TransferClassifier.from_pretrained(fitted.save_pretrained(tmp_path / "saved"))
    np.testing.assert_array_equal(opened.predict_set(X, 0.9), found)
    assert fitted.predict_set(X, 0.8, per_class=True).any(axis=1).all()


def test_groups_are_what_is_counted():
    fitted = TransferClassifier("vector").fit(X, NAMES[CODES], groups=np.arange(60) % 5)
    with pytest.raises(DataError, match=r"at least 9 groups of items\. Got 5"):
        fitted.predict_set(X, 0.9)


def test_intervals_have_the_shape_of_the_values():
    y = X[:, 0] + RNG.normal(size=60)
    one = TransferRegressor("vector").fit(X, y).predict_interval(X, 0.8)
    two = TransferRegressor("vector").fit(X, np.stack([y, 2 * y], axis=1)).predict_interval(X, 0.8)
    assert (one.shape, two.shape) == ((60, 2), (60, 2, 2))
    assert (one[:, 0] < one[:, 1]).all()
    np.testing.assert_allclose(two[:, 1], 2 * two[:, 0], rtol=1e-9)


def test_texts():
    texts = [f"{word} number {i}" for i in range(10) for word in ("parcel", "refund")]
    fitted = TransferClassifier("toy").fit(texts, ["p", "r"] * 10)
    assert fitted.predict_set(["parcel number 3"], 0.9)[0, 0]
