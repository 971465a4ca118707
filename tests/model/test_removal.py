"""What may be forgotten: items of the fit, with their labels; anything else is refused before a model is made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.heads import HeadSearch, select_head
from headstart.heads.spectral.kept_moments import kept_moments
from headstart.linear.moments import Moments
from headstart.model import TransferModel
from headstart.model.removal import moments_without
from headstart.sources import open_source
from headstart.types import Task

TASK = Task("classification", ("a", "b"))


def fitted(n: int, d: int, task: Task = TASK, seed: int = 0) -> tuple[TransferModel, np.ndarray, list]:
    """A model of n rows of d features, with its rows and labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    if task.kind == "regression":
        y, labels = (values := x[:, :1].astype(float) + rng.normal(size=(n, 1))), values[:, 0].tolist()
    elif task.kind == "multilabel":
        y = np.stack([np.arange(n) % 2, np.arange(n) % 3 == 0], axis=1).astype(float)
        labels = [[name for name, one in zip(task.labels, row, strict=True) if one] for row in y]
    else:
        y = np.arange(n) % 2
        labels = [task.labels[k] for k in y]
    head = select_head(x, y, task)
    moments = kept_moments(x, y, task, head, HeadSearch())
    return TransferModel(open_source("vector"), task, replace(head, moments=None), moments), x, labels


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
@pytest.mark.parametrize(("n", "d"), [(40, 6), (20, 50)])
def test_items_of_the_fit_are_forgotten(kind, n, d):
    model, x, labels = fitted(n, d, Task(kind, ("y",) if kind == "regression" else ("a", "b")))
    assert model.forget(x[:7], labels[:7]).moments.n == n - 7
    assert model.forget(x[: n - 1], labels[: n - 1]).moments.n == 1


def test_rows_that_differ_in_their_last_bits_are_those_of_the_fit():
    model, x, labels = fitted(20, 50)
    again = np.nextafter(x, np.float32(np.inf))
    assert model.forget(again[:7], labels[:7]).moments.n == 13


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_an_item_that_was_not_in_the_fit_is_refused(kind):
    """With fewer items than features no other row can be taken away."""
    model, x, labels = fitted(20, 50, Task(kind, ("y",) if kind == "regression" else ("a", "b")))
    with pytest.raises(ParameterError, match="cannot all have been in the fit"):
        model.forget(x[:1] + np.float32(0.3), labels[:1])
    with pytest.raises(ParameterError, match="cannot all have been in the fit"):
        model.forget(x[[0, 0]], [labels[0]] * 2)


def test_an_item_with_another_label_is_refused():
    model, x, _ = fitted(20, 50)
    with pytest.raises(ParameterError, match="cannot all have been in the fit"):
        model.forget(x[:1], ["b"])


def test_an_item_is_forgotten_once():
    model, x, labels = fitted(20, 50)
    with pytest.raises(ParameterError, match="cannot all have been in the fit"):
        model.forget(x[:1], labels[:1]).forget(x[:1], labels[:1])


def test_a_row_far_from_those_of_the_fit_is_refused_among_many_items():
    model, x, labels = fitted(400, 3)
    with pytest.raises(ParameterError, match="cannot all have been in the fit"):
        model.forget(40 * x[:1], labels[:1])


def test_no_more_items_of_a_class_than_there_were():
    model, x, _ = fitted(40, 3)
    with pytest.raises(ParameterError, match=r"items of 'a' of weight 20 in all\. Got 21 to forget"):
        model.forget(x[:21] / 100, ["a"] * 21)


@pytest.mark.parametrize("count", [40, 41])
def test_one_item_has_to_remain(count):
    model, x, labels = fitted(40, 3)
    with pytest.raises(ParameterError, match=f"fitted on 40 items, and at least one must remain. Got {count}"):
        model.forget(np.concatenate([x, x])[:count], (labels * 2)[:count])


def test_a_label_that_the_model_does_not_know_and_labels_that_are_missing_are_refused():
    model, x, labels = fitted(40, 3)
    with pytest.raises(DataError, match="The label 'c' is unknown"):
        model.forget(x[:1], ["c"])
    for method in (model.forget, model.update):
        with pytest.raises(DataError, match=r"items are 3, but the labels 2; give one label for each item"):
            method(x[:3], labels[:2])


def test_a_constant_feature_is_no_hindrance():
    x, y = np.random.default_rng(0).normal(size=(9, 3)), np.eye(2)[np.arange(9) % 2]
    x[:, 1] = 5.0
    kept = moments_without(Moments.from_rows(x, y), Moments.from_rows(x[:2], y[:2]), TASK)
    np.testing.assert_allclose(kept.scatter, Moments.from_rows(x[2:], y[2:]).scatter, atol=1e-12)
