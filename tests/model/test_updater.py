"""`Updater`: equal to the joint fit, in any order and batching, and back again; what it keeps and what it chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import clusters, solved

from headstart.errors import DataError, HeadstartError, ParameterError
from headstart.heads import HEADS, FeatureMap
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.problem import Problem
from headstart.heads.spectral.class_weights import row_weights
from headstart.linear.moments import Moments
from headstart.model import TransferModel, Updater
from headstart.model.updating.solved_again import solved_head

ROWS, LABELS = clusters(90)
FIRST = 30


def start(head: str = "lda", **search) -> TransferModel:
    """A model of the first items, of which one class is missing."""
    known = [k for k in range(FIRST) if LABELS[k] != "cat"]
    return solved(ROWS[known], [LABELS[k] for k in known], head=head, **search)


def rest(model: TransferModel) -> list[int]:
    known = [k for k in range(FIRST) if LABELS[k] != "cat"]
    return [k for k in range(len(ROWS)) if k not in known]


def joint(model: TransferModel, items: list[int]) -> TransferModel:
    """The fit on the first items and these together at the λ of the model: the moments of all rows, solved once."""
    known = [k for k in range(FIRST) if LABELS[k] != "cat"]
    every = [*known, *items]
    task = model.with_new_labels([LABELS[k] for k in every])
    y = np.eye(task.num_outputs)[[task.labels.index(LABELS[k]) for k in every]]
    moments = Moments.from_rows(model.head.feature_map(ROWS[every]), y)
    return replace(model, head=solved_head(model.head, task, moments)[0], task=task, moments=moments)


def assert_same(found: TransferModel, wanted: TransferModel, tolerance: float = 1e-8) -> None:
    size = np.abs(wanted.head.weight).max()
    np.testing.assert_allclose(found.head.weight / size, wanted.head.weight / size, atol=tolerance)
    np.testing.assert_allclose(
        found.head.bias, wanted.head.bias, atol=tolerance * max(1, np.abs(wanted.head.bias).max())
    )
    assert found.task.labels == wanted.task.labels


@pytest.mark.parametrize("head", ["lda", "ridge"])
def test_updates_in_any_order_and_batching_equal_the_joint_fit(head):
    model = start(head)
    items = rest(model)
    rng = np.random.default_rng(1)
    for _ in range(3):
        updater, left = Updater(model), rng.permutation(items).tolist()
        while left:
            size = int(rng.integers(1, 12))
            batch, left = left[:size], left[size:]
            updater.update(ROWS[batch], [LABELS[k] for k in batch])
        assert_same(updater.model, joint(model, items))
        assert_same(updater.complete(), joint(model, items))


@pytest.mark.parametrize("head", ["lda", "ridge"])
def test_an_update_that_is_forgotten_again_leaves_the_same_model(head):
    model = start(head)
    items = [k for k in rest(model) if LABELS[k] != "cat"]
    updater = Updater(model)
    updater.update(ROWS[items], [LABELS[k] for k in items])
    for k in items[::-1]:
        updater.forget(ROWS[[k]], [LABELS[k]])
    assert_same(updater.model, joint(model, []))
    assert updater.kept is not None
    assert len(updater.kept.ids) == len(model.certainty.ids)


def test_forgetting_equals_the_fit_on_the_rest_and_as_the_model_itself_forgets():
    model = solved(ROWS, LABELS)
    gone = [4, 7, 50]
    updater = Updater(model)
    updater.forget(ROWS[gone], [LABELS[k] for k in gone])
    left = [k for k in range(len(ROWS)) if k not in gone]
    y = np.eye(3)[[model.task.labels.index(LABELS[k]) for k in left]]
    wanted, _ = solved_head(model.head, model.task, Moments.from_rows(model.head.feature_map(ROWS[left]), y))
    assert_same(updater.model, replace(model, head=wanted))
    assert_same(updater.complete(), model.forget(ROWS[gone], [LABELS[k] for k in gone]))


def test_left_out_scores_are_those_of_an_update_by_the_model():
    model = start()
    items = rest(model)[:9]
    updater = Updater(model)
    assert updater.update(ROWS[items], [LABELS[k] for k in items]).certainty is None
    found, wanted = updater.complete(), model.update(ROWS[items], [LABELS[k] for k in items])
    np.testing.assert_allclose(found.certainty.scores, wanted.certainty.scores, atol=1e-8)
    assert found.predict_sets(ROWS[items], 0.8) == wanted.predict_sets(ROWS[items], 0.8)
    assert updater.complete() is found


def best_on(model: TransferModel, items: list[int], weights: np.ndarray | None = None):
    """The reference: the search of a fit over λ on the mapped rows of these items, which it solves itself."""
    mapped = model.head.feature_map(ROWS[items])
    y = np.array([model.task.labels.index(LABELS[k]) for k in items])
    features = FeatureMap("rows", ((0, mapped.shape[1]),), "none")
    found, _ = spectral_contenders(Problem(mapped, y, model.task, (), None, 0, weights), [features], [HEADS["lda"]])
    return found[0].fitted(())


def test_chosen_anew_means_as_a_fit_on_all_items_would_choose():
    model = start()
    items = rest(model)
    updater = Updater(replace(model, head=replace(model.head, lam=1e3 * model.head.lam)))
    updater.update(ROWS[items], [LABELS[k] for k in items])
    assert updater.choose()
    again = best_on(updater.model, [*(k for k in range(FIRST) if LABELS[k] != "cat"), *items])
    np.testing.assert_allclose(updater.model.head.lam, again.lam, rtol=1e-8)
    np.testing.assert_allclose(updater.model.head.loss, again.loss, rtol=1e-8)
    np.testing.assert_allclose(updater.model.head.calibration["temperature"], again.calibration["temperature"])
    assert_same(updater.model, replace(updater.model, head=again))


def test_balanced_class_weights_are_kept_and_balanced_anew_where_asked():
    kept = [k for k in range(len(ROWS)) if LABELS[k] == "ant" or k % 3 == 0 or k < 12]
    model = solved(ROWS[kept], [LABELS[k] for k in kept], class_weight="balanced")
    updater = Updater(model)
    new = [k for k in range(len(ROWS)) if k not in kept]
    updater.update(ROWS[new], [LABELS[k] for k in new])
    assert_same(updater.model, model.update(ROWS[new], [LABELS[k] for k in new]))
    assert updater.choose()
    every = [*kept, *new]
    y = np.array([model.task.labels.index(LABELS[k]) for k in every])
    again = best_on(model, every, row_weights(y, model.task, "balanced"))
    np.testing.assert_allclose(updater.model.head.calibration["class_weight"], again.calibration["class_weight"])
    np.testing.assert_allclose(updater.model.head.lam, again.lam, rtol=1e-8)
    assert_same(updater.model, replace(updater.model, head=again))


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_other_tasks_whose_head_is_closed_form(kind):
    rng = np.random.default_rng(2)
    values = ROWS @ rng.normal(size=(4, 2)) + rng.normal(size=(90, 2))
    if kind == "multilabel":
        values = (values > 0).astype(float)
    model = solved(ROWS[:50], values[:50], head="ridge", kind=kind)
    labels = values[50:].tolist()
    if kind == "multilabel":
        labels = [[f"y{k}" for k in range(2) if row[k]] for row in values[50:]]
    updater = Updater(model)
    updater.update(ROWS[50:], labels)
    wanted, _ = solved_head(model.head, model.task, Moments.from_rows(model.head.feature_map(ROWS), values))
    assert_same(updater.model, replace(model, head=wanted))
    updater.forget(ROWS[50:], labels)
    assert_same(updater.model, model)
    assert updater.choose()


def test_another_head_is_fitted_again_on_the_rows_at_hand_and_without_them_refused():
    model = solved(ROWS[:60], LABELS[:60], head="naive_bayes")
    updater = Updater(model)
    assert not updater.exact
    found = updater.update(ROWS[60:], LABELS[60:])
    np.testing.assert_allclose(found.predict_proba(ROWS), solved(ROWS, LABELS, head="naive_bayes").predict_proba(ROWS))
    assert updater.complete().certainty is not None
    with pytest.raises(DataError, match="cannot be updated exactly, and it keeps no rows"):
        Updater(replace(model, certainty=None))


def test_a_model_without_moments_is_refused():
    with pytest.raises(DataError, match="without its moments"):
        Updater(replace(start(), moments=None))


def test_earlier_models_are_unchanged_and_a_refused_call_changes_nothing():
    model = start()
    weight = model.head.weight.copy()
    updater = Updater(model)
    first = updater.update(ROWS[:2], LABELS[:2])
    kept = first.head.weight.copy()
    for wrong in (
        lambda: updater.update(ROWS[:2], LABELS[:1]),
        lambda: updater.update(np.full((1, 4), np.nan), ["ant"]),
        lambda: updater.update(ROWS[:1], [["ant"]]),
        lambda: updater.forget(ROWS[:1] + 50, ["ant"]),
        lambda: updater.forget(ROWS[:1], ["unknown"]),
    ):
        with pytest.raises(HeadstartError):
            wrong()
        assert updater.model is first
    updater.update(ROWS[2:9], LABELS[2:9])
    np.testing.assert_array_equal(first.head.weight, kept)
    np.testing.assert_array_equal(model.head.weight, weight)


def test_digits_that_subtraction_costs_come_back_from_the_rows():
    """Numerics: a huge item leaves only rounding of itself behind, which the rows at hand replace."""
    model = start("ridge")
    huge = np.full((1, 4), 3e7, np.float32)
    updater = Updater(model)
    updater.update(huge, ["ant"])
    updater.forget(huge, ["ant"])
    assert updater.refresh()
    assert_same(updater.model, joint(model, []), 1e-12)


def test_without_rows_moments_cannot_be_refreshed_and_nothing_is_chosen_anew():
    model = replace(start(), certainty=None)
    updater = Updater(model)
    updater.update(ROWS[:3], ["ant", "bee", "cat"])
    assert not updater.refresh()
    assert not updater.choose()
    assert updater.model.head.lam == model.head.lam
    assert updater.complete().certainty is None


def test_a_penalty_that_is_only_rounding_is_solved_from_the_spectrum():
    model = start("ridge")
    wide = replace(model, head=replace(model.head, lam=0.0))
    updater = Updater(wide)
    updater.update(ROWS[:3], LABELS[:3])
    assert_same(updater.model, wide.update(ROWS[:3], LABELS[:3]))


def test_all_items_cannot_be_forgotten():
    with pytest.raises(ParameterError, match="at least one must remain"):
        Updater(solved(ROWS, LABELS)).forget(ROWS, LABELS)
