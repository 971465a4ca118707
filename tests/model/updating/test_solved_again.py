"""Left-out scores after an update or a removal: those of a fit to the same items, or none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.data import read
from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.sources import open_source
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

RNG = np.random.default_rng(0)
Y = np.concatenate([np.arange(3), RNG.integers(0, 3, 47)])
X = (RNG.normal(size=(3, 4))[Y] + RNG.normal(size=(50, 4))).astype(np.float32)
NAMES = np.array(["a", "b", "c"])
TASK = Task("classification", ("a", "b", "c"))
NEW = RNG.normal(size=(8, 4))


def model_of(keep, head, groups=None, class_weight=None):
    source = open_source("vector")
    ids = tuple(map(str, np.arange(50)[keep]))
    features = Features(X[keep], Y[keep], ids, None if groups is None else groups[keep], source.info)
    return FrozenFeatures(HeadSearch((head,), class_weight)).solve(source, features, TASK, seed=0)


def exactly_scored(model):
    """Left-out scores by one removal for each item; `forget` is tested against refits elsewhere."""
    for i in range(50):
        without = model.forget(X[[i]], [NAMES[model.certainty.y[i]]])
        yield without.head.scores(X[[i]])[0]


@pytest.mark.parametrize("head", ["ridge", "lda"])
def test_scores_after_an_update_are_those_without_each_item(head):
    model = model_of(slice(0, 40), head).update(X[40:], NAMES[Y[40:]].tolist())
    kept = model.certainty
    assert (len(kept.ids), kept.how) == (50, "leave-one-out")
    wanted = np.array(list(exactly_scored(model)))
    found = kept.scores - kept.scores.mean(axis=1, keepdims=True)  # up to a constant for each item
    np.testing.assert_allclose(found, wanted - wanted.mean(axis=1, keepdims=True), rtol=0, atol=1e-8)
    assert model.predict_sets(NEW, 0.9)
    assert model.conformal().exact


def test_a_removal_removes_the_rows_and_equals_the_model_that_never_had_them():
    before = model_of(slice(0, 40), "lda")
    after = before.update(X[40:], NAMES[Y[40:]].tolist()).forget(X[40:], NAMES[Y[40:]].tolist())
    assert after.certainty.ids == before.certainty.ids
    np.testing.assert_array_equal(after.certainty.rows, before.certainty.rows)
    np.testing.assert_allclose(after.certainty.scores, before.certainty.scores, rtol=0, atol=1e-8)
    np.testing.assert_allclose(after.conformal().p_values(NEW), before.conformal().p_values(NEW), atol=1e-12)


def test_a_removed_item_leaves_no_row_behind():
    model = model_of(slice(0, 50), "ridge").forget(X[[7]], [NAMES[Y[7]]])
    assert "7" not in model.certainty.ids
    assert np.abs(model.certainty.rows - X[7]).sum(axis=1).min() > 1e-3


def test_groups_stay_together():
    groups = np.arange(50) // 2
    model = model_of(slice(0, 40), "ridge", groups).update(X[40:], NAMES[Y[40:]].tolist())
    assert model.certainty.groups.tolist() == [*(np.arange(40) // 2), *range(20, 30)]
    left = model.forget(X[:1], [NAMES[Y[0]]])
    assert left.certainty.how == "leave-one-group-out"
    assert left.certainty.units == 30


def test_class_weights_stay():
    model = model_of(slice(0, 40), "ridge", class_weight="balanced").update(X[40:], NAMES[Y[40:]].tolist())
    weights = model.head.calibration["class_weight"]
    np.testing.assert_allclose(model.certainty.weights, weights[model.certainty.y])


def test_a_new_class_is_known_to_the_sets():
    model = model_of(slice(0, 40), "lda").update(X[40:] + 9, ["d"] * 10)
    assert model.task.labels == ("a", "b", "c", "d")
    assert "d" in model.predict_sets(X[40:41] + 9, 0.9)[0]


@pytest.mark.parametrize("why", ["rows were not kept", "an item that was never there", "another label"])
def test_stale_scores_are_dropped(why):
    model = model_of(slice(0, 40), "ridge")
    if why == "rows were not kept":
        model = replace(model, certainty=replace(model.certainty, rows=None))
    x, label = (X[[45]], NAMES[Y[45]]) if why == "an item that was never there" else (X[[3]], NAMES[Y[3]])
    label = "a" if why == "another label" and label != "a" else "b" if why == "another label" else label
    assert model.forget(x, [label]).certainty is None
    if why == "rows were not kept":
        assert model.update(x, [label]).certainty is None


def test_texts_without_a_cache_are_not_encoded_twice():
    texts = [f"{word} number {i}" for i in range(10) for word in ("parcel", "refund")]
    model = FrozenFeatures().fit(open_source("toy"), read((texts, ["p", "r"] * 10)))
    assert model.update(["one more"], ["p"]).certainty.ids[-1] == "one more"
    assert replace(model, engine=Engine(cache=False)).update(["one more"], ["p"]).certainty is None
