"""The first note about what was read names the format that was recognised."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import Boxes, MaskArray
from headstart.data import read, write_annotations
from headstart.types import Dataset, Task

PICTURES = [np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 9, np.uint8)]


def written(folder, name, kind):
    y = np.empty(2, object)
    if kind == "box":
        y[:] = [Boxes(np.array([[0, 0, 3, 2], [1, 1, 5, 5]]), np.array([0, 1]), (8, 8)), Boxes.empty((8, 8))]
    else:
        y[:] = [MaskArray(np.eye(8, dtype=np.int16)), MaskArray(2 * np.eye(8, dtype=np.int16))]
    labels = ("cup", "dish") if kind == "box" else ("background", "cup", "dish")
    data = Dataset(PICTURES, ("a", "b"), "image", Task(kind, labels), y)
    write_annotations(data, folder, format_name=name)
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("pascal_voc", "box", "Pascal VOC"), ("coco", "box", "COCO"), ("yolo", "box", "YOLO"),
        ("csv", "box", "a table of boxes"), ("coco", "mask", "COCO"), ("masks", "mask", "mask files"),
    ],
)  # fmt: skip
def test_the_format_of_pictures_is_named_with_what_was_read(tmp_path, name, kind, title):
    folder = written(tmp_path / "data", name, kind)
    counted = "2 pictures with 2 boxes, 2 classes" if kind == "box" else "2 pictures, 2 classes"
    assert read(folder, task=kind).notes[0] == f"Read '{folder}' as {title}: {counted}."
