"""Every head that is an estimator: it solves toy tasks, repeats, takes what small data hold, and is saved as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from headstart.checks import toy_task
from headstart.errors import DataError
from headstart.heads import HEADS, EstimatorHead, HeadSearch, select_head
from headstart.heads.estimator.cross_fitting import quietly_fitted
from headstart.heads.estimator.scores import estimator_scores
from headstart.heads.estimator.threads import threads_for
from headstart.heads.registry import ESTIMATORS
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.tasks import task_methods

NAMES = sorted(set(ESTIMATORS) - {"attention"})  # which is compared by itself, with several sources
CASES = [(name, kind) for name in NAMES for kind in sorted(HEADS[name].tasks)]
SLOW = {"boosting", "forest", "mlp", "stacking"}
COSTLY = SLOW | {"cell"}


def numbered(kind, **given):
    """A toy task whose class labels are numbers, as the ordinal head wants them."""
    x, y, task = toy_task(kind, **given)
    return x, y, replace(task, labels=("1", "2", "3")) if kind == "classification" else task


def quick_first(kind):
    """The heads for a kind of task; those of many estimators are tried by the slow tests."""
    names = [name for name in NAMES if kind in HEADS[name].tasks]
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


@pytest.fixture(scope="module", autouse=True)
def three_folds():
    """Cross-fitting in three folds, not five: of the folds nothing is said here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headstart.heads.estimator.cross_fitting.NUM_FOLDS", 3)
        yield


@pytest.fixture(scope="module")
def fitted(three_folds):
    """Each head on its toy task, chosen once for all tests."""
    done = {}

    def of(name, kind):
        if (name, kind) not in done:
            x, y, task = numbered(kind, n=60)
            done[name, kind] = select_head(x, y, task, search=HeadSearch((name,)))
        return done[name, kind]

    return of


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_it_solves_new_rows_of_a_toy_task(fitted, name, kind):
    head, (x, y, task) = fitted(name, kind), numbered(kind, n=60, seed=1)
    methods = task_methods(task)
    outputs = methods.outputs(head.scores(x), head.calibration)
    chance = {"classification": np.log(3), "multilabel": np.log(2), "regression": 1.0}[kind]
    share = 0.8 if name == "nearest_mean" else 0.5  # labels by thresholds are no clouds around means
    assert methods.loss(outputs, y).mean() < share * chance
    assert head.loss < share * chance
    assert head.evidence.outputs.shape == (60, task.num_outputs)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_it_is_saved_and_loaded_bit_for_bit(fitted, tmp_path, name, kind):
    x, _, task = numbered(kind, n=60)
    model = TransferModel(open_source("vector"), task, fitted(name, kind))
    loaded = TransferModel.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.outputs(x), model.outputs(x))
    assert (tmp_path / "model" / "head.skops").is_file() == (model.head.estimator is not None)
    assert loaded.head.linear == model.head.linear


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] not in COSTLY])
def test_the_same_seed_gives_the_same_head(fitted, name, kind):
    x, y, task = numbered(kind, n=60)
    again = select_head(x, y, task, search=HeadSearch((name,)))
    np.testing.assert_array_equal(again.scores(x), fitted(name, kind).scores(x))
    assert again.loss == fitted(name, kind).loss


@pytest.mark.parametrize("name", sorted(COSTLY))
def test_the_same_seed_gives_the_same_estimator(name):
    x, y, task = numbered("classification", n=30)
    one, other = (quietly_fitted(HEADS[name].make(task, n=30, d=6, seed=0), x, y) for _ in range(2))
    with threads_for(30, 6):
        np.testing.assert_array_equal(estimator_scores(one, x, 3), estimator_scores(other, x, 3))


@pytest.mark.parametrize("name", [name for name in NAMES if "classification" in HEADS[name].tasks])
def test_it_stands_alone_on_arrays(name):
    x, y, task = numbered("classification", n=45)
    head = HEADS[name]
    assert isinstance(head, EstimatorHead)
    estimator = clone(head.make(task, n=45, d=6, seed=0))
    assert isinstance(estimator.get_params(), dict)
    assert quietly_fitted(estimator, x, y) is estimator
    with threads_for(45, 6):
        assert estimator.score(x, y) > 0.8
        assert estimator.predict(x[:5]).shape == (5,)


@pytest.mark.parametrize("name", quick_first("classification"))
@pytest.mark.parametrize("counts", [(8, 8, 1), (2, 2, 2)], ids=["a class with one item", "two items a class"])
def test_few_items_of_a_class_are_enough(name, counts):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], counts)
    x = (rng.normal(size=(len(y), 4)) + 4 * np.eye(4)[y]).astype(np.float32)
    head = select_head(x, y, replace(toy_task("classification")[2], labels=("1", "2", "3")), search=HeadSearch((name,)))
    assert np.isfinite(head.loss)
    assert np.isfinite(head.scores(x)).all()
    assert (head.scores(x).argmax(axis=1) == y)[:4].all()


@pytest.mark.parametrize("name", quick_first("multilabel"))
def test_a_label_that_all_rows_have_is_no_trouble(name):
    x, y, task = toy_task("multilabel", n=30)
    y = np.column_stack([y[:, 0], np.ones(30)])
    head = select_head(x, y, task, search=HeadSearch((name,)))
    assert task_methods(task).outputs(head.scores(x), head.calibration)[:, 1].min() > 0.8


def test_groups_are_left_out_together():
    """Copies of rows with random labels look easy to the neighbours unless the copies leave with them."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(30, 8)), 3, axis=0)
    y = np.repeat(rng.integers(0, 2, 30), 3)
    task = toy_task("classification")[2]
    task, groups = replace(task, labels=("1", "2")), np.repeat(np.arange(30), 3)
    for name in ("knn", "nearest_mean", "logistic", "tree"):
        alone = select_head(x, y, task, search=HeadSearch((name,)))
        together = select_head(x, y, task, groups=groups, search=HeadSearch((name,)))
        assert alone.loss < 0.5 or name == "nearest_mean", name
        assert together.loss > 0.55, name


def test_a_fitted_estimator_is_taught_further_only_by_fitting_it_again(tmp_path):
    x, y, task = numbered("classification", n=30)
    model = TransferModel(open_source("vector"), task, select_head(x, y, task, search=HeadSearch(("knn",))))
    with pytest.raises(DataError, match="without its moments"):
        model.update(x[:2], ["1", "2"])
    from headstart.heads.problem import TargetRows
    from headstart.heads.spectral.spectra import stream_moments

    moments = stream_moments(x, TargetRows(y, task), model.head.feature_map)
    with pytest.raises(DataError, match="cannot be updated exactly"):
        replace(model, moments=moments).forget(x[:2], [task.labels[i] for i in y[:2]])


def test_ordinal_labels_have_to_be_numbers():
    x, y, task = toy_task("classification", n=30)
    with pytest.raises(DataError, match="from labels that are numbers"):
        select_head(x, y, task, search=HeadSearch(("ordinal",)))
