"""Judging a model on other data from Python, loading it and saving a run."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.errors import DataError, NoModelError, UsageError
from headstart.transfer.evaluate import ModelEvaluation

pytestmark = pytest.mark.usefixtures("three_folds")

FILES = ["confusion.csv", "metrics.json", "predictions.csv", "predictions.parquet", "report.html"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.array(["low", "=high"] * 30)
    return rng.normal(size=(60, 3)) + 2.5 * (y == "low")[:, None], y


@pytest.fixture(scope="module")
def run(data):
    return headstart.fit((data[0][:40], data[1][:40]), baselines="none", verbose=False)


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("saved") / "run")


def test_a_model_a_run_and_a_folder_are_judged_alike(run, folder, data):
    new = data[0][40:], data[1][40:]
    found = [headstart.evaluate(model, new, verbose=False) for model in (run, run.model, folder, str(folder))]
    assert all(isinstance(one, ModelEvaluation) for one in found)
    assert {one.metrics["accuracy"].value for one in found} == {found[0].metrics["accuracy"].value}
    assert found[0].evaluation.n == 20
    assert found[0].metrics["accuracy"].value > 0.8
    assert [one.fitted_on for one in found] == [0] * 4
    frame = found[2].predictions
    assert frame["label"].tolist() == data[1][40:].tolist()
    assert (frame["label"] == frame["predicted"]).mean() == found[2].metrics["accuracy"].value
    assert frame[["output.low", "output.=high"]].sum(axis=1).to_numpy() == pytest.approx(1)


def test_what_sets_promise_is_checked_on_the_new_items(run, data):
    new = data[0][40:], data[1][40:]
    found = headstart.evaluate(run, new, verbose=False).record["certainty"]["coverage"]
    sets = run.model.predict_sets(new[0], 0.9)
    inside = [label in names for label, names in zip(new[1], sets, strict=True)]
    assert [one["promised"] for one in found] == [0.8, 0.9, 0.95]
    assert (found[1]["realised"], found[1]["items"]) == (pytest.approx(np.mean(inside)), 20)


def test_the_name_is_still_that_of_the_package():
    import headstart.evaluate.evaluation

    assert headstart.evaluate.evaluation.evaluate_predictions is not None
    assert callable(headstart.evaluate)


def test_items_that_the_model_was_fitted_on_are_said(folder, data):
    found = headstart.evaluate(folder, (data[0][30:], data[1][30:]), verbose=False)
    assert found.fitted_on == 10
    assert "This model was fitted on 10 of the 30 items" in found.record["warnings"][0]
    assert "fitted on" in repr(found)


def test_an_evaluation_is_saved_whole(run, data, tmp_path):
    found = headstart.evaluate(run, (data[0][40:], data[1][40:]), out=tmp_path / "may", verbose=False)
    assert sorted(path.name for path in (tmp_path / "may").iterdir()) == FILES
    kept = json.loads((tmp_path / "may" / "metrics.json").read_text())
    assert kept["evaluation"]["metrics"]["accuracy"]["value"] == found.metrics["accuracy"].value
    confusion = pd.read_csv(tmp_path / "may" / "confusion.csv")
    assert list(confusion.columns) == ["true class", "'=high", "low"]
    assert confusion.iloc[:, 1:].to_numpy().tolist() == found.evaluation.confusion.tolist()
    assert set(pd.read_csv(tmp_path / "may" / "predictions.csv")["label"]) == {"low", "'=high"}
    assert set(pd.read_parquet(tmp_path / "may" / "predictions.parquet")["label"]) == {"low", "=high"}
    page = (tmp_path / "may" / "report.html").read_text()
    assert "report of an evaluation" in page
    assert "Where it errs" in page
    assert "held out from fitting" not in page


def test_an_evaluation_replaces_only_an_evaluation(run, folder, data, tmp_path):
    new = data[0][40:], data[1][40:]
    with pytest.raises(UsageError, match="something other than an evaluation"):
        headstart.evaluate(run, new, out=folder, verbose=False)
    headstart.evaluate(run, new, out=tmp_path / "may", verbose=False)
    headstart.evaluate(run, new, out=tmp_path / "may", verbose=False)
    with pytest.raises(UsageError, match="which is kept"):
        headstart.evaluate(run, new, out=tmp_path / "may", overwrite=False, verbose=False)
    (tmp_path / "may" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="left alone"):
        headstart.evaluate(run, new, out=tmp_path / "may", verbose=False)


def test_a_saved_run_is_what_a_fit_writes(run, folder, data, tmp_path):
    again = headstart.fit((data[0][:40], data[1][:40]), baselines="none", out=tmp_path / "direct", verbose=False)
    names = [sorted(p.relative_to(place).as_posix() for p in place.rglob("*")) for place in (folder, again.path)]
    assert names[0] == names[1]
    assert "report.html" in names[0]
    assert headstart.load(folder).predict(data[0][40:]) == run.predict(data[0][40:])
    with pytest.raises(UsageError, match="holds a run, which is kept"):
        run.save(folder, overwrite=False)
    assert run.save(folder) == folder
    assert run.save(str(tmp_path / "b")).name == "b"


def test_what_does_not_fit_the_model_is_one_sentence(run, folder, data, tmp_path):
    with pytest.raises(NoModelError, match="is not a model folder"):
        headstart.load(tmp_path)
    with pytest.raises(NoModelError, match="is not a model folder"):
        headstart.evaluate(tmp_path / "nowhere", data, verbose=False)
    with pytest.raises(DataError, match="holds text items"):
        headstart.evaluate(run, (["a text"] * 4, ["low", "=high"] * 2), verbose=False)
    with pytest.raises(DataError, match="no part 'test'"):
        headstart.evaluate(run, data, split="test", verbose=False)


def test_frames_are_read_by_the_columns_of_the_fit():
    frame = pd.DataFrame({"note": ["good film", "bad film", "lovely", "awful"] * 6, "mood": ["+", "-"] * 12})
    run = headstart.fit(frame, source="toy", label="mood", item="note", baselines="none", verbose=False)
    found = headstart.evaluate(run, frame.assign(other=1.0), verbose=False)
    assert found.evaluation.n > 0
    assert set(found.predictions["label"]) == {"+", "-"}


def test_a_loaded_model_knows_what_it_was_fitted_on(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3))
    data = (rows, np.where(rows[:, 0] > 0, "up", "down").tolist())
    headstart.fit(data, out=tmp_path / "run", baselines="none", verbose=False)
    judged = headstart.evaluate(headstart.load(tmp_path / "run"), data, verbose=False)
    assert judged.fitted_on == 40
