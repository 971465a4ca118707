"""The saved model: same probabilities elsewhere, exact update, exact removal, damage found."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from headstart.engine.extract import extract
from headstart.errors import DataError, DigestError, ModelFolderError
from headstart.heads.selection import solve_spectrum
from headstart.io import read_json, write_json
from headstart.linear.ridge import ridge_coefficients
from headstart.model import TransferModel, encode_labels
from headstart.sources import open_source
from headstart.tasks import task_methods
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 5)) * 4


def rows_of(codes: np.ndarray) -> np.ndarray:
    return CENTRES[codes] + np.random.default_rng(len(codes)).normal(size=(len(codes), 5))


def fitted(codes: np.ndarray, x: np.ndarray, labels: tuple[str, ...]) -> TransferModel:
    source = open_source("vector")
    features = Features(extract(source, x).rows, codes, tuple(map(str, range(len(x)))), None, source.info)
    return FrozenFeatures(heads=("ridge",)).fit(source, features, Task("classification", labels), seed=0)


def refit(model: TransferModel, x: np.ndarray, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The same features and λ solved from scratch on these rows."""
    targets = task_methods(model.task).targets(encode_labels(labels, model.task), model.task.num_outputs)
    rows = extract(model.source, x).rows
    return ridge_coefficients(solve_spectrum(rows, targets, model.head.feature_map), model.head.lam)


def test_update_with_a_new_class_equals_the_joint_fit():
    first, more = RNG.integers(0, 3, 60), RNG.integers(1, 4, 40)
    x_first, x_more = rows_of(first), rows_of(more)
    names = np.array(["a", "b", "c", "d"])
    model = fitted(first, x_first, ("a", "b", "c")).update(x_more, names[more].tolist())
    assert model.task.labels == ("a", "b", "c", "d")
    weight, bias = refit(model, np.vstack([x_first, x_more]), [*names[first], *names[more]])
    np.testing.assert_allclose(model.head.weight, weight, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.head.bias, bias, rtol=0, atol=1e-10)
    assert model.predict(CENTRES) == ["a", "b", "c", "d"]


def test_removal_equals_the_refit_without_the_rows():
    codes = RNG.integers(0, 3, 80)
    x, names = rows_of(codes), np.array(["a", "b", "c"])
    model = fitted(codes, x, ("a", "b", "c")).forget(x[:15], names[codes[:15]].tolist())
    weight, bias = refit(model, x[15:], names[codes[15:]].tolist())
    np.testing.assert_allclose(model.head.weight, weight, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.head.bias, bias, rtol=0, atol=1e-10)


def test_update_in_any_order_is_the_same():
    codes = RNG.integers(0, 3, 60)
    x, names = rows_of(codes), np.array(["a", "b", "c"])[codes].tolist()
    start = fitted(codes[:20], x[:20], ("a", "b", "c"))
    forwards = start.update(x[20:40], names[20:40]).update(x[40:], names[40:])
    backwards = start.update(x[40:], names[40:]).update(x[20:40], names[20:40])
    np.testing.assert_allclose(forwards.head.weight, backwards.head.weight, rtol=0, atol=1e-11)


TEXTS = [f"{word} number {i}" for i in range(15) for word in ("parcel", "refund", "password")]


@pytest.fixture(scope="module")
def text_model() -> TransferModel:
    source = open_source("toy")
    rows = Features(source.encode(TEXTS), np.arange(45) % 3, tuple(TEXTS), None, source.info)
    return FrozenFeatures().fit(source, rows, Task("classification", ("p", "r", "w")), seed=0)


def test_a_new_process_and_another_copy_give_the_same_probabilities(text_model, tmp_path):
    text_model.save(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    code = (
        "import sys, numpy as np; from headstart import TransferModel;"
        "np.save(sys.argv[2], TransferModel.load(sys.argv[1]).predict_proba(['a parcel', 'my password']))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there"), str(tmp_path / "p.npy")], check=True)
    expected = text_model.predict_proba(["a parcel", "my password"])
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), expected, rtol=0, atol=1e-6)


def test_a_loaded_model_can_be_taught_further(text_model, tmp_path):
    loaded = TransferModel.load(text_model.save(tmp_path / "model"))
    direct = text_model.update(["lamp broken"] * 3, ["broken"] * 3)
    again = loaded.update(["lamp broken"] * 3, ["broken"] * 3)
    np.testing.assert_allclose(again.head.weight, direct.head.weight, rtol=0, atol=1e-10)
    assert again.predict(["lamp broken"]) == ["broken"]


def test_config_speaks_hugging_face(text_model, tmp_path):
    config = read_json(text_model.save(tmp_path / "model") / "config.json")
    assert config["id2label"] == {"0": "p", "1": "r", "2": "w"}
    assert config["label2id"] == {"p": 0, "r": 1, "w": 2}
    assert config["problem_type"] == "single_label_classification"


def test_damage_is_found(text_model, tmp_path):
    folder = text_model.save(tmp_path / "model")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DigestError, match="damaged or is not the one"):
        TransferModel.load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match="missing"):
        TransferModel.load(folder)


def test_a_newer_format_is_refused(text_model, tmp_path):
    folder = text_model.save(tmp_path / "model")
    write_json(folder / "config.json", read_json(folder / "config.json") | {"format_version": 99})
    with pytest.raises(ModelFolderError, match="update headstart"):
        TransferModel.load(folder)


def test_saving_over_a_model_keeps_it_whole(text_model, tmp_path):
    folder = text_model.save(tmp_path / "model")
    text_model.save(folder)
    assert TransferModel.load(folder).predict(["a parcel"]) == ["p"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_unknown_labels_are_named():
    with pytest.raises(DataError, match="'wasp' is unknown"):
        encode_labels(["wasp"], Task("classification", ("ant", "bee")))
    expected = [[0.0, 1.0], [1.0, 1.0]]
    np.testing.assert_array_equal(encode_labels([["b"], ["a", "b"]], Task("multilabel", ("a", "b"))), expected)
