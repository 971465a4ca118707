"""``head.skops``: types that are not listed are refused before anything is imported or made."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from headstart.checks import toy_task
from headstart.errors import DigestError, ModelFolderError, SaveError
from headstart.heads import HEADS, HeadSearch, select_head
from headstart.model import TransferModel
from headstart.model.files.estimator import MAX_DEPTH, read_estimator, write_estimator
from headstart.sources import open_source
from headstart.types import Task


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "head.skops"
    write_estimator(path, GaussianNB().fit([[0.0], [1.0]], [0, 1]))
    return path


def rewritten(path: Path, change) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["schema.json"] = json.dumps(change(json.loads(parts["schema.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("loader", "module", "name"),
    [
        ("ObjectNode", "subprocess", "Popen"),
        ("FunctionNode", "os", "system"),
        ("ConstructorFromReduceNode", "builtins", "eval"),
        ("OperatorFuncNode", "operator", "methodcaller"),
        ("PartialNode", "functools", "partial"),
        ("MethodNode", "sklearn.naive_bayes", "GaussianNB"),
        ("JsonNode", "planted_module", "Thing"),
    ],
)
def test_another_type_is_refused_and_nothing_is_imported(saved, tmp_path, monkeypatch, loader, module, name):
    (tmp_path / "planted_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def plant(schema):
        part = {"__class__": name, "__module__": module, "__loader__": loader, "content": {}, "__id__": 7}
        schema["content"]["content"]["planted"] = part
        return schema

    with pytest.raises(ModelFolderError, match="which no head of headstart has"):
        read_estimator(rewritten(saved, plant))


def test_a_file_that_is_none_is_refused(saved):
    whole = saved.read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2]):
        saved.write_bytes(content)
        with pytest.raises(ModelFolderError, match="damaged"):
            read_estimator(saved)


def test_nonsense_in_listed_parts_is_refused(saved):
    def empty(schema):
        return schema | {"content": 3}

    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(rewritten(saved, empty))


def test_a_bottomless_file_is_refused(saved):
    def deepen(schema):
        inner = schema
        for _ in range(MAX_DEPTH + 1):
            inner = {"deeper": inner}
        return inner

    with pytest.raises(ModelFolderError, match="nested more deeply"):
        read_estimator(rewritten(saved, deepen))


def test_a_large_file_is_refused_unread(saved, monkeypatch):
    monkeypatch.setattr("headstart.model.files.estimator.MAX_BYTES", 100)
    with pytest.raises(ModelFolderError, match="unpacks to"):
        read_estimator(saved)


def test_an_estimator_that_could_not_be_read_back_is_not_saved(tmp_path):
    with pytest.raises(SaveError, match="SGDClassifier"):
        write_estimator(tmp_path / "head.skops", SGDClassifier().fit([[0.0], [1.0]], [0, 1]))


def test_a_model_folder_guards_its_head(tmp_path):
    x, y, task = toy_task("classification", n=30)
    model = TransferModel(open_source("vector"), task, select_head(x, y, task, search=HeadSearch(("knn",))))
    folder = model.save(tmp_path / "model")
    kept = (folder / "head.skops").read_bytes()
    (folder / "head.skops").write_bytes(kept[:-1])
    with pytest.raises(DigestError):
        TransferModel.load(folder)
    (folder / "head.skops").unlink()
    with pytest.raises(ModelFolderError, match="missing"):
        TransferModel.load(folder)
    (folder / "head.skops").write_bytes(kept)
    assert TransferModel.load(model.save(folder)).predict(x[:1]) == model.predict(x[:1])  # a run of ours is replaced
    solved = TransferModel(open_source("vector"), task, select_head(x, y, task)).save(tmp_path / "solved")
    (solved / "head.skops").write_bytes(kept)
    with pytest.raises(ModelFolderError, match="was not written with this model"):
        TransferModel.load(solved)
    assert np.isfinite(model.outputs(x)).all()


@pytest.mark.parametrize("name", ["naive_bayes", "stacking"])
def test_a_file_that_names_classes_where_they_once_stood_is_read(tmp_path, name):
    """Format: older versions name ``one_by_one.OneByOne`` and ``closed_form.ClosedForm``, at the door of the heads."""
    x = np.random.default_rng(0).normal(size=(30, 3))
    y = (x[:, :2] > 0).astype(int)
    fitted = HEADS[name].make(Task("multilabel", ("a", "b")), n=30, d=3, seed=0).fit(x, y)
    write_estimator(tmp_path / "head.skops", fitted)
    once = {"contenders.closed_form": "closed_form", "estimator.per_output": "one_by_one"}

    def older(schema):
        text = json.dumps(schema)
        for today, then in once.items():
            text = text.replace(f'"headstart.heads.{today}"', f'"headstart.heads.{then}"')
        assert text != json.dumps(schema)
        return json.loads(text)

    read = read_estimator(rewritten(tmp_path / "head.skops", older))
    np.testing.assert_array_equal(read.decision_function(x), fitted.decision_function(x))
