"""Label Studio's JSON of pictures: rectangles, polygons and brush strokes, as the tool exports them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from headstart.annotations import MaskArray
from headstart.data import read, write_annotations
from headstart.data.annotations.masks.brush import pack_brush
from headstart.errors import DataError
from headstart.types import Dataset, Task

SIZE = {"original_width": 20, "original_height": 10, "image_rotation": 0}


def region(kind, label, **value):
    return {"id": "x", "type": kind, "from_name": "tag", "to_name": "image", **SIZE, "value": {**value, kind: [label]}}


def stroke(label, x0, y0, x1, y1):
    mask = np.zeros((10, 20), bool)
    mask[y0:y1, x0:x1] = True
    return region("brushlabels", label, format="rle", rle=pack_brush(mask))


def export(root, *results, images=("a.png",), **more):
    (root / "images").mkdir(exist_ok=True)
    for name in images:
        Image.new("RGB", (20, 10)).save(root / "images" / name)
    tasks = [
        {"id": k, "data": {"image": f"/data/upload/1/0a1b2c3d-{name}"}, "annotations": [{"id": 1, "result": own}]}
        | more
        for k, (name, own) in enumerate(zip(images, results, strict=True))
    ]
    (root / "export.json").write_text(json.dumps(tasks))
    return root


def test_rectangles_polygons_and_strokes_as_boxes(tmp_path):
    rectangle = region("rectanglelabels", "cat", x=10, y=20, width=50, height=40, rotation=0)
    polygon = region("polygonlabels", "dog", points=[[0, 0], [50, 0], [50, 50]])
    data = read(export(tmp_path, [rectangle, polygon, stroke("cat", 3, 4, 9, 8), {"type": "choices", "value": {}}]))
    assert data.task == Task("box", ("cat", "dog"))
    assert np.allclose(data.y[0].xyxy, [[2, 2, 12, 6], [0, 0, 10, 5], [3, 4, 9, 8]], rtol=0, atol=1e-12)
    assert data.notes[0].endswith("as Label Studio: 1 picture with 3 boxes, 2 classes.")


@pytest.mark.parametrize("count", [1, 2])
def test_strokes_are_objects_where_a_class_has_several(tmp_path, count):
    strokes = [stroke("cell", 0, 0, 4, 4), stroke("cell", 10, 2, 15, 9)][:count]
    data = read(export(tmp_path, strokes), task="mask")
    wanted = np.zeros((10, 20), int)
    for x0, y0, x1, y1 in [(0, 0, 4, 4), (10, 2, 15, 9)][:count]:
        wanted[y0:y1, x0:x1] = 1
    assert data.y[0].classes().tolist() == wanted.tolist()
    instances = data.y[0].instances()
    assert (instances is None) == (count == 1)
    assert count == 1 or len(np.unique(instances)) == 3


def test_what_nobody_finished_is_left_out_and_no_region_is_no_object(tmp_path):
    data = read(export(tmp_path, [stroke("cell", 0, 0, 4, 4)], [], images=("a.png", "b.png")))
    assert [len(boxes) for boxes in data.y] == [1, 0]
    tasks = json.loads((tmp_path / "export.json").read_text())
    tasks[1]["annotations"][0]["was_cancelled"] = True
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    data = read(tmp_path)
    assert data.ids == ("images/a.png",)
    assert any(note.startswith("1 record was rejected or skipped by its annotator") for note in data.notes)


@pytest.mark.parametrize("numbered", [False, True])
def test_masks_are_written_and_read_back(tmp_path, numbered):
    values = np.zeros((10, 20), np.int16)
    values[1:4, 1:4], values[6:9, 5:18], values[0, 0] = 1, 2, -1
    values[5:9, 0:3] = 1
    numbers = np.where(values > 0, values, 0).astype(np.int32)
    numbers[5:9, 0:3] = 3
    y = np.empty(2, object)
    y[:] = [MaskArray(values, numbers if numbered else None), MaskArray(np.zeros((10, 20), np.int16))]
    items = [np.zeros((10, 20, 3), np.uint8), np.full((10, 20, 3), 7, np.uint8)]
    data = Dataset(items, ("a", "b"), "image", Task("mask", ("background", "cell", "leaf")), y)
    said = "1 picture has ignored regions, which Label Studio does not hold; they were left out."
    assert write_annotations(data, tmp_path / "out", format_name="label_studio") == (said,)
    back = read(tmp_path / "out", task="mask")
    assert back.task.labels == data.task.labels
    assert back.y[0].classes().tolist() == np.maximum(values, 0).tolist()
    found = back.y[0].instances()
    assert (found is None) == (not numbered)
    assert not numbered or len(np.unique(found)) == 4


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (region("brushlabels", "a", format="rle", rle=[0, 0, 0, 1]), "cannot be read: it ends before"),
        (region("brushlabels", "a", format="png", rle=[1]), "must be of the format 'rle'"),
        (region("polygonlabels", "a", points=[[0, 0], [1, 1]]), "at least three points"),
        (region("polygonlabels", "a", points=[[0, 0], [1, float("nan")], [2, 2]]), "point in"),
        (region("rectanglelabels", "a", x=1, y=1, width=9, height=9, rotation=30), "is rotated"),
        (region("rectanglelabels", "", x=1, y=1, width=9, height=9), "has no label"),
        (region("rectanglelabels", "a", x=1, y=1, width="wide", height=9), "must be a number"),
        (stroke("a", 0, 0, 2, 2) | {"original_width": 10**9}, "must be a number|too large"),
        (stroke("a", 0, 0, 2, 2) | {"original_width": 10, "original_height": 20}, r"must be of the size \[10, 20\]"),
    ],
)
def test_damaged_regions_are_one_sentence(tmp_path, wrong, words):
    with pytest.raises(DataError, match=words):
        read(export(tmp_path, [wrong]), task="mask").y[0].classes()
