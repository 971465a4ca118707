"""``predict --format``: what is found is written in the formats of annotation tools, and read back as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart import fit
from headstart.annotations import Boxes, MaskArray, Sentence
from headstart.cli.demonstration.annotations import made_sentences
from headstart.cli.main import main
from headstart.cli.output.annotation_files import annotation_target
from headstart.data import read
from headstart.errors import DataError, ParameterError, UsageError
from headstart.model.annotator import AnnotatedItems
from headstart.types import Task

TEXTS = "Ada Rossi flew to Paris on Monday .\nIt was late .\n"
PICTURES = [np.zeros((8, 10, 3), np.uint8), np.full((8, 10, 3), 9, np.uint8)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "words"
    fit(made_sentences(60), source="toy", baselines="none", verbose=False).save(folder)
    return folder


@pytest.fixture
def items(tmp_path):
    (tmp_path / "new.txt").write_text(TEXTS)
    return str(tmp_path / "new.txt")


@pytest.mark.parametrize(
    ("name", "out", "file"),
    [
        ("conll", "found", "found/data.conll"), ("conll,scheme=BIOES", "found.conll", "found.conll"),
        ("spans", "found.jsonl", "found.jsonl"), ("spans,form=label_studio", "found", "found/data.json"),
        ("tokens", "found", "found/data.parquet"),
    ],
)  # fmt: skip
def test_spans_come_back(model, items, tmp_path, capsys, name, out, file):
    assert main(["predict", str(model), items, "--format", name, "-o", str(tmp_path / out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["predictions"]
    assert (tmp_path / file).is_file()
    back = read(tmp_path / out)
    assert [item.text for item in back.items] == TEXTS.splitlines()
    found = [[(item.surface(span), span.label) for span in own] for item, own in zip(back.items, back.y, strict=True)]
    assert found == [[(one["text"], one["label"]) for one in row["entities"]] for row in shown]


def test_earlier_predictions_are_kept_unless_it_is_said(model, items, tmp_path, capsys):
    asked = ["predict", str(model), items, "--format", "conll", "-o"]
    for out in ("found", "found.conll"):
        assert main([*asked, str(tmp_path / out)]) == 0
        assert main([*asked, str(tmp_path / out)]) == 2
        assert "add --overwrite." in capsys.readouterr().err
        assert main([*asked, str(tmp_path / out), "--overwrite"]) == 0
    (tmp_path / "found" / "mine.txt").write_text("kept")
    assert main([*asked, str(tmp_path / "found"), "--overwrite"]) == 2
    assert "also holds 'mine.txt'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "yolo", "-o", "x"], "cannot hold spans of words, which are written as conll, spans or tokens"),
        (["--format", "conl", "-o", "x"], "Did you mean 'conll'?"),
        (["--format", "conll"], "name the folder or file to write with --out"),
        (["--format", "conll", "-o", "x.csv"], "or one file that ends in .conll or .txt or .tsv"),
        (["-o", "x.jsonl", "--overwrite"], "--overwrite belongs to --format"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(model, items, capsys, words, said):
    assert main(["predict", str(model), items, *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_folders_of_others_and_inputs_are_left_alone(tmp_path):
    (tmp_path / "a" / "images").mkdir(parents=True)
    with pytest.raises(UsageError, match="something other than predictions of headstart"):
        annotation_target(str(tmp_path / "a"), "coco", "box", [], overwrite=True)
    with pytest.raises(UsageError, match="lie in one another"):
        annotation_target(str(tmp_path / "a"), "coco", "box", [str(tmp_path / "a" / "images")], overwrite=True)
    with pytest.raises(UsageError, match=r"is written as a folder; name it with --out. Got 'x.json'"):
        annotation_target("x.json", "coco", "box", [], overwrite=True)
    with pytest.raises(ParameterError, match="cannot hold boxes"):
        annotation_target("x", "masks", "box", [], overwrite=True)


@pytest.mark.parametrize("name", ["coco", "pascal_voc", "yolo", "csv"])
def test_boxes_that_are_shown_come_back_with_their_scores(tmp_path, name):
    boxes = Boxes(np.array([[0, 0, 4, 2], [1, 1, 9, 7]]), np.array([0, 1]), (10, 8), np.array([0.75, 0.25]), shown=0.5)
    found = AnnotatedItems(PICTURES, [boxes, Boxes.empty((10, 8))], [0, 1], {})
    target = annotation_target(str(tmp_path / "out"), name, "box", [], overwrite=False)
    assert target.write(found.dataset(Task("box", ("cup", "dish")), ("x/a.jpg", "b.jpg")), "runs/cups") == ()
    back = read(tmp_path / "out")
    assert {path.split("/")[-1]: len(own) for path, own in zip(back.ids, back.y, strict=True)} == {
        "a.png": 1,
        "b.png": 0,
    }
    (own,) = [own for own in back.y if len(own)]
    assert (own.xyxy.tolist(), own.scores.tolist()) == ([[0, 0, 4, 2]], [0.75])
    assert "2 pictures with annotations by the model `runs/cups`" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("name", ["coco", "masks", "masks,values=colours"])
def test_masks_come_back(tmp_path, name):
    values = np.zeros((8, 10), np.int16)
    values[1:3, 2:6] = 1
    numbers = values.astype(np.int32)
    found = AnnotatedItems(PICTURES, [MaskArray(values, numbers), MaskArray(0 * values, 0 * numbers)], [0, 1], {})
    target = annotation_target(str(tmp_path / "out"), name, "mask", [], overwrite=False)
    assert target.write(found.dataset(Task("mask", ("background", "cell"))), "runs/cells") == ()
    back = read(tmp_path / "out", task="mask")
    assert back.task.labels == ("background", "cell")
    assert [mask.classes().tolist() for mask in back.y] == [values.tolist(), (0 * values).tolist()]
    assert back.y[0].instances().tolist() == numbers.tolist()


def test_what_a_model_found_is_no_work_of_a_person_in_label_studio(tmp_path):
    """Masks have no scores, nor have pictures and texts in which nothing was found."""
    values = np.zeros((8, 10), np.int16)
    values[1:3, 2:6] = 1
    mask = MaskArray(values, values.astype(np.int32))
    found = AnnotatedItems(PICTURES, [mask, MaskArray(0 * values, 0 * values.astype(np.int32))], [0, 1], {})
    target = annotation_target(str(tmp_path / "out"), "label_studio", "mask", [], overwrite=False)
    target.write(found.dataset(Task("mask", ("background", "cell"))), "runs/cells")
    tasks = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [sorted(task) for task in tasks] == [["data", "predictions"]] * 2
    found = AnnotatedItems([Sentence.of_words(["Ada", "ran"])], [()], [0], {})
    target = annotation_target(str(tmp_path / "a.json"), "spans,form=label_studio", "token", [], overwrite=False)
    target.write(found.dataset(Task("token", ("PER",))), "runs/names")
    (task,) = json.loads((tmp_path / "a.json").read_text())
    assert sorted(task) == ["data", "predictions"]


def test_nothing_to_write_is_one_sentence(tmp_path):
    target = annotation_target(str(tmp_path / "a.jsonl"), "spans", "token", [], overwrite=False)
    with pytest.raises(DataError, match="There is no item with annotations to write to"):
        target.write(AnnotatedItems([], [], [], {}).dataset(Task("token", ("PER",))), "runs/names")
    assert list(tmp_path.iterdir()) == []


def test_models_of_classes_have_no_such_formats(tmp_path, capsys):
    texts, labels = ["good", "fine", "nice", "bad", "poor", "sad"] * 3, (["+"] * 3 + ["-"] * 3) * 3
    fit((texts, labels), source="toy", baselines="none", verbose=False).save(tmp_path / "run")
    assert main(["predict", str(tmp_path / "run"), "good", "--format", "conll", "-o", str(tmp_path / "x")]) == 2
    assert "--format is for models that mark spans, boxes or masks" in capsys.readouterr().err
