"""Pascal VOC: the 1-based convention, boxes of no area, splits, and the round trip."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

from headstart.data import read
from headstart.errors import DataError

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


def test_a_picture_whose_boxes_are_all_set_aside_is_no_picture_without_objects(tmp_path):
    """A fault: it counted as empty, so that a detection of its object was a false alarm."""
    voc(tmp_path, [("cat", 5, 5, 5, 5, 0), ("cat", 90, 90, 99, 99, 0)], name="lost")
    voc(tmp_path, [("cat", 1, 1, 9, 9, 0), ("cat", 5, 5, 5, 5, 0)], name="part")
    data = read(voc(tmp_path, [], name="empty"))
    assert [(name, len(boxes)) for name, boxes in zip(data.ids, data.y, strict=True)] == [
        ("JPEGImages/empty.jpg", 0), ("JPEGImages/part.jpg", 1),
    ]  # fmt: skip
    assert "1 picture keeps none of its objects and was set aside: 'JPEGImages/lost.jpg'." in data.notes


@pytest.mark.realdata
def test_the_two_boxes_of_no_area_of_bccd(real_data):
    data = read(real_data / "detection" / "bccd_voc.tar")
    assert len(data) == 364
    assert sum(len(boxes) for boxes in data.y) == 4886
    assert any(note.startswith("2 boxes have no area") for note in data.notes)
    assert np.unique(data.split, return_counts=True)[1].tolist() == [72, 205, 87]


@pytest.mark.parametrize("stated", ["stored", "shown", "none"])
def test_boxes_of_turned_pictures(tmp_path, stated):
    """The stated size tells whether a box is of the stored pixels or of the picture as it is shown."""
    exif = Image.Exif()
    exif[274] = 6
    (tmp_path / "a").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "a" / "a.jpg", exif=exif)
    size = {"stored": (40, 30), "shown": (30, 40), "none": (0, 0)}[stated]
    sides = ("cat", 2, 1, 30, 40, 0) if stated == "shown" else ("cat", 1, 1, 40, 29, 0)
    text = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" + OBJECT.format(*sides)
    (tmp_path / "a" / "a.xml").write_text(f"<annotation><filename>a.jpg</filename>{text}</annotation>")
    data = read(tmp_path)
    assert (data.y[0].size, data.y[0].xyxy.tolist()) == ((30, 40), [[1, 0, 30, 40]])
    assert any("stored turned (EXIF)" in note for note in data.notes)


def test_lists_of_names_are_the_split(tmp_path):
    for name in ("a", "b", "c"):
        voc(tmp_path, [("cat", 1, 1, 9, 9, 0)], name=name)
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for split, names in {"train": "a", "val": "b", "trainval": "a\nb", "cat_train": "a -1"}.items():
        (lists / f"{split}.txt").write_text(names + "\n")
    data = read(tmp_path)
    assert data.split.tolist() == ["train", "val", ""]
    assert any("1 picture is in none of them" in note for note in data.notes)
    (lists / "test.txt").write_text("a\n")
    with pytest.raises(
        DataError, match=r"'a' in .*stands in the lists of 'train' and of 'test'|of 'test' and of 'train'"
    ):
        read(tmp_path)


def test_files_and_pictures_without_a_partner(tmp_path):
    voc(tmp_path, [("cat", 1, 1, 9, 9, 0)])
    voc(tmp_path, [("cat", 1, 1, 9, 9, 0)], name="gone")
    (tmp_path / "JPEGImages" / "gone.jpg").rename(tmp_path / "JPEGImages" / "new.jpg")
    data = read(tmp_path)
    words = " ".join(data.notes)
    assert data.ids == ("JPEGImages/a.jpg",)
    assert "1 annotation has no picture and was set aside" in words
    assert "1 picture has no annotation and was left out: 'JPEGImages/new.jpg'" in words


def test_an_archive_is_named_as_the_user_knows_it(tmp_path):
    voc(tmp_path, [("cat", 5, 5, 5, 5, 0), ("cat", 1, 1, 9, 9, 0)])
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as file:
        for path in (*tmp_path.glob("*/*.jpg"), *tmp_path.glob("*/*.xml")):
            file.write(path, path.relative_to(tmp_path))
    data = read(tmp_path / "data.zip")
    assert len(data.y[0]) == 1
    assert any("data.zip/Annotations/a.xml', line 3" in note for note in data.notes)
