"""``certainty.safetensors``: the same after a round trip, refused where it is damaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DigestError, ModelFolderError
from headstart.heads import HeadSearch
from headstart.io import file_digest, read_json, write_json
from headstart.model import TransferModel
from headstart.model.files.certainty import CERTAINTY_FILE, check_certainty, read_certainty, write_certainty
from headstart.sources import open_source
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

X = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
Y = np.arange(24) % 3
TASK = Task("classification", ("a", "b", "c"))


@pytest.fixture(scope="module")
def model():
    source, groups = open_source("vector"), np.arange(24) // 2
    features = Features(X, Y, tuple(f"ümlaut {i}" for i in range(24)), groups, source.info)
    return FrozenFeatures(HeadSearch(("lda",))).solve(source, features, TASK, seed=0)


def test_a_loaded_model_gives_the_same_sets(model, tmp_path):
    loaded = TransferModel.load(model.save(tmp_path / "run"))
    assert loaded.certainty.ids[3] == "ümlaut 3"
    assert loaded.certainty.how == "leave-one-group-out"
    new = np.random.default_rng(1).normal(size=(9, 3))
    np.testing.assert_array_equal(loaded.conformal().p_values(new), model.conformal().p_values(new))
    assert loaded.predict_sets(new, 0.8) == model.predict_sets(new, 0.8)


def test_a_folder_of_an_earlier_release_opens_and_promises_nothing(model, tmp_path):
    folder = replace(model, certainty=None).save(tmp_path / "run")
    assert not (folder / CERTAINTY_FILE).exists()
    assert TransferModel.load(folder).certainty is None


def test_a_file_that_was_changed_or_added_is_refused(model, tmp_path):
    folder = model.save(tmp_path / "run")
    write_certainty(folder, replace(model.certainty, how="magic"))
    with pytest.raises(DigestError):
        TransferModel.load(folder)
    other = replace(model, certainty=None).save(tmp_path / "other")
    write_certainty(other, model.certainty)
    with pytest.raises(ModelFolderError, match="was not written with this model"):
        TransferModel.load(other)


def at(array, value, place=0):
    changed = array.copy()
    changed.reshape(-1)[place] = value
    return changed


HOSTILE = {
    "a NaN score": lambda c: replace(c, scores=at(c.scores, np.nan)),
    "an infinite score": lambda c: replace(c, scores=at(c.scores, np.inf)),
    "scores of other labels": lambda c: replace(c, scores=c.scores[:, :2]),
    "integer scores": lambda c: replace(c, scores=c.scores.astype(int)),
    "an index out of range": lambda c: replace(c, index=at(c.index, 99, -1)),
    "a negative index": lambda c: replace(c, index=at(c.index, -1)),
    "a repeated index": lambda c: replace(c, index=at(c.index, 1)),
    "no index": lambda c: replace(c, index=c.index[:0], scores=c.scores[:0]),
    "too few ids": lambda c: replace(c, ids=c.ids[:-1]),
    "an unknown label": lambda c: replace(c, y=at(c.y, 3)),
    "a negative label": lambda c: replace(c, y=at(c.y, -1)),
    "labels that are no codes": lambda c: replace(c, y=c.y.astype(float)),
    "too few groups": lambda c: replace(c, groups=c.groups[:-1]),
    "a negative group": lambda c: replace(c, groups=at(c.groups, -1)),
    "a huge group": lambda c: replace(c, groups=at(c.groups, 2**40)),
    "rows of another width": lambda c: replace(c, rows=c.rows[:, :2]),
    "a NaN row": lambda c: replace(c, rows=at(c.rows, np.nan)),
    "solved of another size": lambda c: replace(c, solved=c.solved[:, :2]),
    "leverage above 1": lambda c: replace(c, leverage=at(c.leverage, 1.5)),
    "a NaN leverage": lambda c: replace(c, leverage=at(c.leverage, np.nan)),
    "within of too many classes": lambda c: replace(c, within=np.eye(5)),
    "within that is not square": lambda c: replace(c, within=c.within[:2]),
    "within that is not symmetric": lambda c: replace(c, within=np.triu(c.within)),
    "within that is not positive": lambda c: replace(c, within=-c.within),
    "within that is singular": lambda c: replace(c, within=np.zeros_like(c.within)),
    "within that is ill-conditioned": lambda c: replace(c, within=np.diag([1.0, 1e-18, 1e-18])),
    "an infinite within": lambda c: replace(c, within=at(c.within, np.inf)),
    "a negative weight": lambda c: replace(c, weights=-np.ones(24)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_numbers_are_refused(model, case, tmp_path):
    folder = model.save(tmp_path / "run")
    write_certainty(folder, HOSTILE[case](model.certainty))
    config = read_json(folder / "config.json")
    config["sha256"][CERTAINTY_FILE] = file_digest(folder / CERTAINTY_FILE)
    write_json(folder / "config.json", config)
    with pytest.raises(ModelFolderError, match="is damaged"):
        TransferModel.load(folder)


def test_parts_that_are_missing_or_of_a_wrong_kind_are_refused(model, tmp_path):
    from headstart.io import read_tensors, write_tensors

    write_certainty(tmp_path, model.certainty)
    tensors = read_tensors(tmp_path / CERTAINTY_FILE)
    for name in ("about", "y", "index", "scores"):
        write_tensors(tmp_path / CERTAINTY_FILE, {key: value for key, value in tensors.items() if key != name})
        with pytest.raises((ValueError, KeyError)):
            read_certainty(tmp_path)
    for about in (b"{", b'{"ids": 3, "how": "x"}', b'{"ids": [1], "how": "x"}', b"\xff"):
        write_tensors(tmp_path / CERTAINTY_FILE, tensors | {"about": np.frombuffer(about, np.uint8)})
        with pytest.raises((ValueError, KeyError)):
            read_certainty(tmp_path)
    write_tensors(tmp_path / CERTAINTY_FILE, tensors | {"index": tensors["index"].astype(float)})
    with pytest.raises(ValueError, match="'index' of type"):
        read_certainty(tmp_path)


def test_a_regression_is_checked_too():
    source, y = open_source("vector"), X[:, :2].astype(float)
    features = Features(X, y, tuple(map(str, range(24))), None, source.info)
    model = FrozenFeatures().solve(source, features, Task("regression", ("s", "t")), seed=0)
    check_certainty(model.certainty, model.head, model.task)
    for bad in (replace(model.certainty, y=y[:, :1]), replace(model.certainty, y=at(y, np.inf))):
        with pytest.raises(ValueError, match="'y'"):
            check_certainty(bad, model.head, model.task)
    with pytest.raises(ValueError, match="'scores'"):
        check_certainty(replace(model.certainty, scores=at(y, -np.inf)), model.head, model.task)
