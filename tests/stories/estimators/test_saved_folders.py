"""Kind: what is loaded is checked. Files beside a model that came from somebody else, in Python's estimators."""

from __future__ import annotations

import hashlib
import json

import pytest

import headstart
from headstart import TransferClassifier, TransferEncoder
from headstart.errors import HeadstartError, ModelFolderError, ParameterError, SourceError
from headstart.transfer.fit_tasks import load_tasks

TEXTS, LABELS = ["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"]


@pytest.mark.parametrize(
    "content", [{}, {"classes": 3}, {"classes": ["+"]}, {"classes": ["+", "-", "?"]}, {"classes": [None, {}]},
                {"classes": ["+", "+"]}, []],
)  # fmt: skip
def test_classes_that_are_not_those_of_the_model(tmp_path, content):
    TransferClassifier("toy").fit(TEXTS, LABELS).save_pretrained(tmp_path / "m")
    raw = json.dumps(content).encode()
    (tmp_path / "m" / "classes.json").write_bytes(raw)
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["sha256"]["classes.json"] = hashlib.sha256(raw).hexdigest()
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match=r"classes\.json"):
        TransferClassifier.from_pretrained(tmp_path / "m")


@pytest.mark.parametrize(
    "change",
    [
        {"reference": 3}, {"reference": {}}, {"reference": {"name": 5}}, {"reference": {"name": "local:/etc"}},
        {"modality": 5}, {"modality": "smell"}, {"layers": "first"}, {"layers": ["last"]},
    ],
)  # fmt: skip
def test_an_encoder_that_says_something_else_than_what_was_saved(tmp_path, change):
    TransferEncoder("toy").fit(TEXTS).save_pretrained(tmp_path / "e")
    saved = json.loads((tmp_path / "e" / "config.json").read_text())
    saved["encoder"] |= change
    (tmp_path / "e" / "config.json").write_text(json.dumps(saved))
    with pytest.raises((SourceError, ModelFolderError)):
        TransferEncoder.from_pretrained(tmp_path / "e")


@pytest.mark.parametrize("limit", ["ten", float("nan"), -1, True])
def test_a_time_limit_that_is_no_number_of_seconds(limit):
    with pytest.raises(ParameterError, match="time_limit"):
        TransferClassifier("toy", time_limit=limit).fit(TEXTS, LABELS)
    with pytest.raises(ParameterError, match="time_limit"):
        headstart.fit((TEXTS * 5, LABELS * 5), source="toy", time_limit=limit, verbose=False)


@pytest.mark.parametrize("name", ["..", ".", "...", ".hidden"])
def test_the_index_of_several_tasks_names_no_folder_above(tmp_path, name):
    (tmp_path / "tasks.json").write_text(json.dumps({"tasks": {"size": name}}))
    with pytest.raises(HeadstartError, match="damaged"):
        load_tasks(tmp_path)
