"""Prediction sets and intervals of a model: equal to refits without each item, refused where they promise too much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.heads import HEADS, HeadSearch
from headstart.heads.spectral.class_weights import row_weights
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.model.coverage import uniforms
from headstart.sources import open_source
from headstart.tasks import task_methods
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

NEW = np.random.default_rng(9).normal(size=(12, 4)) * 1.5


def classes_of(n, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    return (rng.normal(size=(classes, 4))[y] + rng.normal(size=(n, 4))), y


def model_of(x, y, task, head="ridge", groups=None, class_weight=None):
    source = open_source("vector")
    features = Features(x, y, tuple(map(str, range(len(x)))), groups, source.info)
    return FrozenFeatures(HeadSearch((head,), class_weight)).solve(source, features, task, seed=0)


def refitted_outputs(model, x, y, keep, new, class_weight=None):
    """Calibrated outputs of the model's head solved again on some rows, with the same features, λ and calibration."""
    task, head = model.task, model.head
    weights = row_weights(y, task, class_weight)
    targets = task_methods(task).targets(y, task.num_outputs)
    own = np.ones(len(y)) if weights is None else weights
    spectrum = Spectrum.from_moments(Moments.from_rows(head.feature_map(x)[keep], targets[keep], own[keep]))
    weight, bias = HEADS[head.head].coefficients(spectrum, head.lam)
    return task_methods(task).outputs(head.feature_map(new) @ weight + bias, head.calibration)


def counted(model, x, y, groups, own_score, class_weight=None):
    """Cross-conformal p-values by one refit for each item or group, and a comparison at a time."""
    codes = np.arange(len(x)) if groups is None else groups
    mass, total = np.zeros((len(NEW), model.task.num_outputs)), 0.0
    for code in np.unique(codes):
        out = np.flatnonzero(codes == code)
        there = refitted_outputs(model, x, y, codes != code, np.vstack([NEW, x[out]]), class_weight)
        fresh, own = there[: len(NEW)], there[len(NEW) :]
        for place, row in enumerate(out):
            mass += (own_score(own[place], y[row]) >= 1 - fresh) / len(out)
        total += 1
    return (mass + 1) / (total + 1)


@pytest.mark.parametrize("head", ["ridge", "lda"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_p_values_equal_refits_without_each_item_or_group(head, grouped, class_weight):
    x, y = classes_of(40)
    groups = np.unique(np.random.default_rng(3).integers(0, 15, 40), return_inverse=True)[1] if grouped else None
    model = model_of(x, y, Task("classification", ("a", "b", "c")), head, groups, class_weight)
    found = model.conformal()
    assert found.exact
    wanted = counted(model, x, y, groups, lambda p, label: 1 - p[label], class_weight)
    np.testing.assert_allclose(found.p_values(NEW), wanted, rtol=0, atol=1e-12)


def test_a_class_with_one_item_equals_refits():
    x, y = classes_of(30)
    y[y == 2] = 0
    y[4] = 2
    model = model_of(x, y, Task("classification", ("a", "b", "c")), "lda")

    def score(p, label):
        return np.inf if label == 2 else 1 - p[label]  # without its only item, no label conforms less

    wanted = counted(model, x, y, None, score)
    np.testing.assert_allclose(model.conformal().p_values(NEW), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_equal_refits_without_each_item_or_group(grouped):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4))
    y = np.stack([x[:, 0] + rng.normal(size=40), x[:, 1] * 2 + rng.normal(size=40)], axis=1)
    groups = np.unique(rng.integers(0, 15, 40), return_inverse=True)[1] if grouped else None
    codes = np.arange(40) if groups is None else groups
    model = model_of(x, y, Task("regression", ("s", "t")), groups=groups)
    low, high, weights = [], [], []
    for code in np.unique(codes):
        out = np.flatnonzero(codes == code)
        there = refitted_outputs(model, x, y, codes != code, np.vstack([NEW, x[out]]))
        for place, row in enumerate(out):
            residual = np.abs(y[row] - there[len(NEW) + place])
            low.append(there[: len(NEW)] - residual)
            high.append(there[: len(NEW)] + residual)
            weights.append(1 / len(out))
    low, high, weights = np.array(low), np.array(high), np.array(weights)
    found = model.conformal().intervals(NEW, 0.8, adaptive=False)
    for i, target in np.ndindex(len(NEW), 2):
        for ends, side, sign in ((low, 0, -1), (high, 1, 1)):
            values = sign * ends[:, i, target]
            order = np.argsort(values)
            place = np.flatnonzero(np.cumsum(weights[order]) >= 0.8 * (weights.sum() + 1) - 1e-9)[0]
            assert found[i, target, side] == pytest.approx(sign * values[order][place], abs=1e-10)


@pytest.mark.parametrize(("n", "d"), [(40, 4), (12, 20)])
def test_adaptive_intervals_scale_residuals_by_refitted_leverages(n, d):
    """Jackknife+ of |r_i| / √(1 + h⁻ⁱ(x_i)) · √(1 + h⁻ⁱ(x)), with the leverage of each refit."""
    rng = np.random.default_rng(1)
    x, new = rng.normal(size=(n, d)), rng.normal(size=(6, d)) * 2
    y = x[:, :1] + rng.normal(size=(n, 1))
    model = model_of(x, y, Task("regression", ("s",)))
    mapped, fresh, lam = model.head.feature_map(x), model.head.feature_map(new), model.head.lam
    low, high = [], []
    for i in range(n):
        keep = np.arange(n) != i
        there = refitted_outputs(model, x, y, keep, np.vstack([new, x[[i]]]))[:, 0]
        mean = mapped[keep].mean(axis=0)
        inverse = np.linalg.inv((mapped[keep] - mean).T @ (mapped[keep] - mean) + lam * np.eye(d))
        h = [1 / (n - 1) + (row - mean) @ inverse @ (row - mean) for row in (*fresh, mapped[i])]
        half = abs(y[i, 0] - there[-1]) * np.sqrt((1 + np.array(h[:-1])) / (1 + h[-1]))
        low.append(there[:-1] - half)
        high.append(there[:-1] + half)
    found = model.predict_intervals(new, 0.8)[:, 0]
    k = int(np.ceil(0.8 * (n + 1) - 1e-9))
    np.testing.assert_allclose(found[:, 1], np.sort(high, axis=0)[k - 1], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found[:, 0], -np.sort(-np.array(low), axis=0)[k - 1], rtol=0, atol=1e-8)
    plain = model.conformal().intervals(new, 0.8, adaptive=False)[:, 0]
    assert not np.allclose(plain, found)


def test_sets_of_several_labels_hold_each_label_by_items_that_have_it():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4))
    y = (x[:, :3] + rng.normal(size=(50, 3)) > 0.3).astype(float)
    model = model_of(x, y, Task("multilabel", ("a", "b", "c")))
    wanted = np.zeros((len(NEW), 3))
    for i in range(50):
        there = refitted_outputs(model, x, y, np.arange(50) != i, np.vstack([NEW, x[[i]]]))
        wanted += np.where(y[i] > 0.5, (1 - there[-1]) >= (1 - there[:-1]), 0)
    wanted = (wanted + 1) / (y.sum(axis=0) + 1)
    np.testing.assert_allclose(model.conformal().p_values(NEW), wanted, rtol=0, atol=1e-12)
    assert "sets hold a label for 80% of new items that have it" in model.conformal().sentence(0.8)


def test_per_class_compares_with_items_of_the_class():
    x, y = classes_of(60)
    model = model_of(x, y, Task("classification", ("a", "b", "c")), "ridge")
    found, wanted = model.conformal().p_values(NEW, per_class=True), np.zeros((len(NEW), 3))
    for i in range(60):
        there = refitted_outputs(model, x, y, np.arange(60) != i, np.vstack([NEW, x[[i]]]))
        wanted[:, y[i]] += 1 - there[-1, y[i]] >= 1 - there[:-1, y[i]]
    np.testing.assert_allclose(found, (wanted + 1) / (np.bincount(y) + 1), rtol=0, atol=1e-12)


def test_a_class_with_too_few_items_is_in_every_set_and_named():
    x, y = classes_of(60)
    y[y == 2] = 0
    y[4] = 2
    predictor = model_of(x, y, Task("classification", ("a", "b", "rare"))).conformal()
    assert predictor.sets(NEW, 0.9, per_class=True)[:, 2].all()
    assert predictor.sentence(0.9, per_class=True).endswith("with fewer than 9 items, these are in every set: rare")
    with pytest.raises(DataError, match=r"at least 99 items of a class. Got \d+; \d+ can promise at most 0.9"):
        predictor.sets(NEW, 0.99, per_class=True)


def test_a_set_is_never_empty_unless_asked_and_grows_with_the_coverage():
    x, y = classes_of(80)
    model = model_of(x, y, Task("classification", ("a", "b", "c")))
    predictor = model.conformal()
    small, large = predictor.sets(NEW, 0.3), predictor.sets(NEW, 0.95)
    assert small.any(axis=1).all()
    assert (small <= large).all()
    assert not predictor.sets(NEW, 0.3, allow_empty=True).any(axis=1).all()
    named = model.predict_sets(NEW, 0.3)
    assert [one[0] for one in named] == model.predict(NEW)


@pytest.mark.parametrize("method", ["lac", "aps", "raps", "ordinal"])
def test_each_method_covers_new_items(method):
    x, y = classes_of(400)
    model = model_of(x[:200], y[:200], Task("classification", ("a", "b", "c")), "lda")
    found = model.conformal().sets(x[200:], 0.8, method=method, allow_empty=True)
    inside = found[np.arange(200), y[200:]].mean()
    assert 0.7 < inside < 0.9  # 3.5 standard errors
    if method == "ordinal":
        assert not (found[:, 0] & found[:, 2] & ~found[:, 1]).any()


def test_the_same_item_has_the_same_set_in_any_company():
    x, y = classes_of(80)
    predictor = model_of(x, y, Task("classification", ("a", "b", "c"))).conformal()
    together = predictor.sets(NEW, 0.8, method="aps")
    alone = np.vstack([predictor.sets(NEW[[i]], 0.8, method="aps") for i in range(len(NEW))])
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(uniforms(NEW))) == len(NEW)


def test_without_rows_the_model_itself_is_compared_and_this_is_said():
    x, y = classes_of(60)
    model = model_of(x, y, Task("classification", ("a", "b", "c")))
    plain = replace(model, certainty=replace(model.certainty, rows=None)).conformal()
    assert not plain.exact
    outputs = model.certainty.outputs(model.task, model.head.calibration)
    own = 1 - outputs[np.arange(60), y]
    fresh = 1 - model.outputs(NEW)
    wanted = (1 + (own[:, None, None] >= fresh).sum(axis=0)) / 61
    np.testing.assert_allclose(plain.p_values(NEW), wanted, rtol=0, atol=1e-15)
    assert "without a guarantee for the worst case" in plain.sentence(0.9)
    assert "at least 80% if λ" in model.conformal().sentence(0.9)


@pytest.mark.parametrize("head", ["knn", "logistic", "svm"])
def test_heads_that_are_not_closed_form_use_their_out_of_fold_scores(head):
    x, y = classes_of(60)
    predictor = model_of(x, y, Task("classification", ("a", "b", "c")), head).conformal()
    assert (predictor.exact, predictor.certainty.how) == (False, "out-of-fold")
    assert predictor.sets(NEW, 0.9).any(axis=1).all()


def test_too_few_items_are_refused_with_the_least_number():
    x, y = classes_of(12)
    model = model_of(x, y, Task("classification", ("a", "b", "c")))
    with pytest.raises(DataError, match=r"at least 19 items. Got 12; 12 can promise at most 0.923"):
        model.predict_sets(NEW, 0.95)
    assert model.predict_sets(NEW, 0.9)
    groups = np.repeat(np.arange(4), 3)
    with pytest.raises(DataError, match=r"at least 9 groups of items. Got 4; 4 can promise at most 0.8"):
        model_of(x, y, Task("classification", ("a", "b", "c")), groups=groups).predict_sets(NEW, 0.9)


def test_questions_that_do_not_fit_the_task_are_refused():
    x, y = classes_of(30)
    classifier = model_of(x, y, Task("classification", ("a", "b", "c")))
    regressor = model_of(x, x[:, :1], Task("regression", ("s",)))
    for call in (
        lambda: classifier.predict_intervals(NEW),
        lambda: regressor.predict_sets(NEW),
        lambda: classifier.predict_sets(NEW, 90),
        lambda: classifier.predict_sets(NEW, method="best"),
        lambda: regressor.conformal().check(0.9, per_class=True),
    ):
        with pytest.raises(ParameterError):
            call()


def test_a_model_without_examples_promises_nothing():
    from headstart import zero_shot

    model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
    with pytest.raises(DataError, match="no left-out scores"):
        model.predict_sets(["where is it"])


def test_two_classes_and_tied_scores():
    x, y = np.repeat([[0.0], [1.0]], 20, axis=0), np.repeat([0, 1], 20)
    y[[0, 20]] = [1, 0]  # each half has one contradiction, and all other scores are equal
    model = model_of(x, y, Task("classification", ("low", "high")))
    assert model.predict_sets([[0.0], [1.0]], 0.8) == [["low"], ["high"]]
    assert model.predict_sets([[0.0]], 0.97) == [["low", "high"]]


def test_coverage_holds_on_many_draws():
    """Monte Carlo: 150 draws of 60 training items; the mean coverage of 0.8 is inside three standard errors."""
    rng, inside = np.random.default_rng(0), []
    centres = rng.normal(size=(3, 4))
    for _ in range(150):
        y = np.concatenate([np.arange(3), rng.integers(0, 3, 97)])
        x = centres[y] + rng.normal(size=(100, 4))
        model = model_of(x[:60], y[:60], Task("classification", ("a", "b", "c")), "lda")
        found = model.conformal().sets(x[60:], 0.8, allow_empty=True)
        inside.append(found[np.arange(40), y[60:]].mean())
    assert abs(np.mean(inside) - 0.8) < 3 * np.std(inside) / np.sqrt(150) + 1 / 61


def test_near_duplicates_count_once_and_are_not_called_groups(few_penalties):
    import headstart

    x, y = classes_of(40)
    rows = np.concatenate([x, x[:10]])
    labels = np.array(["a", "b", "c"])[np.concatenate([y, y[:10]])]
    run = headstart.fit((rows, labels.tolist()), baselines="none", verbose=False)
    predictor = run.model.conformal()
    assert (predictor.certainty.units, len(predictor.certainty.index)) == (40, 50)
    assert "new items (cross-conformal, 50 leave-one-out scores of 40 distinct items" in predictor.sentence(0.9)
