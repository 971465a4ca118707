"""A head whose probabilities follow from vector scaling: evidence, certainty, saved model, hostile files, updates."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart import fit, load
from headstart.errors import ModelFolderError
from headstart.heads import HeadSearch, select_head
from headstart.io import file_digest, read_json
from headstart.linear.calibration import log_loss, softmax
from headstart.model import TransferModel
from headstart.tasks.classification import logit_terms
from headstart.transfer.run import Run
from headstart.types import Task


def drawn(n: int, seed: int = 0) -> tuple[Any, Any]:
    """Class 0 far from the others, 1 and 2 close: one temperature does not suit the three."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    means = np.array([[6.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    return means[y] + rng.normal(size=(n, 2)) * np.array([[3.0], [1.0], [0.4]])[y], y


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    rows, y = drawn(600)
    names = np.array(["a", "b", "c"])[y].tolist()
    return fit((rows, names), baselines="none", out=tmp_path_factory.mktemp("scaled") / "run", verbose=False)


def test_the_fit_takes_it_says_so_and_is_better_on_new_items(run: Run) -> None:
    found, head = run.record["certainty"], run.model.head
    assert found["calibration"]["chosen"] == "vector scaling"
    assert found["calibration"]["difference"] < -found["calibration"]["standard_error"]
    assert {"error", "error_before", "error_temperature"} <= set(found["reliability"])
    rows, y = drawn(3000, seed=1)
    scores = head.scores(rows.astype(np.float32))
    ours = -np.log(run.model.predict_proba(rows)[np.arange(3000), y]).mean()
    assert ours < log_loss(scores / head.calibration["temperature"][0], y) - 0.05
    factor, offset = logit_terms(head.calibration)
    assert run.model.predict_proba(rows) == pytest.approx(softmax(scores * factor + offset), abs=1e-5)


def test_left_out_outputs_are_by_parameters_of_other_folds(run: Run) -> None:
    model = run.model
    kept = model.certainty
    assert kept is not None
    left = kept.outputs(model.task, model.head.calibration)
    assert np.abs(left - softmax(kept.scores * logit_terms(model.head.calibration)[0])).max() > 1e-3
    every = np.arange(len(left))
    loss = -np.log(left[every, kept.labels]).mean()
    assert loss == pytest.approx(model.head.loss, rel=1e-6)
    assert loss == pytest.approx(run.record["certainty"]["calibration"]["log_loss"], rel=1e-6)


def test_a_promised_error_and_sets_hold_on_new_items(run: Run) -> None:
    rows, y = drawn(4000, seed=2)
    outputs, selective = run.model.predict_proba(rows), run.model.selective()
    given = selective.answered(outputs, 0.1)
    assert 200 < given.sum() < 4000
    assert (outputs.argmax(axis=1) != y)[given].mean() < 0.1
    sets = run.model.conformal().sets(rows.astype(np.float32), 0.9)
    assert sets[np.arange(4000), y].mean() == pytest.approx(0.9, abs=0.04)


def test_the_saved_model_predicts_the_same_in_a_newer_format(run: Run) -> None:
    rows = drawn(50, seed=3)[0]
    assert run.path is not None
    opened = load(run.path)
    assert np.array_equal(opened.predict_proba(rows), run.model.predict_proba(rows))
    assert read_json(run.path / "config.json")["format_version"] == 3
    assert "one temperature" in (run.path / "report.html").read_text()


def test_a_model_with_one_temperature_keeps_the_old_format(tmp_path: Path) -> None:
    rows = np.linspace(0, 1, 40)[:, None]
    model = fit((rows, ["low"] * 20 + ["high"] * 20), baselines="none", out=tmp_path / "run", verbose=False)
    assert read_json(tmp_path / "run" / "config.json")["format_version"] == 1
    assert model.record["certainty"]["calibration"]["chosen"] == "temperature"


@pytest.mark.parametrize(
    "change",
    [{"factor": [1.0, 1.0]}, {"factor": [1.0, -1.0, 1.0]}, {"offset": [0.0, 1e9, 0.0]}, {"offset": None},
     {"factor": [1.0, float("nan"), 1.0]}],
)  # fmt: skip
def test_hostile_factors_are_refused(run: Run, tmp_path: Path, change: dict[str, list[float] | None]) -> None:
    folder = run.model.save(tmp_path / "model")
    values = read_json(folder / "calibration.json") | change
    (folder / "calibration.json").write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
    config = read_json(folder / "config.json")
    config["sha256"]["calibration.json"] = file_digest(folder / "calibration.json")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError):
        TransferModel.load(folder)


def test_updates_keep_it_and_a_new_class_keeps_the_logits_of_the_temperature(run: Run) -> None:
    rows, names = [[0.0, 200.0 + k] for k in range(200)], ["d"] * 200
    model = run.model.update(rows, names)
    calibration = model.head.calibration
    assert calibration["factor"][:3] == pytest.approx(run.model.head.calibration["factor"])
    assert (calibration["factor"][3], calibration["offset"][3]) == (1.0, 0.0)
    assert model.predict([[0.0, 250.0]]) == ["d"]
    back, new = model.forget(rows, names), drawn(50, seed=4)[0]
    known = back.predict_proba(new)[:, :3]
    assert known / known.sum(axis=1, keepdims=True) == pytest.approx(run.model.predict_proba(new), abs=1e-4)


def test_an_ordinal_head_keeps_its_own_probabilities() -> None:
    rows, y = drawn(300)
    head = select_head(rows, y, Task("classification", ("a", "b", "c")))
    assert head.calibration_choice is not None
    own = select_head(rows, y, Task("classification", ("1", "2", "3")), search=HeadSearch(("ordinal",)))
    assert own.calibration_choice is None
