"""YOLO as darknet, Ultralytics, Roboflow and labelImg write it."""

from __future__ import annotations

import pytest
from PIL import Image

from headstart.data import read
from headstart.data.annotations.yolo import _is_label


def picture(path, size=(40, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


LINES = "1 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.5 1\n"
SIDES = [[15, 5, 25, 15], [0, 0, 20, 20]]


@pytest.mark.parametrize("names", ["[cat, dog]", "\n  0: cat\n  1: dog", "\n- cat\n- dog"])
def test_a_dataset_of_ultralytics(tmp_path, names):
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / f"{split}.jpg")
        text(tmp_path / "labels" / split / f"{split}.txt", LINES)
    text(tmp_path / "data.yaml", f"path: ../datasets/x\ntrain: images/train\nval: images/val\nnc: 2\nnames: {names}\n")
    data = read(tmp_path)
    assert data.task.labels == ("cat", "dog")
    assert (data.y[0].xyxy.tolist(), data.y[0].labels.tolist()) == (SIDES, [1, 0])
    assert dict(zip(data.ids, data.split.tolist(), strict=True)) == {
        "images/train/train.jpg": "train", "images/val/val.jpg": "val",
    }  # fmt: skip


def test_the_folders_of_roboflow(tmp_path):
    for split in ("train", "valid", "test"):
        picture(tmp_path / split / "images" / "a.jpg")
        text(tmp_path / split / "labels" / "a.txt", LINES)
    text(
        tmp_path / "data.yaml",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: ['cat', 'dog']",
    )
    data = read(tmp_path)
    assert sorted(zip(data.ids, data.split.tolist(), strict=True)) == [
        ("test/images/a.jpg", "test"), ("train/images/a.jpg", "train"), ("valid/images/a.jpg", "val"),
    ]  # fmt: skip


def test_label_files_beside_pictures_with_classes(tmp_path):
    picture(tmp_path / "a.jpg")
    text(tmp_path / "a.txt", LINES)
    text(tmp_path / "classes.txt", "cat\ndog\nfox\n")
    data = read(tmp_path)
    assert (data.task.labels, data.absent) == (("cat", "dog"), ("fox",))


def test_a_picture_without_a_label_file_has_no_objects_and_is_counted(tmp_path):
    picture(tmp_path / "images" / "a.jpg")
    picture(tmp_path / "images" / "b.jpg")
    picture(tmp_path / "images" / "c.jpg")
    text(tmp_path / "labels" / "a.txt", LINES)
    text(tmp_path / "labels" / "b.txt", "")
    text(tmp_path / "labels" / "d.txt", LINES)
    data = read(tmp_path)
    assert [len(boxes) for boxes in data.y] == [2, 0, 0]
    words = " ".join(data.notes)
    assert "1 picture has no label file and counts as one without objects: 'images/c.jpg'" in words
    assert "1 annotation has no picture and was set aside" in words


def test_polygons_become_boxes_or_masks(tmp_path):
    picture(tmp_path / "images" / "a.jpg")
    text(tmp_path / "labels" / "a.txt", "0 0.25 0.25 0.5 0.25 0.5 0.75 0.25 0.75\n")
    assert read(tmp_path).y[0].xyxy.tolist() == [[10, 5, 20, 15]]
    mask = read(tmp_path, task="mask").y[0]
    assert mask.classes()[5:15, 10:20].all()
    assert mask.classes().sum() == 100


def test_predictions_hold_confidences_and_key_points_are_left(tmp_path):
    picture(tmp_path / "images" / "a.jpg")
    text(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.25 0.5 0.75\n")
    assert read(tmp_path).y[0].scores.tolist() == [0.75]
    text(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.25 0.5 0.4 0.4 2 0.6 0.6 2\n")
    text(tmp_path / "data.yaml", "names: [cat]\nkpt_shape: [2, 3]\n")
    assert read(tmp_path).y[0].xyxy.tolist() == [[15, 5, 25, 15]]


def test_a_class_number_without_a_name_is_set_aside(tmp_path):
    picture(tmp_path / "images" / "a.jpg")
    text(tmp_path / "labels" / "a.txt", LINES + "7 0.5 0.5 0.1 0.1\n")
    text(tmp_path / "data.yaml", "names: [cat, dog]\n")
    data = read(tmp_path)
    assert len(data.y[0]) == 2
    assert any("unknown class" in note and "a.txt', line 3 (class 7)" in note for note in data.notes)


@pytest.mark.parametrize(
    ("line", "is_label"),
    [
        (b"1 0.5 0.5 0.25 0.5", True),
        (b"0.0 5e-1 .5 -0.1 1 0.9", True),
        (b"  3 " + b"0.5 " * 2000, True),
        (b"1 0.5 0.5 0.25", False),
        (b"cat 0.5 0.5 0.25 0.5", False),
        (b"1 0.5 nan 0.25 0.5", False),
        (b"1 1_0 0.5 0.25 0.5", False),
        (b"1 " + b"1" * 50_000 + b" x", False),
        (b"1" + b" 11111111111111111111111111111111111111" * 12 + b"x", False),
        (b"", False),
    ],
)
def test_a_line_is_told_from_text_in_a_time_that_grows_with_its_length(line, is_label):
    """A fault: digits without blanks could be split between the parts of a pattern in exponentially many ways."""
    assert _is_label(line) == is_label
