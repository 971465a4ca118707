"""The saved model: same probabilities elsewhere, exact update, exact removal, damage found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.engine.extract import extract
from headstart.errors import DataError, DigestError, ItemError, ModelFolderError, SourceError, UsageError
from headstart.heads import HeadSearch
from headstart.heads.spectral.spectra import solve_spectrum
from headstart.io import read_json, write_json
from headstart.linear.ridge import ridge_coefficients
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.tasks import encode_labels, task_methods
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 5)) * 4


def rows_of(codes: np.ndarray) -> np.ndarray:
    return CENTRES[codes] + np.random.default_rng(len(codes)).normal(size=(len(codes), 5))


def fitted(codes: np.ndarray, x: np.ndarray, labels: tuple[str, ...]) -> TransferModel:
    source = open_source("vector")
    features = Features(extract(source, x).rows, codes, tuple(map(str, range(len(x)))), None, source.info)
    return FrozenFeatures(HeadSearch(("ridge",))).solve(source, features, Task("classification", labels), seed=0)


def refit(model: TransferModel, x: np.ndarray, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The same features and λ solved from scratch on these rows."""
    targets = task_methods(model.task).targets(encode_labels(labels, model.task), model.task.num_outputs)
    rows = extract(model.source, x).rows
    return ridge_coefficients(solve_spectrum(rows, targets, model.head.feature_map)[0], model.head.lam)


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


def test_an_item_that_cannot_be_read_is_neither_learnt_nor_forgotten(text_model):
    for method in (text_model.update, text_model.forget):
        with pytest.raises(ItemError, match="Item 40 cannot be encoded: The text is empty"):
            method([*TEXTS[:40], "", "a parcel"], ["p"] * 42)


def test_rows_are_learnt_in_memory_that_does_not_grow(text_model, monkeypatch):
    most = []

    def counted(self, rows):
        most.append(len(rows))
        return apply(self, rows)

    kind = type(text_model.head.feature_map)
    apply = kind.__call__
    monkeypatch.setattr(kind, "__call__", counted)
    texts = [f"parcel {k}" for k in range(500)]
    plain = replace(text_model, certainty=None)  # the rows that a certainty keeps are bounded: 64 MiB
    assert plain.update(texts, ["p"] * 500).moments.n == text_model.moments.n + 500
    assert (max(most), sum(most)) == (32, 500)


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
    return FrozenFeatures().solve(source, rows, Task("classification", ("p", "r", "w")), seed=0)


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
    direct = text_model.update(["lamp broken"] * 15, ["broken"] * 15)
    again = loaded.update(["lamp broken"] * 15, ["broken"] * 15)
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
    with pytest.raises(DigestError, match="damaged or is another one"):
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


@pytest.mark.parametrize("item", ["a parcel", Path("parcel.txt"), b"a parcel", iter(["a parcel"])])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_readable"])
def test_a_single_item_is_refused(text_model, method, item):
    with pytest.raises(DataError, match="give a list of items"):
        getattr(text_model, method)(item)


def test_a_single_item_is_not_learnt(text_model):
    with pytest.raises(DataError, match="give a list of items"):
        text_model.update("lamp", list("lamp"))


@pytest.fixture(scope="module")
def summaries() -> tuple[pd.DataFrame, TransferModel]:
    """Texts beside their summaries, and a model of the summaries."""
    frame = pd.DataFrame({"text": TEXTS[1:] + TEXTS[:1], "summary": TEXTS, "label": [*"prw"] * 15}, index=range(7, 52))
    return frame, headstart.fit(frame, item="summary", source="toy", baselines="none").model


def test_a_frame_is_read_by_the_columns_of_the_model(summaries):
    frame, model = summaries
    expected = model.predict_proba(TEXTS)
    np.testing.assert_array_equal(model.predict_proba(frame), expected)
    np.testing.assert_array_equal(model.predict_proba(frame.drop(columns="label")), expected)
    np.testing.assert_array_equal(model.predict_readable(frame).outputs, expected)
    assert model.predict(frame) == model.predict(frame["summary"]) == frame["label"].tolist()
    assert model.predict(frame[:0]) == []
    with pytest.raises(DataError, match="no column 'summary'"):
        model.predict(frame[["text"]])


def test_a_loaded_model_knows_its_column_of_items(summaries, tmp_path):
    frame, model = summaries
    loaded = TransferModel.load(model.save(tmp_path / "model"))
    assert (loaded.item_column, loaded.label_columns) == ("summary", ["label"])
    assert loaded.predict(frame) == frame["label"].tolist()


def test_a_hugging_face_dataset_is_read_by_the_columns_of_the_model(summaries):
    datasets = pytest.importorskip("datasets")
    frame, model = summaries
    assert model.predict(datasets.Dataset.from_pandas(frame, preserve_index=False)) == frame["label"].tolist()


def test_the_numbers_of_a_frame_are_found_by_their_names():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"width": rng.normal(size=40), "height": rng.normal(size=40)})
    frame["label"] = np.where(frame["width"] > 0, "wide", "thin")
    model = headstart.fit(frame, baselines="none").model
    assert model.item_column is None
    assert model.predict(frame[["label", "height", "width"]]) == model.predict(frame[["width", "height"]].to_numpy())
    with pytest.raises(DataError, match="lacks 1 of the 2 columns"):
        model.predict(frame[["width"]])


def test_lists_of_numbers_of_a_frame_need_no_name():
    rows = rows_of(np.arange(40) % 4)
    frame = pd.DataFrame({"cells": list(rows), "label": [*"abcd"] * 10})
    model = headstart.fit(frame, baselines="none").model
    assert model.predict(pd.DataFrame({"vector": list(rows)})) == model.predict(rows)


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["abc"], Task("regression", ("y",))),
        ([[1.0]], Task("regression", ("y", "z"))),
        ([float("nan")], Task("regression", ("y",))),
        (["ab"], Task("multilabel", ("a", "b"))),
        ([3], Task("multilabel", ("a", "b"))),
        ([None], Task("classification", ("a", "b"))),
        ([float("nan")], Task("classification", ("a", "b"))),
    ],
)
def test_labels_of_the_wrong_shape_are_one_sentence(labels, task):
    with pytest.raises(DataError):
        encode_labels(labels, task)


def test_a_missing_label_is_no_new_class():
    codes = RNG.integers(0, 2, 20)
    with pytest.raises(DataError, match="must be one name or number"):
        fitted(codes, rows_of(codes), ("a", "b")).update(CENTRES[:1], [None])


def test_forgetting_a_whole_class_makes_it_impossible():
    """What subtraction leaves of the class is rounding, not a share."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        codes = rng.permutation(np.repeat([0, 1, 2], [12, 9, 7]))
        x, names = rows_of(codes), np.array(["a", "b", "c"])
        source = open_source("vector")
        rows = Features(extract(source, x).rows, codes, tuple(map(str, range(28))), None, source.info)
        model = FrozenFeatures(HeadSearch(("lda",))).solve(
            source, rows, Task("classification", ("a", "b", "c")), seed=0
        )
        gone = codes == 2
        left = model.forget(x[gone], names[codes[gone]].tolist())
        assert left.predict_proba(x)[:, 2].max() == 0.0


def test_another_body_is_refused(text_model, tmp_path):
    folder = text_model.save(tmp_path / "model")
    with pytest.raises(SourceError, match="give that one or fit again"):
        TransferModel.load(folder, source=open_source("vector"))
    config = read_json(folder / "config.json")
    config["source"]["reference"]["sha256"] = "0" * 64
    write_json(folder / "config.json", config)
    with pytest.raises(SourceError, match="0000000000000000"):
        TransferModel.load(folder)


def test_a_path_out_of_the_folder_is_refused(text_model, tmp_path):
    folder = text_model.save(tmp_path / "model")
    config = read_json(folder / "config.json")
    config["sha256"]["../secret"] = "0" * 64
    write_json(folder / "config.json", config)
    with pytest.raises(ModelFolderError, match="outside the folder"):
        TransferModel.load(folder)


def test_a_model_does_not_replace_a_foreign_folder(text_model, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "precious.jpg").write_text("a picture")
    with pytest.raises(UsageError, match="left alone"):
        text_model.save(tmp_path / "photos")
