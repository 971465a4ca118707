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


def notes_of(data, words):
    return [note for note in data.notes if words in note]


def test_ellipses_are_boxes_and_masks(tmp_path):
    """One in the middle, radii of 5 and 2 pixels; the second is turned by 90 degrees."""
    plain = region("ellipselabels", "cell", x=50, y=50, radiusX=25, radiusY=20, rotation=0)
    turned = region("ellipselabels", "leaf", x=50, y=50, radiusX=20, radiusY=10, rotation=90)  # 4 and 1 pixels
    data = read(export(tmp_path, [plain], [turned], images=("a.png", "b.png")))
    assert np.allclose(data.y[0].xyxy, [[5, 3, 15, 7]], rtol=0, atol=1e-9)
    assert np.allclose(data.y[1].xyxy, [[9, 1, 11, 9]], rtol=0, atol=1e-9)
    masks = read(tmp_path, task="mask").y
    x, y = np.meshgrid(np.arange(20) + 0.5, np.arange(10) + 0.5)
    for mask, wanted in zip(
        masks, [((x - 10) / 5) ** 2 + ((y - 5) / 2) ** 2, (x - 10) ** 2 + ((y - 5) / 4) ** 2], strict=True
    ):
        assert not (mask.classes() > 0)[wanted > 1.4].any()
        assert (mask.classes() > 0)[wanted < 0.8].all()


def test_labels_of_their_own_tag_are_joined_with_their_region(tmp_path):
    drawn = {"id": "k", "type": "rectangle", **SIZE, "value": {"x": 10, "y": 20, "width": 50, "height": 40}}
    named = {"id": "k", "type": "labels", **SIZE, "value": {**drawn["value"], "labels": ["cat", "pet"]}}
    bare = drawn | {"id": "other"}
    data = read(export(tmp_path, [named, drawn, bare]))
    assert data.task.labels == ("cat",)
    assert np.allclose(data.y[0].xyxy, [[2, 2, 12, 6]], rtol=0, atol=1e-9)
    assert notes_of(data, "record 1, result[1] (pet)")
    assert notes_of(data, "1 region has no label and was set aside")


def test_pictures_whose_regions_cannot_be_read_are_not_ones_without_objects(tmp_path):
    box = region("rectanglelabels", "cat", x=10, y=20, width=50, height=40, rotation=0)
    point = region("keypointlabels", "nose", x=10, y=20, width=1)
    note = {"id": "x", "type": "textarea", "value": {"text": ["blurred"]}}
    data = read(export(tmp_path, [box, note], [point], [note], images=("a.png", "b.png", "c.png")))
    assert (data.ids, [len(own) for own in data.y]) == (("images/a.png", "images/c.png"), [1, 0])
    assert notes_of(data, "record 2, result[0] (keypointlabels)")
    assert notes_of(data, "1 picture keeps none of its objects and was set aside: 'images/b.png'")


def test_an_empty_or_cancelled_annotation_does_not_hide_a_full_one(tmp_path):
    box = region("rectanglelabels", "cat", x=10, y=20, width=50, height=40, rotation=0)
    done = [{"was_cancelled": True, "result": [box, box]}, {"result": []}, {"result": [box]}]
    data = read(export(tmp_path, [], annotations=done))
    assert len(data.y[0]) == 1
    assert notes_of(data, "1 annotation is a further one of its record and was not read")


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
        (region("ellipselabels", "a", x=1, y=1, radiusX=-2, radiusY=9), "radiusX in .* must be a number from 0"),
        (region("rectanglelabels", "", x=1, y=1, width=9, height=9), "has no label"),
        (region("rectanglelabels", "a", x=1, y=1, width="wide", height=9), "must be a number"),
        (stroke("a", 0, 0, 2, 2) | {"original_width": 10**9}, "must be a number|too large"),
        (stroke("a", 0, 0, 2, 2) | {"original_width": 10, "original_height": 20}, r"must be of the size \[10, 20\]"),
    ],
)
def test_damaged_regions_are_one_sentence(tmp_path, wrong, words):
    with pytest.raises(DataError, match=words):
        read(export(tmp_path, [wrong]), task="mask").y[0].classes()
