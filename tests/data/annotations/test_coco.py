"""COCO as its tools write it: instances files, Roboflow's folders, crowds, run-length codes; agreement with its API."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from headstart.data import read
from headstart.data.annotations.masks.run_lengths import (
    compress,
    counts_part,
    decode_counts,
    encode_counts,
    expand,
    fill_polygon,
)  # fmt: skip
from headstart.data.annotations.masks.shapes import Shape, mask_of_shapes
from headstart.data.annotations.picture_files import PictureFacts
from headstart.errors import DataError

SQUARE = [[2, 2, 8, 2, 8, 8, 2, 8]]
CATEGORIES = [{"id": 3, "name": "dog", "supercategory": "animal"}, {"id": 1, "name": "cat", "supercategory": "animal"}]


def picture(path, size=(20, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def content(*annotations, images=("a.jpg",), categories=CATEGORIES):
    listed = [
        {"id": k + 10, "file_name": name, "width": 20, "height": 12, "license": 1} for k, name in enumerate(images)
    ]
    numbered = [{"id": k, "image_id": 10, "area": 1.0, "iscrowd": 0} | one for k, one in enumerate(annotations)]
    return json.dumps({"info": {"year": 2017}, "licenses": [], "images": listed, "annotations": numbered,
                       "categories": categories})  # fmt: skip


def test_boxes_crowds_and_classes_in_the_order_of_the_file(tmp_path):
    picture(tmp_path / "a.jpg")
    crowd = {"category_id": 3, "bbox": [0, 0, 20, 12], "iscrowd": 1}
    (tmp_path / "a.json").write_text(content({"category_id": 1, "bbox": [1.5, 2, 4, 6]}, crowd))
    data = read(tmp_path)
    assert data.task.labels == ("dog", "cat")
    assert data.y[0].xyxy.tolist() == [[1.5, 2, 5.5, 8], [0, 0, 20, 12]]
    assert (data.y[0].labels.tolist(), data.y[0].ignored.tolist()) == ([1, 0], [False, True])


def test_the_layout_of_the_challenge(tmp_path):
    for split in ("train2017", "val2017"):
        picture(tmp_path / split / f"{split}.jpg")
        (tmp_path / "annotations").mkdir(exist_ok=True)
        text = content({"category_id": 1, "bbox": [1, 1, 4, 4]}, images=(f"{split}.jpg",))
        (tmp_path / "annotations" / f"instances_{split}.json").write_text(text)
        (tmp_path / "annotations" / f"captions_{split}.json").write_text(text.replace("category_id", "caption"))
    data = read(tmp_path)
    assert dict(zip(data.ids, data.split.tolist(), strict=True)) == {
        "train2017/train2017.jpg": "train", "val2017/val2017.jpg": "val",
    }  # fmt: skip
    assert data.absent == ("dog",)
    one = read(tmp_path / "annotations" / "instances_val2017.json")
    assert (one.ids, one.split) == (("val2017/val2017.jpg",), None)


def test_the_folders_of_roboflow(tmp_path):
    super_class = [{"id": 0, "name": "animals", "supercategory": "none"}, *CATEGORIES]
    for split in ("train", "valid"):
        picture(tmp_path / split / "a_jpg.rf.0123.jpg")
        text = content({"category_id": 1, "bbox": [1, 1, 4, 4]}, images=("a_jpg.rf.0123.jpg",), categories=super_class)
        (tmp_path / split / "_annotations.coco.json").write_text(text)
    data = read(tmp_path)
    assert sorted(zip(data.ids, data.split.tolist(), strict=True)) == [
        ("train/a_jpg.rf.0123.jpg", "train"), ("valid/a_jpg.rf.0123.jpg", "val"),
    ]  # fmt: skip
    assert data.absent == ("animals", "dog")


def test_masks_of_polygons_and_codes(tmp_path):
    picture(tmp_path / "a.jpg")
    runs = np.zeros((12, 20), bool)
    runs[5:11, 5:19] = True
    coded = {"size": [12, 20], "counts": encode_counts(runs)}
    crowd = np.zeros((12, 20), bool)
    crowd[0] = True
    (tmp_path / "a.json").write_text(content(
        {"category_id": 1, "segmentation": SQUARE, "bbox": [2, 2, 6, 6]},
        {"category_id": 3, "segmentation": coded, "bbox": [5, 5, 14, 6]},
        {"category_id": 3, "segmentation": {"size": [12, 20], "counts": compress(encode_counts(crowd))}, "iscrowd": 1},
    ))  # fmt: skip
    data = read(tmp_path, task="mask")
    assert data.task.labels == ("background", "dog", "cat")
    classes, objects = data.y[0].classes(), data.y[0].instances()
    assert (classes[0] == -1).all()
    assert (classes[6, 6], objects[6, 6]) == (2, 1)  # the smaller object lies on the larger one
    assert (classes[10, 10], objects[10, 10]) == (1, 2)
    boxes = read(tmp_path)
    assert boxes.y[0].xyxy.tolist() == [[2, 2, 8, 8], [5, 5, 19, 11], [0, 0, 20, 1]]
    assert any("--task mask" in note for note in boxes.notes)


def test_the_box_of_an_object_without_a_shape_does_not_count_in_the_mask(tmp_path):
    """A fault: its pixels were taught as background."""
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "b.jpg")
    square = {"category_id": 1, "bbox": [2, 2, 6, 6], "segmentation": SQUARE}
    boxes = [{"category_id": 3, "bbox": box, "segmentation": []} for box in ([4, 0, 8, 10], [-9, 0, 5, 5])]
    lost = {"category_id": 1, "bbox": [30, 1, 4, 4], "image_id": 11}
    (tmp_path / "a.json").write_text(content(square, *boxes, lost, images=("a.jpg", "b.jpg")))
    data = read(tmp_path, task="mask")
    wanted = np.zeros((12, 20), int)
    wanted[:10, 4:12] = -1
    wanted[2:8, 2:8] = 2
    assert data.ids == ("a.jpg",)
    assert data.y[0].classes().tolist() == wanted.tolist()
    assert data.y[0].instances().max() == 1
    notes = " ".join(data.notes)
    assert "3 objects have no shape, and their boxes do not count in masks" in notes
    assert "1 picture keeps none of its objects and was set aside: 'b.jpg'." in notes


def test_unknown_classes_and_pictures_are_set_aside_and_named(tmp_path):
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "new.jpg")
    good = {"category_id": 1, "bbox": [1, 1, 4, 4]}
    (tmp_path / "a.json").write_text(content(good, good | {"category_id": 9}, good | {"image_id": 77}, good))
    data = read(tmp_path)
    assert len(data.y[0]) == 1
    words = " ".join(data.notes)
    assert "1 annotation is of an unknown class and was set aside: " in words
    assert "annotations[1] (category_id 9)" in words
    assert "annotations[2] (image_id 77)" in words
    assert "1 box repeats another of the same class" in words
    assert "1 picture has no annotation and was left out: 'new.jpg'" in words


def test_two_files_for_one_picture_are_refused(tmp_path):
    picture(tmp_path / "a.jpg")
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(content({"category_id": 1, "bbox": [1, 1, 4, 4]}))
    with pytest.raises(DataError, match=r"list 'a\.jpg'; give the path of one"):
        read(tmp_path)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools with numpy 2
def test_polygons_and_codes_agree_with_the_api():
    api = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for trial in range(60):
        width, height = rng.integers(4, 50, 2).tolist()
        xy = rng.uniform(-10, 60, (rng.integers(3, 12), 2))
        xy = np.round(xy) if trial % 2 else xy
        theirs = api.decode(api.merge(api.frPyObjects([xy.ravel().tolist()], height, width))).astype(bool)
        assert (fill_polygon(xy, (width, height)) == theirs).all()
        code = api.encode(np.asfortranarray(theirs.astype(np.uint8)))["counts"].decode()
        assert compress(encode_counts(theirs)) == code
        assert (decode_counts(expand(code), (width, height)) == theirs).all()


def test_parts_of_shapes_are_those_of_the_whole_picture():
    rng = np.random.default_rng(0)
    for _ in range(60):
        width, height = rng.integers(1, 30, 2).tolist()
        mask = rng.random((height, width)) < rng.choice([0.0, 0.02, 0.5, 1.0])
        (left, top), part = counts_part(encode_counts(mask), (width, height))
        again = np.zeros_like(mask)
        again[top : top + part.shape[0], left : left + part.shape[1]] = part
        assert (again == mask).all()
    with pytest.raises(ValueError, match="add up"):
        counts_part([1, 2], (2, 2))


def test_many_shapes_of_a_large_picture_need_the_memory_of_one():
    side, count = 2000, 100
    corners = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]])
    shapes = [(Shape((corners + 10 * k,)), 1 + k % 3, True) for k in range(count)]
    mask = mask_of_shapes(shapes, PictureFacts((side, side)), None, "")
    tracemalloc.start()
    numbers = mask.instances()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (np.bincount(numbers.ravel())[1:] == 81).all()
    assert peak < 2.5 * numbers.nbytes  # a picture for each shape would be 25 times as much
