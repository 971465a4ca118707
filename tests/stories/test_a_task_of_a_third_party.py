"""A kind of task that another package registers goes through read, fit, metrics, predict, saving and reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.cli.parser import build_parser
from headstart.data import read
from headstart.data.labels import KINDS
from headstart.errors import DataError, HeadstartError, ParameterError
from headstart.evaluate.evaluation import evaluate_predictions
from headstart.heads.registry import solved_heads
from headstart.model.files.format import describe_task, read_task
from headstart.reporting import SilentReporter
from headstart.tasks import TASKS, base_task, encode_labels, is_classification
from headstart.tasks.classification import Classification
from headstart.tasks.regression import Regression
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import audit_items
from headstart.types import Task


def near(outputs, y, weights):
    """Share of items whose likeliest grade is the true one or next to it."""
    hit = np.abs(outputs.argmax(axis=1) - y) <= 1
    return (weights * hit).sum(axis=-1) / weights.sum(axis=-1)


@dataclass(frozen=True)
class Grades(Classification):
    """One of several ordered grades an item."""

    main_metric: str = "within_one"
    metrics: Mapping[str, Any] = field(default_factory=lambda: {"within_one": near})

    def targets(self, y, num_outputs):
        """Neighbouring grades share a row of targets."""
        distance = np.abs(np.arange(num_outputs) - np.asarray(y)[:, None])
        rows = np.where(distance == 0, 1.0, np.where(distance == 1, 0.25, 0.0))
        return rows / rows.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Counts(Regression):
    """Counts, which are fitted as logarithms."""

    def targets(self, y, num_outputs):
        return np.log1p(np.asarray(y, dtype=np.float64).reshape(len(y), num_outputs))

    def outputs(self, scores, calibration):  # noqa: ARG002
        return np.expm1(scores)

    def loss(self, outputs, y):
        return ((np.log1p(np.maximum(outputs, 0)) - self.targets(y, outputs.shape[1])) ** 2).mean(axis=1)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    """As another package does it: a line for each task."""
    monkeypatch.setattr(TASKS, "_entries", dict(TASKS._entries))
    TASKS.register("grades", Grades())
    TASKS.register("counts", Counts())


def rows(n=60):
    rng = np.random.default_rng(0)
    grade = np.arange(n) % 3
    return (grade[:, None] * [1.0, -1.0] + rng.normal(scale=0.2, size=(n, 2))).astype(np.float32), grade


def test_a_fit_has_the_tasks_own_metric_and_targets(tmp_path):
    x, grade = rows()
    run = headstart.fit(
        (x, [str(g) for g in grade]), task="grades", source="vector", out=tmp_path / "run", verbose=False
    )
    assert run.model.task == Task("grades", ("0", "1", "2"), run.model.task.column)
    assert run.evaluation.main == "within_one"
    assert run.evaluation.metrics["within_one"].value == 1.0
    assert run.evaluation.confusion is not None
    assert run.model.predict(x[:3]) == ["0", "1", "2"]
    opened = headstart.load(tmp_path / "run")
    assert opened.task.kind == "grades"
    np.testing.assert_array_equal(opened.predict_proba(x), run.model.predict_proba(x))
    judged = headstart.evaluate(tmp_path / "run", (x, [str(g) for g in grade]), verbose=False)
    assert judged.evaluation.main == "within_one"
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_head_is_fitted_to_the_tasks_own_targets():
    x, _ = rows()
    counts = np.round(np.expm1(2 + x[:, :1])).astype(float)
    ours = headstart.fit((x, counts[:, 0]), task="counts", source="vector", heads=["ridge"], verbose=False)
    plain = headstart.fit((x, counts[:, 0]), task="regression", source="vector", heads=["ridge"], verbose=False)
    error = [np.abs(np.array(run.model.predict(x)) - counts[:, 0]).mean() for run in (ours, plain)]
    assert error[0] < 0.3 * error[1]


def test_commands_offer_it_and_an_unknown_one_is_refused():
    assert build_parser().parse_args(["fit", "a.csv", "--task", "grades"]).task == "grades"
    x, grade = rows()
    with pytest.raises(ParameterError, match="one of None, 'classification', 'counts', 'grades', 'multilabel'"):
        headstart.fit((x, grade), task="grade", source="vector", verbose=False)


def test_it_is_served_by_what_serves_its_form_of_labels():
    task = Task("grades", ("a", "b"))
    assert is_classification(task)
    assert base_task(task).kind == "classification"
    assert solved_heads(task) == solved_heads(base_task(task))
    assert encode_labels(["b", "a"], task).tolist() == [1, 0]
    found = evaluate_predictions(task, [0, 1, 0], np.eye(2)[[0, 1, 1]], resamples=50)
    assert list(found.metrics)[:2] == ["within_one", "accuracy"]


@pytest.mark.parametrize("unit", ["token", "patch", "frame"])
def test_a_unit_and_a_kind_are_saved_where_they_are_not_the_usual_ones(unit):
    usual = describe_task(Task("classification", ("a", "b"), "label"))
    assert {"unit", "task_kind"} & set(usual) == set()
    task = Task("grades", ("a", "b"), "label", unit)
    saved = json.loads(json.dumps(describe_task(task)))
    assert saved == usual | {"unit": unit, "task_kind": "grades"}
    assert read_task(saved) == task
    with pytest.raises(ValueError, match="an unknown task"):
        read_task(saved | {"unit": "word"})
    with pytest.raises(ValueError, match="an unknown task"):
        read_task(saved | {"task_kind": "unheard"})


def test_a_task_checks_its_shape():
    for wrong in ({"unit": "word"}, {"kind": ""}):
        with pytest.raises(HeadstartError, match="parameter of Task"):
            Task(**{"kind": "classification", "labels": ("a", "b"), **wrong})


def test_the_kinds_that_are_read_are_the_bases_of_all_tasks():
    assert {TASKS[kind].base for kind in TASKS} == set(KINDS)
    assert all(TASKS[kind].base == kind for kind in KINDS)


def test_a_fit_refuses_labels_of_parts_of_items():
    data = read((["a b", "c d"], ["x", "y"]))
    tokens = replace(data, task=Task("classification", ("x", "y"), unit="token"))
    with pytest.raises(DataError, match=r"one label for each whole item, and .* holds spans of items"):
        audit_items(tokens, RunContext(SilentReporter()))


@dataclass(frozen=True)
class Cautious(Grades):
    """Grades with a calibration of their own."""

    def calibrate(self, scores, y, sample_weight=None):
        return {"temperature": 2 * super().calibrate(scores, y, sample_weight)["temperature"]}


def test_a_calibration_of_its_own_is_used_for_many_scores_too():
    scores, y = np.random.default_rng(0).normal(size=(3, 20, 3)), np.arange(20) % 3
    plain, cautious = Grades().calibrate_each(scores, y), Cautious().calibrate_each(scores, y)
    ratios = [one["temperature"] / other["temperature"] for one, other in zip(cautious, plain, strict=True)]
    np.testing.assert_allclose(ratios, 2, rtol=1e-12)
