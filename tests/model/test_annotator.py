"""A saved model that annotates items: what is written, what is refused, and unreadable items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from same_label import SameLabel

import headstart
from headstart.annotations import Sentence, Span
from headstart.errors import DigestError, ItemError, ModelFolderError, NoModelError
from headstart.model import AnnotationModel, TransferModel
from headstart.sources import open_source
from headstart.types import Task


@pytest.fixture
def model() -> AnnotationModel:
    return AnnotationModel(open_source("toy"), Task("token", ("PER", "LOC")), SameLabel("LOC"))


@pytest.fixture
def folder(model: AnnotationModel, tmp_path: Path) -> Path:
    return model.save(tmp_path / "run")


def test_a_saved_model_is_opened_by_load(folder: Path) -> None:
    opened = headstart.load(folder)
    assert isinstance(opened, AnnotationModel)
    assert opened.task == Task("token", ("PER", "LOC"))
    assert opened.predict(["to Rome"]) == [(Span(0, 1, "LOC"), Span(1, 2, "LOC"))]
    config = json.loads((folder / "config.json").read_text())
    assert config["problem_type"] == "token_classification"
    assert config["id2label"] == {"0": "PER", "1": "LOC"}


def test_commands_for_models_with_one_answer_say_what_takes_it(folder: Path) -> None:
    with pytest.raises(NoModelError, match=r"a model of the task 'token'.*'headstart predict'"):
        TransferModel.load(folder)


def test_unreadable_items_are_returned_with_their_reasons(model: AnnotationModel) -> None:
    found = model.predict_readable(["one", "", "two words", 7, "three"])
    assert found.index == [0, 2, 4]
    assert [len(spans) for spans in found.found] == [1, 2, 1]
    assert set(found.failures) == {1, 3}


def test_items_that_fail_in_the_head_are_found_by_halves(
    model: AnnotationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SameLabel.annotate

    def annotate(self: SameLabel, source: object, items: list[Sentence], **options: object) -> object:
        if any(item.words[0] == "broken" for item in items):
            raise ItemError("It cannot be read.")
        return real(self, source, items, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(SameLabel, "annotate", annotate)
    found = model.predict_readable(["a", "broken b", "c", "d", "broken e"])
    assert found.index == [0, 2, 3]
    assert found.failures == {1: "It cannot be read.", 4: "It cannot be read."}


def test_a_single_text_is_refused(model: AnnotationModel) -> None:
    with pytest.raises(headstart.errors.DataError, match="give a list of items"):
        model.predict("a text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"annotation_head": {"name": "same label", "facts": {"label": "ORG"}}}, ModelFolderError),
        ({"annotation_head": {"name": "no such head", "facts": {}}}, headstart.errors.UnknownNameError),
        ({"annotation_head": {}}, ModelFolderError),
        ({"task_kind": "box"}, ModelFolderError),
        ({"annotation_head": 7}, ModelFolderError),
        ({"id2label": {"0": "PER", "1": "PER"}}, ModelFolderError),
        ({"format_version": 99}, ModelFolderError),
        ({"sha256": {}}, ModelFolderError),
    ],
)
def test_a_damaged_model_is_one_sentence(folder: Path, change: dict[str, object], error: type[Exception]) -> None:
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(error, match=r"[.)]$"):
        headstart.load(folder)


def test_a_changed_file_is_noticed(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    with pytest.raises(DigestError):
        headstart.load(folder)
