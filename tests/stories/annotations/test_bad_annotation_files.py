"""Bad annotation files: each is one sentence with what is wrong, where, what is allowed and what was found."""

from __future__ import annotations

import json
import re
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.cli.main import main
from headstart.data import read
from headstart.errors import UsageError

BILLION = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><annotation>&b;</annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
SIDES = "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"


def voc(objects="", size=""):
    return f"<annotation>\n<filename>a.jpg</filename>{size}\n{objects}</annotation>"


def one(box, name="<name>cat</name>"):
    return voc(f"<object>{name}{box}</object>")


def coco(**changes):
    whole = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 16, "height": 12}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4]}],
    }
    return json.dumps(whole | changes)


def shape(value):
    return coco(annotations=[{"id": 1, "image_id": 1, "category_id": 1, "segmentation": value}])


def spans(*records):
    good = {"text": "Ada ran", "label": [[0, 3, "PER"]]}
    return "\n".join(json.dumps(record) for record in (good, *records))


VOC = {
    "xml cut off": ("<annotation><object>", r"a\.xml', line 1: it is no well-formed XML \(no element found\)"),
    "xml bomb": (BILLION, r"a\.xml', line 1: it declares a document type"),
    "xml that reads files": (OUTSIDE, r"a\.xml', line 1: it declares a document type"),
    "xml too deep": ("<annotation>" + "<a>" * 40 + "</a>" * 40 + "</annotation>", r"line 1: it has more than"),
    "xml of an unknown encoding": ('<?xml version="1.0" encoding="klingon"?><annotation/>', r"no well-formed XML \("),
    "object without a name": (one(f"<bndbox>{SIDES}</bndbox>", ""), r"object in .*a\.xml', line 3 has no name; add"),
    "object without a box": (one(""), r"'cat' in .*a\.xml', line 3 has no <bndbox>; add"),
    "box without a side": (one("<bndbox><xmin>1</xmin></bndbox>"), r"'cat' in .*line 3 has no <ymin>; add it"),
    "side that is a word": (one(f"<bndbox>{SIDES.replace('9', 'nine')}</bndbox>"), r"xmax in .*line 3 must be a number "
                            r"from -1e\+07 to 1e\+07\. Got 'nine' instead; correct it\."),
    "side that is not a number": (one(f"<bndbox>{SIDES.replace('9', 'nan')}</bndbox>"), r"xmax in .* Got 'nan'"),
    "side that is infinite": (one(f"<bndbox>{SIDES.replace('9', '1e999')}</bndbox>"), r"xmax in .* Got '1e999'"),
    "side of many digits": (one(f"<bndbox>{SIDES.replace('9', '9' * 5000)}</bndbox>"), r"xmax in .* Got '999"),
    "width that is a word": (voc(size="<size><width>wide</width><height>3</height></size>"), r"width in .* Got 'wide'"),
    "confidence above 1": (one(f"<confidence>7</confidence><bndbox>{SIDES}</bndbox>"),
                           r"confidence in .* from 0 to 1\. Got '7'"),
}  # fmt: skip

COCO = {
    "json cut off": (coco()[:-9], r"annotations\.json', line 1: it is no JSON \(.* at column \d+\); repair it"),
    "json too deep": ('{"images": [{"file_name": ' + "[" * 200_000, r"too deep inside each other"),
    "number of 5000 digits": (coco().replace('"id": 1,', '"id": ' + "9" * 5000 + ",", 1), r"it is no JSON \(Exceeds"),
    "images that are no list": (coco(categories={"id": 1}), r"'categories' in .* must be a list\. Got an object"),
    "image that is no object": (coco(images=[{"id": 1, "file_name": "a.jpg"}, 7]), r"images\[1\] must be an object"),
    "image without a name": (coco(images=[{"id": 1, "file_name": 3}]), r"'file_name' in .*images\[0\] must be a text"),
    "image id that is a list": (coco(images=[{"id": [], "file_name": "a.jpg"}]), r"'id' in .*images\[0\] must be"),
    "two images of one id": (coco(images=[{"id": 1, "file_name": "a.jpg"}] * 2), r"images\[1\] belongs to another"),
    "one picture twice": (coco(images=[{"id": k, "file_name": "a.jpg"} for k in (1, 2)]), r"lists .*a\.jpg' twice"),
    "category without a name": (coco(categories=[{"id": 1}]), r"category in .*categories\[0\] has no name"),
    "two categories of one id": (coco(categories=[{"id": 1, "name": "a"}] * 2), r"id 1 in .* belongs to 'a' already"),
    "box of three numbers": (coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}]),
                             r"'bbox' in .*annotations\[0\] must be \[left, top, width, height\]\. Got 3 numbers"),
    "box that is not a number": (coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, None]}]),
                                 r"bbox in .*annotations\[0\] must be a number .* Got None"),
    "box with NaN": (coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [1, 2, float("nan"), 4]}]), "Got nan"),
    "annotation without box and shape": (coco(annotations=[{"image_id": 1, "category_id": 1}]), r"neither a 'bbox'"),
    "annotation without a category": (coco(annotations=[{"image_id": 1, "bbox": [1, 1, 2, 2]}]), r"no 'category_id'"),
    "polygon of two points": (shape([[1, 1, 2, 2]]), r"polygon in .*annotations\[0\] must be a list of at least three"),
    "polygon of an odd count": (shape([[1, 1, 2, 2, 3, 3, 4]]), r"polygon in .* at least three points x, y"),
    "polygon with infinity": (shape([[1, 1, 2, 2, 3, float("inf")]]), r"polygon in .* must have finite numbers"),
    "polygon with words": (shape([[1, 1, 2, 2, 3, "x"]]), r"polygon in .* must be a list of at least three points"),
    "polygon of a number too large": (shape([[1, 1, 2, 2, 3, 10**400]]), r"polygon in .* must have finite numbers"),
    "runs beyond the picture": (shape({"counts": [1000000, 5], "size": [12, 16]}), r"add up to the 192 pixels"),
    "runs that are negative": (shape({"counts": [-5, 197], "size": [12, 16]}), r"add up to the 192 pixels"),
    "runs of another size": (shape({"counts": [192], "size": [1, 192]}), r"of the size \[12, 16\] .* Got \[1, 192\]"),
    "runs that are garbage": (shape({"counts": "\u00e4", "size": [12, 16]}), r"cannot be read: it holds a character"),
    "runs without an end": (shape({"counts": "Pooooo", "size": [12, 16]}), r"cannot be read|add up to"),
    "runs of fractions": (shape({"counts": [1.5, 2], "size": [12, 16]}), r"a list of whole numbers"),
}  # fmt: skip

YOLO = {
    "line of three numbers": ("0 .5 .5 .2 .2\n0 .5 .5\n", r"a\.txt', line 2 must hold a class and 4 .* Got 2"),
    "pixels for fractions": ("0 .5 .5 .2 .2\n0 5 5 20 20\n", r"fraction in .*line 2 must be a number from -1\.5"),
    "class that is a word": ("0 .5 .5 .2 .2\ncat .5 .5 .2 .2\n", r"class number in .*line 2 must be .* Got 'cat'"),
    "class that is a fraction": ("0 .5 .5 .2 .2\n1.5 .5 .5 .2 .2\n", r"class number in .* must be a whole number"),
    "not a number": ("0 .5 .5 .2 .2\n0 nan .5 .2 .2\n", r"fraction in .*line 2 .* Got 'nan'"),
}  # fmt: skip

YAML = {
    "yaml bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]\n", r"data\.yaml', line 2: it has the alias '\*a'"),
    "yaml that makes objects": ("names: !!python/object/apply:os.system ['true']\n", r"it has the tag .* is refused"),
    "yaml that is broken": ("names: [cat\nb: {\n", r"data\.yaml', line \d: it is no plain YAML"),
    "names that are a number": ("names: 7\n", r"'names' in .*data\.yaml' must be a list of class names"),
}  # fmt: skip

TABLE = {
    "row of too few cells": ("a.jpg,1,1,5,5,cat\na.jpg,1,1,5\n", r"boxes\.csv', line 3 must have 6 cells"),
    "side that is a word": ("a.jpg,1,1,five,5,cat\n", r"side of the box in .*boxes\.csv', line 2 .* Got 'five'"),
    "box without a class": ("a.jpg,1,1,5,5,\n", r"The box in .*boxes\.csv', line 2 has no class; add it"),
    "cell that is too long": ("a.jpg,1,1,5,5,cat\na.jpg,1,1,5,5," + "x" * 200_000 + "\n", r"line 3: field larger than"),
}  # fmt: skip

CONLL = {
    "line without a tag": ("Ada B-PER\nran\n", r"a\.conll', line 2: each line must have 2 columns, .* has 1 \('ran'\)"),
    "one column only": ("Ada\nran\n", r"a\.conll', line 1: each line must have a word and its tag"),
    "no words": ("\n\n", r"There are no words in .*a\.conll'; give a word and its tag"),
    "no tag but O": ("Ada O\nran O\n", r"(No word of|Column 2 of) .*a\.conll"),
    "tags in another column": ("".join(f"w{k} {'BO'[k % 2]}{'-PER' if k % 2 == 0 else ''} x{k}\n" for k in range(9)),
                               r"column 2 does: name it with --label 2"),
}  # fmt: skip

SPANS = {
    "line that is no json": (spans() + "\n{", r"a\.jsonl', line 2: it is no JSON"),
    "span beyond the text": (spans({"text": "Ada", "label": [[0, 99, "PER"]]}), r"line 2 must begin and end at whole "
                             r"numbers from 0 to 3, the length of its text\. Got 0 to 99"),
    "span just beyond the text": (spans({"text": "Ada", "label": [[0, 4, "PER"]]}), r"line 2 must end at 3 at most"),
    "span that ends before it begins": (spans({"text": "Ada", "label": [[2, 1, "PER"]]}), r"line 2 .* Got 2 to 1"),
    "span of fractions": (spans({"text": "Ada", "label": [[0.5, 1, "PER"]]}), r"line 2 .* Got 0\.5 to 1"),
    "label that is a number": (spans({"text": "Ada", "label": [[0, 1, 7]]}), r"label of a span in .*line 2 .* Got 7"),
    "text that is a number": (spans({"text": 5, "label": []}), r"'text' in .*line 2 must be a text\. Got 5"),
    "spans that are an object": (spans({"text": "Ada", "label": {"a": 1}}), r"'label' in .*line 2 must be a list"),
    "record that is a list": (spans([1, 2]), r"The record in .*line 2 must be an object in braces\. Got a list"),
}  # fmt: skip


def picture(folder, name="a.jpg", size=(16, 12)):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(folder / name)


def write(root, kind, text):
    """A folder with one picture and one bad file."""
    if kind in ("conll", "spans"):
        path = root / {"conll": "a.conll", "spans": "a.jsonl"}[kind]
        path.write_text(text, encoding="utf-8")
        return path
    picture(root / "images")
    names = {"voc": "annotations/a.xml", "coco": "annotations.json", "yolo": "labels/a.txt", "yaml": "data.yaml",
             "table": "boxes.csv"}  # fmt: skip
    path = root / names[kind]
    path.parent.mkdir(exist_ok=True)
    header = "filename,xmin,ymin,xmax,ymax,class\n" if kind == "table" else ""
    path.write_text(header + text, encoding="utf-8")
    if kind == "yaml":
        (root / "labels").mkdir()
        (root / "labels" / "a.txt").write_text("0 .5 .5 .2 .2\n")
    return root


ALL = {
    "voc": VOC, "coco": COCO, "yolo": YOLO, "yaml": YAML, "table": TABLE, "conll": CONLL, "spans": SPANS,
}  # fmt: skip
CASES = [pytest.param(kind, *case, id=f"{kind}: {name}") for kind, cases in ALL.items() for name, case in cases.items()]


def said(root, **options):
    """The one sentence of an error, whose end is a full stop and which is no traceback."""
    with pytest.raises(UsageError) as caught:
        read(root, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 700
    return text


@pytest.mark.parametrize(("kind", "text", "pattern"), CASES)
def test_a_bad_file_is_one_sentence(tmp_path, kind, text, pattern):
    root = write(tmp_path, kind, text)
    task = "mask" if kind == "coco" and '"segmentation"' in text else None
    assert re.search(pattern, said(root, task=task))


def test_the_command_says_it_without_a_traceback(tmp_path, capsys):
    root = write(tmp_path, "voc", VOC["side that is a word"][0])
    assert main(["inspect", str(root)]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "Got 'nine' instead; correct it." in err


def test_names_of_pictures_stay_inside_of_the_folder(tmp_path):
    (tmp_path / "secret").mkdir()
    picture(tmp_path / "secret", "key.jpg")
    root = tmp_path / "data"
    picture(root / "images")
    absolute = str(tmp_path / "secret" / "key.jpg")
    names = ["a.jpg", "../secret/key.jpg", absolute, "images/../../secret/key.jpg", "..", "a\0b"]
    images = [{"id": k, "file_name": name} for k, name in enumerate(names)]
    (root / "a.json").write_text(coco(images=images, annotations=[
        {"image_id": k, "category_id": 1, "bbox": [0, 0, 2, 2]} for k in range(len(images))
    ]))  # fmt: skip
    data = read(root)
    assert data.ids == ("images/a.jpg",)
    assert any(note.startswith("5 annotations have no picture") for note in data.notes)


def test_a_polygon_of_ten_million_numbers_is_refused_before_it_is_drawn(tmp_path):
    picture(tmp_path / "images")
    points = "[" + "1,2," * 1_100_000 + "3,4]"
    text = shape("X").replace('"X"', f"[{points}]")
    (tmp_path / "a.json").write_text(text)
    began = time.perf_counter()
    assert "has more than 1000000 points" in said(tmp_path, task="mask")
    assert time.perf_counter() - began < 5


def test_a_polygon_far_outside_of_its_picture_costs_nothing(tmp_path):
    picture(tmp_path / "images")
    (tmp_path / "a.json").write_text(shape([[-1e300, -1e300, 1e300, -1e300, 1e300, 1e300, -1e300, 1e300]]))
    assert (read(tmp_path, task="mask").y[0].classes() == 1).all()


def test_a_png_that_states_a_huge_size_is_set_aside(tmp_path):
    picture(tmp_path / "images")
    picture(tmp_path / "images", "b.jpg")
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.eye(12, 16, dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (tmp_path / "masks" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    data = read(tmp_path)
    assert data.ids == ("images/a.jpg",)
    assert any("picture cannot be read" in note and "b.png" in note for note in data.notes)


def test_masks_in_jpeg_are_refused_with_the_reason(tmp_path):
    picture(tmp_path / "images")
    picture(tmp_path / "masks")
    assert "JPEG changes the values of pixels" in said(tmp_path)


def test_masks_of_too_many_values_are_refused(tmp_path):
    picture(tmp_path / "images", size=(40, 40))
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / "masks" / "a.png")
    assert "too many for classes" in said(tmp_path)


@pytest.mark.parametrize("task", ["token", "box", "mask"])
def test_a_task_without_a_fitting_format_says_which_formats_there_are(tmp_path, task):
    (tmp_path / "ant").mkdir()
    picture(tmp_path / "ant")
    assert re.search(
        rf"no annotations for the task '{task}' that are recognised; the formats .* are ", said(tmp_path, task=task)
    )


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("conl", "Unknown annotation format 'conl'"),
        ("conll,scheme=BIO3", "must be one of IO, IOB1, IOB2, BIOES, BILOU"),
        ("conll,colour=red", "settings of the format 'conll' are"),
        ("scheme=IOB2", "must be stated as a format and its settings"),
        ("yolo", "one file; give the folder"),
        ("coco", "There is no JSON file with 'images'"),
        ("conll,tag=9", "must be a number from 1 to 2"),
    ],
)
def test_a_wrong_format_or_setting_is_one_sentence(tmp_path, stated, words):
    path = tmp_path / "a.conll"
    path.write_text("Ada B-PER\n")
    assert words in said(path, annotations=stated)


def test_two_formats_in_one_folder_are_named(tmp_path):
    root = write(tmp_path, "coco", coco())
    (root / "labels").mkdir()
    (root / "labels" / "a.txt").write_text("0 .5 .5 .2 .2\n")
    assert "several formats: coco and yolo; name one with --annotations coco" in said(Path(root))
    assert read(root, annotations="yolo").task.labels == ("0",)
