"""Comparing fitted models from Python: on new data, on kept predictions, and what is said and saved."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.errors import DataError, ParameterError, UsageError

pytestmark = pytest.mark.usefixtures("three_folds", "few_penalties")

FILES = ["comparison.json", "items.csv", "report.html"]


@pytest.fixture(scope="module")
def data():
    """Rows of two classes, of which the first two columns tell little and the third much."""
    rng = np.random.default_rng(0)
    y = np.array(["=low", "high"] * 60)
    rows = rng.normal(size=(120, 3)) + np.outer(y == "high", [0.6, 0.0, 2.5])
    return rows, y


def fitted(rows, y, **options):
    return headstart.fit((rows, y), baselines="none", verbose=False, **options)


@pytest.fixture(scope="module")
def weak(data):
    return fitted(data[0][:40] * [1, 1, 0.01], data[1][:40])


@pytest.fixture(scope="module")
def strong(data):
    return fitted(data[0][:40], data[1][:40])


@pytest.fixture(scope="module")
def nearest(data):
    return fitted(data[0][:40], data[1][:40], heads=("knn",))


@pytest.fixture(scope="module")
def folders(weak, strong, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return [weak.save(place / "weak"), strong.save(place / "strong")]


def test_a_run_a_model_and_a_folder_are_compared_alike(weak, strong, folders, data):
    new = data[0][40:], data[1][40:]
    given = [(weak, strong), (weak.model, strong.model), folders, [str(one) for one in folders]]
    found = [headstart.compare(list(models), new, names=["weak", "strong"], verbose=False) for models in given]
    assert len({one.verdict for one in found}) == 1
    truth = np.array(data[1][40:])
    hits = [np.mean(np.array(run.predict(list(new[0]))) == truth) for run in (weak, strong)]
    assert found[0].differences["value"][0] == pytest.approx(hits[1] - hits[0])
    assert found[2].names == ("weak", "strong")
    assert found[0].comparison.n == 80


def test_items_are_those_of_different_answers_the_largest_difference_first(folders, data):
    found = headstart.compare(folders, (data[0][40:], data[1][40:]), verbose=False)
    table = found.items
    assert (table["predicted.weak"] != table["predicted.strong"]).all()
    assert table["loss_difference"].abs().is_monotonic_decreasing
    pair = found.differences.iloc[0]
    assert (table["right.strong"] & ~table["right.weak"]).sum() == pair["only_second"]
    assert (table["right.weak"] & ~table["right.strong"]).sum() == pair["only_first"]
    assert np.allclose(table["loss.strong"] - table["loss.weak"], table["loss_difference"])
    assert set(found.classes["label"]) == {"=low", "high"}


def test_one_model_twice_differs_by_nothing(folders, data):
    found = headstart.compare([folders[0], folders[0]], (data[0][40:], data[1][40:]), verbose=False)
    assert found.names == ("weak", "weak (2)")
    assert "the difference is exactly zero" in found.verdict
    assert found.items.empty
    assert list(found.items.columns)[:2] == ["id", "label"]


def test_items_of_the_fit_are_said_of_the_model_that_was_fitted_on_them(folders, data):
    other = fitted(data[0][80:], data[1][80:])
    found = headstart.compare([folders[1], other], (data[0][30:60], data[1][30:60]), verbose=False)
    assert found.predicted.fitted_on == (10, 0)
    assert found.warnings[0] == "strong was fitted on 10 of the 30 items, which flatters it."
    assert "which flatters it" in repr(found)


def test_runs_are_compared_on_what_both_held_out(weak, strong, nearest, folders):
    found = headstart.compare([folders[1], nearest], verbose=False)
    assert found.comparison.n == 40
    assert found.predicted.how == "the items that all runs held out"
    assert found.record["models"][0]["metrics"]["accuracy"]["value"] == strong.evaluation.metrics["accuracy"].value
    with pytest.raises(DataError, match="held out no items in common; give labelled data"):
        headstart.compare([weak, nearest], verbose=False)  # scaled rows are other items


def test_a_comparison_is_saved_and_replaced_only_by_another(folders, data, tmp_path):
    new = data[0][40:], data[1][40:]
    found = headstart.compare(folders, new, out=tmp_path / "both", verbose=False)
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == FILES
    kept = json.loads((tmp_path / "both" / "comparison.json").read_text())
    assert kept["pairs"][0]["main"]["value"] == found.differences["value"][0]
    table = pd.read_csv(tmp_path / "both" / "items.csv")
    assert len(table) == len(found.items)
    assert set(table["label"]) <= {"'=low", "high"}
    headstart.compare(folders, new, out=tmp_path / "both", verbose=False)
    with pytest.raises(UsageError, match="holds a comparison, which is kept"):
        found.save(tmp_path / "both", overwrite=False)
    for other in (folders[0], tmp_path):
        with pytest.raises(UsageError, match="something other than a comparison"):
            found.save(other)


def test_regressions_are_compared_by_r2(data):
    rows = data[0]
    value = rows[:, 2] * 2 + rows[:, 0] + np.random.default_rng(1).normal(0, 0.3, 120)
    one, two = (fitted(part, value[:40]) for part in (rows[:40] * [0.0, 1.0, 1.0], rows[:40]))
    found = headstart.compare([one, two], (rows[40:], value[40:]), names=["part", "all"], verbose=False)
    assert found.comparison.metric == "r2"
    assert found.best == "all"
    assert "without the" in found.verdict or "cannot be told apart" in found.verdict
    assert not [name for name in found.items if name.startswith("right.")]
    assert found.classes.empty
    page = found._repr_html_()
    assert page.count("<table") == 1
    assert "R²" in page


def test_an_ordinal_head_and_three_models(data):
    rows = data[0]
    y = np.array(["1", "2", "3"])[np.digitize(rows[:, 2], [0.5, 2.0])]
    runs = [fitted(rows[:60], y[:60], heads=(head,)) for head in ("ridge", "ordinal", "knn")]
    found = headstart.compare(runs, (rows[60:], y[60:]), names=["ridge", "ordinal", "knn"], verbose=False)
    assert len(found.differences) == 3
    assert found.best in found.tied
    assert (found.differences["p_holm"] >= found.differences["p"]).all()


def test_groups_stay_together(folders, data):
    frame = pd.DataFrame(data[0][40:], columns=["x0", "x1", "x2"]).assign(label=data[1][40:])
    frame["patient"] = np.arange(len(frame)) // 4
    models = [fitted_frame(data, scale) for scale in (0.01, 1.0)]
    found = headstart.compare(models, frame, group_col="patient", names=["weak", "strong"], verbose=False)
    assert found.comparison.units == 20
    assert found.record["test"] == "exact paired permutation test of groups"
    assert "20 groups" in found.warnings[-1]


def fitted_frame(data, scale):
    frame = pd.DataFrame(data[0][:40] * [1, 1, scale], columns=["x0", "x1", "x2"]).assign(label=data[1][:40])
    return headstart.fit(frame, label="label", baselines="none", verbose=False)


def test_models_that_do_not_go_together_are_refused(weak, data):
    new = data[0][40:], data[1][40:]
    with pytest.raises(ParameterError, match="from 2 to 20 models"):
        headstart.compare([weak], new, verbose=False)
    with pytest.raises(ParameterError, match="as a list"):
        headstart.compare(weak, new, verbose=False)
    with pytest.raises(ParameterError, match="one name for each"):
        headstart.compare([weak, weak], new, names=["a"], verbose=False)
    other = fitted(data[0][:40], np.where(data[1][:40] == "high", "up", "=low"))
    with pytest.raises(DataError, match="only 'a' has 'high', and only 'b' has 'up'"):
        headstart.compare([weak, other], new, names=["a", "b"], verbose=False)
    value = fitted(data[0][:40], data[0][:40, 0])
    with pytest.raises(DataError, match="'a' is a classification, 'b' a regression"):
        headstart.compare([weak, value], new, names=["a", "b"], verbose=False)
