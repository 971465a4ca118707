"""Pascal VOC: the 1-based convention, boxes of no area, splits, and the round trip."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.data import read

OBJECT = (
    "<object><name>{0}</name><difficult>{5}</difficult><bndbox><xmin>{1}</xmin><ymin>{2}</ymin><xmax>{3}</xmax>"
    "<ymax>{4}</ymax></bndbox></object>"
)


def voc(root, boxes, *, name="a", size=(40, 30)):
    (root / "JPEGImages").mkdir(exist_ok=True)
    (root / "Annotations").mkdir(exist_ok=True)
    Image.new("RGB", size).save(root / "JPEGImages" / f"{name}.jpg")
    objects = "".join(OBJECT.format(*box) for box in boxes)
    (root / "Annotations" / f"{name}.xml").write_text(
        f"<annotation>\n<filename>{name}.jpg</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"\n{objects}</annotation>"
    )
    return root


def test_first_and_last_pixel_counted_from_one(tmp_path):
    data = read(voc(tmp_path, [("cat", 1, 1, 40, 30, 0), ("dog", 11, 6, 20, 15, 1)]))
    assert data.task.labels == ("cat", "dog")
    assert data.y[0].xyxy.tolist() == [[0, 0, 40, 30], [10, 5, 20, 15]]
    assert data.y[0].ignored.tolist() == [False, True]
    assert data.y[0].size == (40, 30)


def test_boxes_of_no_area_are_set_aside_and_named(tmp_path):
    data = read(voc(tmp_path, [("cat", 1, 1, 40, 30, 0), ("cat", 5, 5, 5, 5, 0)]))
    assert len(data.y[0]) == 1
    (note,) = [note for note in data.notes if "no area" in note]
    assert note.startswith("1 box has no area and was set aside: ")
    assert "a.xml', line 3 (cat, 0 x 0 pixels at 4, 4)" in note


@pytest.mark.realdata
def test_the_two_boxes_of_no_area_of_bccd(real_data):
    data = read(real_data / "detection" / "bccd_voc.tar")
    assert len(data) == 364
    assert sum(len(boxes) for boxes in data.y) == 4886
    assert any(note.startswith("2 boxes have no area") for note in data.notes)
    assert np.unique(data.split, return_counts=True)[1].tolist() == [72, 205, 87]
