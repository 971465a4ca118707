"""Streams of tasks."""

from __future__ import annotations

import csv
import itertools
import json

import numpy as np
import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, SourceError, UsageError
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift


def numbers(seed, labels, n=30):
    """Rows of three numbers whose mean depends on the label."""
    rng = np.random.default_rng(seed)
    names = np.array(sorted(labels))[rng.integers(len(labels), size=n)]
    centres = {label: np.random.default_rng(ord(label)).normal(size=3) * 3 for label in labels}
    return np.array([centres[name] for name in names]) + rng.normal(size=(n, 3)), names.tolist()


TASKS = [numbers(1, "ab"), numbers(2, "cd"), numbers(3, "be")]


def pictures(shift):
    """The toy's source task and its target task, as a stream."""
    return [shift.source_data, shift.train.take(range(60))]


def test_moments_give_the_joint_fit_in_any_order():
    """Also where a class comes in two tasks, and numbers are standardised by the sums."""
    orders = list(itertools.permutations(TASKS))[::2]
    models = [headstart.continual(order, source="vector", verbose=False).model for order in orders]
    rows = np.random.default_rng(0).normal(size=(20, 3)) * 3
    for model in models[1:]:
        assert model.task == models[0].task
        assert np.allclose(model.head.weight, models[0].head.weight, rtol=0, atol=1e-8)
        assert np.allclose(model.head.scores(rows), models[0].head.scores(rows), rtol=0, atol=1e-8)


def test_the_matrix_is_that_of_models_fitted_on_the_tasks_so_far():
    run = headstart.continual(TASKS, source="vector", verbose=False)
    assert np.isnan(run.matrix.matrix[0, 1:]).all()
    two = headstart.continual(TASKS[:2], source="vector", verbose=False)
    assert np.array_equal(run.matrix.matrix[:2, :2], two.matrix.matrix, equal_nan=True)
    assert [step["new_classes"] for step in run.record["steps"]] == [2, 2, 1]
    assert run.matrix.metrics()["average_accuracy"].value > 0.7


@pytest.mark.parametrize(
    ("strategy", "memory"), [("full", None), ("ewc", None), ("lwf", 20), ("der", 20), ("replay", None), ("joint", None)]
)
def test_every_strategy_learns_a_stream(strategy, memory, tmp_path):
    shift = toy_shift()
    training = {"epochs": 1, "learning_rate": 0.01}
    run = headstart.continual(
        pictures(shift), strategy=strategy, memory=memory, source=shift.source, training=training, verbose=False,
        out=tmp_path / "run",
    )  # fmt: skip
    assert run.matrix.matrix.shape == (2, 2)
    assert run.matrix.matrix[0, 0] > 0.5
    kept = {"joint": 77 + 48, "replay": 77 + 48}.get(strategy, memory or 0)
    assert run.record["steps"][-1]["memory"] == pytest.approx(kept, abs=2)
    again = TransferModel.load(tmp_path / "run", source=run.model.source)
    items = shift.test.items[:5]
    assert again.predict(items) == run.model.predict(items)


def test_the_command_writes_matrix_and_metrics(tmp_path, capsys):
    rows = [
        (*row, name, task) for task, (x, y) in zip("xyz", TASKS, strict=True) for row, name in zip(x, y, strict=True)
    ]
    with (tmp_path / "all.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("p", "q", "r", "kind", "day"), *rows])
    words = [
        "continual",
        str(tmp_path / "all.csv"),
        "--task-col",
        "day",
        "--label",
        "kind",
        "-o",
        str(tmp_path / "run"),
    ]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"] == ["x", "y", "z"]
    assert found == json.loads((tmp_path / "run" / "continual.json").read_text()) | {
        "data": [str(tmp_path / "all.csv")], "out": str(tmp_path / "run"),
    }  # fmt: skip
    with (tmp_path / "run" / "matrix.csv").open() as file:
        matrix = list(csv.reader(file))
    assert [row[0] for row in matrix] == ["after", "x", "y", "z"]
    assert float(matrix[3][1]) == pytest.approx(found["matrix"][2][0], abs=1e-3)
    assert "average accuracy" in (tmp_path / "run" / "README.md").read_text()
    assert main(words) == 0
    assert "all so far" in capsys.readouterr().out


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(DataError, match="needs two or more tasks"):
        headstart.continual(TASKS[:1], source="vector", verbose=False)
    with pytest.raises(UsageError, match="'moments' uses no memory"):
        headstart.continual(TASKS, memory=5)
    with pytest.raises(UsageError, match="replays items of a memory"):
        headstart.continual(TASKS, strategy="der", memory=0)
    with pytest.raises(UsageError, match="trains nothing"):
        headstart.continual(TASKS, training={"epochs": 3})
    with pytest.raises(SourceError, match="use the strategy 'moments'"):
        headstart.continual(TASKS, source="vector", strategy="full", verbose=False)
    with pytest.raises(DataError, match="one class per item"):
        headstart.continual([TASKS[0], (["a", "b"] * 5, ["+", "-"] * 5)], source="vector", verbose=False)
