"""Each format writes as it reads: the round trip of spans, boxes and masks, with turned pictures, scores and splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.annotations import Boxes, MaskArray, Sentence, Span
from headstart.data import read, write_annotations
from headstart.data.annotations.registry import ANNOTATION_FORMATS
from headstart.data.annotations.sentences.span_records import FORMS
from headstart.data.annotations.tags import SCHEMES
from headstart.data.annotations.words import sentence_of_text
from headstart.data.annotations.writing import find_writer
from headstart.errors import DataError, ParameterError, UnknownNameError, UsageError
from headstart.types import Dataset, Task

SPLIT = np.array(["train", "val", "test", "train"])
OF_KIND = {
    kind: [n for n in ANNOTATION_FORMATS if kind in ANNOTATION_FORMATS[n].writes] for kind in ("token", "box", "mask")
}


def objects(values):
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def sentences(*, scored=False):
    items = [Sentence.of_words(["Ada", "Lovelace", "saw", "Paris", "."]), Sentence.of_words(["Nobody"]),
             Sentence.of_words(["New", "York", "York"]), Sentence.of_words(["日本", "は"])]  # fmt: skip
    score = 0.5 if scored else 1.0
    y = [
        (Span(0, 2, "PER", score), Span(3, 4, "LOC")),
        (),
        (Span(0, 2, "LOC"), Span(2, 3, "LOC")),
        (Span(0, 1, "LOC"),),
    ]
    return Dataset(items, ("a", "b", "c", "d"), "text", Task("token", ("LOC", "PER")), objects(y), split=SPLIT)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Four pictures of 13 x 8 stored pixels, two of which are shown turned."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for index, turn in enumerate((1, 6, 3, 1)):
        exif = Image.Exif()
        exif[274] = turn
        (folder / str(index)).mkdir()
        path = folder / str(index) / ("same.jpg" if index < 2 else f"{index}.jpg")
        Image.new("RGB", (13, 8), (60 * index, 0, 0)).save(path, exif=exif)
        paths.append(str(path))
    return paths


SIZES = [(13, 8), (8, 13), (13, 8), (13, 8)]  # upright


def boxes(pictures, *, scored=False, ignored=True):
    corners = [[[0, 0, 5, 8], [2.5, 1.25, 13, 6]], [[1, 2, 8, 13]], [], [[3, 3, 7, 5]]]
    y = []
    for own, size in zip(corners, SIZES, strict=True):
        labels = np.arange(len(own)) % 2
        flags = np.array([ignored and k == 1 for k in range(len(own))], bool)
        scores = np.linspace(0.25, 0.75, len(own)) if scored and own else None
        y.append(Boxes(np.array(own, float).reshape(-1, 4), labels, size, scores, flags))
    ids = tuple(path[-12:] for path in pictures)
    return Dataset(pictures, ids, "image", Task("box", ("cat", "dog's & co")), objects(y), split=SPLIT)


def masks(pictures, *, numbered=True, kinds=2):
    y = []
    for index, (width, height) in enumerate(SIZES):
        values, numbers = np.zeros((height, width), np.int16), np.zeros((height, width), np.int32)
        values[1:4, 1:4], numbers[1:4, 1:4] = 1, 1
        values[4:6, 5:8], numbers[4:6, 5:8] = kinds, 2
        values[0, 0] = -1 if index == 3 else 0
        y.append(MaskArray(values, numbers if numbered else None))
    labels = ("background", "cell", "débris")[: kinds + 1]
    return Dataset(pictures, tuple(map(str, range(4))), "image", Task("mask", labels), objects(y), split=SPLIT)


def by_content(data):
    """Rows in an order that does not depend on names: by what is in the files, which are copied."""
    return sorted(range(len(data)), key=lambda row: Path(data.items[row]).read_bytes())


@pytest.mark.parametrize("name", OF_KIND["token"])
def test_sentences(tmp_path, name):
    data = sentences()
    assert write_annotations(data, tmp_path / "out", format_name=name) == ()
    back = read(tmp_path / "out")

    def plain(one):
        return sorted((s, item.words, tuple(y)) for s, item, y in zip(one.split, one.items, one.y, strict=True))

    assert plain(back) == plain(data)


def test_texts_and_scores_of_spans(tmp_path):
    item = sentence_of_text("Ada's   café, 東京!")
    y = objects([(Span(0, 1, "PER", 0.25), Span(5, 7, "LOC"))])
    data = Dataset([item], ("a",), "text", Task("token", ("LOC", "PER")), y)
    write_annotations(data, tmp_path / "out")
    back = read(tmp_path / "out")
    assert back.items == [item]
    assert [(span, span.score) for span in back.y[0]] == [(span, span.score) for span in y[0]]
    assert len(write_annotations(data, tmp_path / "columns", format_name="conll")) == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scored", [False, True])
def test_forms_of_spans(tmp_path, form, scored):
    texts = [sentence_of_text("Ada's   café, 東京!"), sentence_of_text("Nobody ran 😀 off.")]
    y = objects([(Span(0, 1, "PER", 0.25 if scored else 1.0), Span(5, 7, "LOC")), (Span(0, 1, "LOC"),)])
    data = Dataset(texts, ("a", "b"), "text", Task("token", ("LOC", "PER")), y)
    notes = write_annotations(data, tmp_path / "out", format_name=f"spans,form={form}")
    back = read(tmp_path / "out")
    assert back.items == texts
    assert [list(one) for one in back.y] == [list(one) for one in y]
    keeps = form in ("prodigy", "label_studio")
    assert [span.score for span in back.y[0]] == [span.score if keeps else 1.0 for span in y[0]]
    assert len(notes) == (scored and not keeps)
    said = "Read the predictions of a model, since the records hold no annotations of a person."
    assert (said in back.notes) == (scored and form == "label_studio")


def test_words_that_a_form_cannot_hold_are_said(tmp_path):
    notes = write_annotations(sentences(), tmp_path / "out", format_name="spans,form=doccano")
    assert notes == ("doccano holds texts without their words, which are split anew when they are read.",)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes_of_tags(tmp_path, scheme):
    data = sentences()
    notes = write_annotations(data, tmp_path / "out", format_name=f"conll,scheme={scheme}")
    back = read(tmp_path / "out", annotations=f"conll,scheme={scheme}")
    kept = sorted(tuple(own) for own in back.y) == sorted(data.y)
    assert kept == (scheme != "IO")
    assert notes == (("IO joins spans of one type that touch; IOB2 does not.",) if scheme == "IO" else ())


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("token", "yolo", "cannot hold spans of words, which are written as conll, spans or tokens"),
        ("box", "masks", "cannot hold boxes, which are written as coco, csv, label_studio, pascal_voc or yolo"),
        ("mask", "conll", "cannot hold masks, which are written as coco, label_studio or masks"),
        ("token", "conll,scheme=BIO", "must be one of IOB2, IO, IOB1, BIOES, BILOU. Got 'BIO'"),
        ("box", "coco,values=1", "The settings of the format 'coco' are none. Got 'values'"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(kind, name, words):
    with pytest.raises(ParameterError, match=words):
        find_writer(kind, name)


@pytest.mark.parametrize("name", OF_KIND["box"])
@pytest.mark.parametrize("scored", [False, True])
def test_boxes(tmp_path, pictures, name, scored):
    data = boxes(pictures, scored=scored, ignored=name not in ("yolo", "label_studio"))
    assert write_annotations(data, tmp_path / "out", format_name=name) == ()
    back = read(tmp_path / "out")
    assert [note for note in back.notes if "set aside" in note or "clipped" in note] == []
    assert back.task.labels == data.task.labels
    for row, again in zip(by_content(data), by_content(back), strict=True):
        one, two = data.y[row], back.y[again]
        assert (data.split[row], one.size) == (back.split[again], two.size)
        assert np.allclose(one.xyxy, two.xyxy, rtol=0, atol=1e-9)
        assert one.labels.tolist() == two.labels.tolist()
        assert one.ignored.tolist() == two.ignored.tolist()
        assert (one.scores is None) == (two.scores is None)
        assert one.scores is None or np.allclose(one.scores, two.scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["coco", "masks"])
@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("kinds", [1, 2])
def test_masks(tmp_path, pictures, name, numbered, kinds):
    data = masks(pictures, numbered=numbered, kinds=kinds)
    assert write_annotations(data, tmp_path / "out", format_name=name) == ()
    back = read(tmp_path / "out", task="mask")
    assert back.task.labels == data.task.labels
    for row, again in zip(by_content(data), by_content(back), strict=True):
        one, two = data.y[row], back.y[again]
        assert one.size == two.size
        assert (one.classes() == two.classes()).all()
        assert (one.instances() is None) == (two.instances() is None)
        assert one.instances() is None or (one.instances() == two.instances()).all()


def test_ignored_regions_that_yolo_cannot_hold_are_said(tmp_path, pictures):
    (note,) = write_annotations(boxes(pictures), tmp_path / "out", format_name="yolo")
    assert note == "1 ignored region was left out, because YOLO has none."


def test_what_cannot_be_written_is_one_sentence(tmp_path, pictures):
    with pytest.raises(ParameterError, match="which are written as conll, spans or tokens"):
        write_annotations(sentences(), tmp_path / "a", format_name="yolo")
    with pytest.raises(UnknownNameError, match="coco"):
        write_annotations(boxes(pictures), tmp_path / "a", format_name="cocoo")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        write_annotations(sentences(), tmp_path / "full")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("values", ["colours", "instances"])
def test_values_of_mask_files(tmp_path, pictures, values):
    data = masks(pictures)
    notes = write_annotations(data, tmp_path / "out", format_name=f"masks,values={values}")
    back = read(tmp_path / "out", annotations="masks" + ",values=instances" * (values == "instances"))
    for row, again in zip(by_content(data), by_content(back), strict=True):
        one, two = data.y[row], back.y[again]
        assert two.instances().tolist() == one.instances().tolist()
        if values == "colours":
            assert two.classes().tolist() == one.classes().tolist()
    assert back.task.labels == (data.task.labels if values == "colours" else ("background", "object"))
    assert len(notes) == (1 if values == "colours" else 2)
    file = next((tmp_path / "out" / "labels").iterdir())
    with Image.open(file) as picture:
        assert picture.mode == ("RGB" if values == "colours" else "I;16")


def test_objects_that_are_not_told_apart_have_no_numbers(tmp_path, pictures):
    with pytest.raises(DataError, match="does not tell objects apart; write it with values=classes"):
        write_annotations(masks(pictures, numbered=False), tmp_path / "out", format_name="masks,values=instances")
