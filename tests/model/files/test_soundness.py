"""Kind: numbers of a saved model that no fit gives. NaN, infinite, out of range or of other sizes: refused on load."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.errors import HeadstartError, ModelFolderError
from headstart.heads import HeadSearch, select_head
from headstart.heads.out_of_distribution import class_distance, energy, neighbour_distance
from headstart.io import file_digest, read_json, read_tensors, write_json, write_tensors
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.types import Task

KINDS = {
    "classification": Task("classification", ("a", "b", "c")),
    "multilabel": Task("multilabel", ("a", "b", "c")),
    "regression": Task("regression", ("a", "b", "c")),
}


def model_of(kind: str) -> TransferModel:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)) * [1, 10, 100, 1000]
    scores = x / [1, 10, 100, 1000] @ rng.normal(size=(4, 3))
    y = {"classification": scores.argmax(1), "multilabel": (scores > 0).astype(float), "regression": scores}[kind]
    head = select_head(x, y, KINDS[kind], search=HeadSearch(("ridge",)))
    return TransferModel(open_source("vector"), KINDS[kind], head, head.moments)


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def saved(kind, tmp_path_factory) -> Path:
    return model_of(kind).save(tmp_path_factory.mktemp(kind) / "model")


def sign(folder: Path) -> None:
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", config | {"sha256": {n: file_digest(folder / n) for n in config["sha256"]}})


def changed(saved: Path, place: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """A copy of the model with a changed file, and its digest stated."""
    place.mkdir()
    for file in saved.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    if name.endswith(".safetensors"):
        write_tensors(place / name, change(read_tensors(place / name)))
    else:
        content = read_json(place / name)
        (place / name).write_text(json.dumps(change(content)))
    sign(place)
    return place


def put(key: str, value: float, place: int = 0) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(tensors: dict[str, Any]) -> dict[str, Any]:
        array = tensors[key].copy()
        array.flat[place] = value
        return tensors | {key: array}

    return change


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("key", ["head.weight", "head.bias", "features.shift", "features.scale"])
def test_numbers_of_a_head(saved, kind, tmp_path, key, value):
    if key not in read_tensors(saved / "model.safetensors"):
        pytest.skip("this head has none")
    folder = changed(saved, tmp_path / "m", "model.safetensors", put(key, value))
    if (kind, key, value) == ("classification", "head.bias", -np.inf):  # a class that was forgotten
        assert TransferModel.load(folder).predict_proba(np.ones((1, 4)))[0, 0] == 0
        return
    with pytest.raises(ModelFolderError, match=key):
        TransferModel.load(folder)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-320])
def test_a_scale_that_divides_by_nothing(saved, tmp_path, value):
    def change(tensors: dict[str, Any]) -> dict[str, Any]:
        return tensors | {"features.shift": np.zeros(4), "features.scale": np.array([1.0, 1.0, value, 1.0])}

    with pytest.raises(ModelFolderError, match="damaged"):
        TransferModel.load(changed(saved, tmp_path / "m", "model.safetensors", change))


@pytest.mark.parametrize(
    "tensors",
    [
        {"head.weight": np.ones((5, 3))},
        {"head.weight": np.ones((4, 2)), "head.bias": np.ones(2)},
        {"head.weight": np.ones((4, 3), np.int64)},
        {"head.bias": np.ones((3, 1))},
        {"head.bias": np.full(3, -np.inf)},
        {"features.columns": np.array([-1, 0, 1, 2])},
        {"features.columns": np.array([0, 1, 2, 4])},
        {"features.columns": np.array([0.0, 1.0, 2.0, 3.0])},
        {"features.shift": np.zeros(4), "features.scale": np.ones(3)},
        {"features.shift": np.zeros(4), "features.scale": np.ones(0)},
    ],
    ids=lambda tensors: ",".join(f"{name} {value.dtype}{value.shape}" for name, value in tensors.items()),
)
def test_arrays_that_do_not_fit(saved, tmp_path, tensors):
    with pytest.raises(ModelFolderError, match="damaged"):
        TransferModel.load(changed(saved, tmp_path / "m", "model.safetensors", lambda old: old | tensors))


CALIBRATIONS = {
    "classification": [
        *(
            {"temperature": value}
            for value in ([0.0], [float("nan")], [-1.0], [float("inf")], [1e300], [], [1, 2], "1")
        ),
        *({"shares": value} for value in ([0, 0, 0], [-0.5, 1, 0.5], [1, 1], [float("nan"), 0, 1], [9, 0, 0])),
        *({"class_weight": value} for value in ([-1, 1, 1], [1, 1], [float("inf"), 1, 1])),
        {"other": [float("nan")]},
    ],
    "multilabel": [
        *({"slope": value} for value in ([-1, 1, 1], [float("nan"), 1, 1], [1, 1], [float("inf"), 1, 1], [1e30, 1, 1])),
        *({"intercept": value} for value in ([float("nan"), 1, 1], [1, 1], [1e30, 1, 1])),
    ],
    "regression": [{"other": [float("inf")]}],
}


def test_what_calibrates_a_head(saved, kind, tmp_path):
    for number, values in enumerate(CALIBRATIONS[kind]):
        folder = changed(saved, tmp_path / str(number), "calibration.json", lambda old, v=values: old | v)
        with pytest.raises(ModelFolderError, match="damaged"):
            TransferModel.load(folder)


@pytest.mark.parametrize("key", ["mean", "scatter", "cross", "target_mean", "target_scatter", "n", "w"])
def test_kept_moments(saved, tmp_path, key):
    for number, value in enumerate((np.nan, np.inf, -1e12 if key in ("n", "w", "scatter") else np.nan)):
        folder = changed(saved, tmp_path / str(number), "moments.safetensors", put(key, value))
        with pytest.raises(HeadstartError):
            TransferModel.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c | {"num_labels": 10**12},
        lambda c: c | {"id2label": {"0": "a", "1": "a", "2": "b"}},
        lambda c: c | {"id2label": {"0": 1, "1": "a", "2": "b"}},
        lambda c: c | {"label_column": {"a": 1}},
        lambda c: c | {"feature_map": c["feature_map"] | {"blocks": [[0, 10**12]]}},
        lambda c: c | {"feature_map": c["feature_map"] | {"blocks": [[-4, 0]]}},
        lambda c: c | {"feature_map": c["feature_map"] | {"blocks": [[4, 0]]}},
        lambda c: c | {"feature_map": c["feature_map"] | {"blocks": []}},
        lambda c: c | {"feature_map": c["feature_map"] | {"width": 10**15}},
        lambda c: c | {"feature_map": c["feature_map"] | {"width": -1}},
        lambda c: c | {"feature_map": c["feature_map"] | {"name": 3}},
        lambda c: c | {"feature_map": c["feature_map"] | {"scalings": ["none", "none"]}},
        lambda c: c | {"head": c["head"] | {"lambda": -1.0}},
        lambda c: c | {"head": c["head"] | {"lambda": float("inf")}},
        lambda c: c | {"head": c["head"] | {"class_names_as_rows": float("nan")}},
        lambda c: c | {"head": c["head"] | {"left_out_loss": float("inf")}},
        lambda c: c | {"format_version": "1"},
        lambda c: c | {"columns": 3},
        lambda c: c | {"source": {"reference": {"name": 3}, "info": {}}},
    ],
)
def test_entries_of_the_configuration(saved, tmp_path, change):
    with pytest.raises(HeadstartError):
        TransferModel.load(changed(saved, tmp_path / "m", "config.json", change))


def test_a_link_out_of_the_folder_is_refused(saved, tmp_path):
    folder = changed(saved, tmp_path / "m", "calibration.json", lambda old: old)
    (tmp_path / "elsewhere").write_bytes((folder / "calibration.json").read_bytes())
    (folder / "calibration.json").unlink()
    (folder / "calibration.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFolderError, match="outside the model's folder"):
        TransferModel.load(folder)


def test_a_sound_model_is_loaded(saved):
    assert TransferModel.load(saved).predict_proba(np.ones((2, 4))).shape == (2, 3)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_temperatures_of_scores_out_of_scope(temperature):
    for score in (energy, class_distance):
        with pytest.raises(HeadstartError, match="temperature"):
            score(np.eye(2), temperature)
    with pytest.raises(HeadstartError, match="'k'"):
        neighbour_distance(np.eye(2), np.eye(2), k=0)
