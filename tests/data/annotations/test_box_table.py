"""Tables of boxes under the headers that tools give them."""

from __future__ import annotations

import pytest
from PIL import Image

from headstart.data import read

FOUND = [[4, 5, 24, 15]]
TABLES = {
    "xml_to_csv": "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,40,20,cat,4,5,24,15\n",
    "corners": "image,x1,y1,x2,y2,label\nimages/a.jpg,4,5,24,15,cat\n",
    "left, top, sizes": "image_id,x,y,w,h,class\na,4,5,20,10,cat\n",
    "left, top, width, height": "image_name,bbox_x,bbox_y,bbox_width,bbox_height,label_name\na.jpg,4,5,20,10,cat\n",
    "centres": "file,x_center,y_center,width,height,name\na.jpg,14,10,20,10,cat\n",
    "fractions": "filename,xmin,ymin,xmax,ymax,class\na.jpg,0.1,0.25,0.6,0.75,cat\n",
    "Open Images": "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf\n"
    "a,x,cat,1,0.1,0.6,0.25,0.75,0,0,0\n",
    "list": 'image_id,width,height,bbox,source\na,40,20,"[4.0, 5.0, 20.0, 10.0]",x\n',
    "semicolons": "filename;xmin;ymin;xmax;ymax;class\na.jpg;4;5;24;15;cat\n",
    "without a header": "images/a.jpg,4,5,24,15,cat\n",
    "absolute paths": "path,xmin,ymin,xmax,ymax,class\nC:\\data\\images\\a.jpg,4,5,24,15,cat\n",
}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (40, 20)).save(tmp_path / "images" / f"{name}.jpg")
    return tmp_path


@pytest.mark.parametrize("header", TABLES)
def test_each_header_gives_the_same_box(root, header):
    (root / "boxes.csv").write_text(TABLES[header])
    task = "box" if header == "list" else None  # without a class the columns could be those of any table
    data = read(root, task=task)
    assert data.y[0].xyxy.round(9).tolist() == FOUND
    assert data.task.labels == (("object",) if header == "list" else ("cat",))
    unit = "fractions" if header in ("fractions", "Open Images") else "pixels"
    assert any(note.startswith(f"Read the sides of boxes as {unit};") for note in data.notes)
    assert any("1 picture has no annotation and was left out: 'images/b.jpg'" in note for note in data.notes)


def test_the_path_of_a_table_is_enough(root):
    path = root / "boxes.csv"
    path.write_text(TABLES["corners"])
    assert read(path).ids == ("images/a.jpg",)


def test_rows_without_sides_are_pictures_without_objects_and_splits_are_read(root):
    (root / "boxes.csv").write_text(
        "filename,xmin,ymin,xmax,ymax,class,split,score\na.jpg,4,5,24,15,cat,train,.5\nb.jpg,,,,,,test,\n"
    )
    data = read(root)
    assert [len(boxes) for boxes in data.y] == [1, 0]
    assert data.split.tolist() == ["train", "test"]
    assert data.y[0].scores.tolist() == [0.5]


def test_tables_named_like_splits(root):
    header = "filename,xmin,ymin,xmax,ymax,class\n"
    (root / "train.csv").write_text(header + "a.jpg,4,5,24,15,cat\n")
    (root / "test.csv").write_text(header + "b.jpg,4,5,24,15,cat\n")
    assert read(root).split.tolist() == ["train", "test"]


def test_clipped_and_outside_boxes_are_said(root):
    rows = "a.jpg,30,5,60,15,cat\na.jpg,50,5,60,15,cat\na.jpg,-0.5,0,9,9,cat\n"
    (root / "boxes.csv").write_text("filename,xmin,ymin,xmax,ymax,class\n" + rows)
    data = read(root)
    assert data.y[0].xyxy.tolist() == [[30, 5, 40, 15], [0, 0, 9, 9]]
    words = " ".join(data.notes)
    assert "1 box reaches beyond its picture and was clipped" in words
    assert "1 box lies outside of its picture and was set aside" in words


def test_an_ordinary_table_of_pictures_stays_a_classification(root):
    (root / "labels.csv").write_text("filename,class,width\na.jpg,cat,3\nb.jpg,dog,4\n")
    assert read(root).task.kind == "classification"
