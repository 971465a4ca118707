"""The door for data: which errors are the data's, and which are our own."""

import io
import sys
import tarfile

import pandas as pd
import pytest
from PIL import Image

from headstart.data import read
from headstart.errors import DataError

TEXTS = ["where is my card", "close my account", "where is it", "please close it"]
LABELS = ["card", "close", "card", "close"]


@pytest.mark.parametrize("kind", [ValueError, TypeError, IndexError])
def test_an_error_of_our_own_is_not_said_to_be_the_data_s(tmp_path, monkeypatch, kind):
    """A `DataError` tells the user to mend the data, which is no help where the fault is in the program."""

    def broken(*_):
        raise kind("operands could not be broadcast together")

    monkeypatch.setattr(
        sys.modules["headstart.data.read"], "read_table", broken
    )  # the package's "read" is the function
    (tmp_path / "a.csv").write_text("text,label\nyes,a\nno,b\n")
    with pytest.raises(kind, match="broadcast") as caught:
        read(tmp_path / "a.csv")
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", ["a\0b.csv", "\0/a.csv", "half \ud800.csv", "x" * 5000])
def test_a_name_that_no_file_can_have_is_bad_input(tmp_path, name):
    with pytest.raises(DataError, match=r"There is no file or folder|File name too long"):
        read(tmp_path / name)


@pytest.mark.parametrize("ending", [b"\x00\xd8", b"\x00\xdcx\x00", b"x"])
def test_text_that_is_cut_inside_of_a_character_is_read_but_for_that_row(tmp_path, ending):
    rows = "text,label\n" + "".join(f"text number {k},{'ab'[k % 2]}\n" for k in range(40))
    (tmp_path / "a.csv").write_bytes(rows.encode("utf-16") + ending)
    assert len(read(tmp_path / "a.csv")) == 40


def test_a_tar_with_a_broken_map_of_a_sparse_file_is_damaged(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("ant/1.txt")
        content = b"no number\n" + bytes(502)
        info.size, info.pax_headers = len(content), {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        file.addfile(info, io.BytesIO(content))
    with pytest.raises(DataError, match="it is damaged or not an archive"):
        read(path)


def test_a_label_of_more_digits_than_python_reads_is_a_name(tmp_path):
    long = "9" * 5000
    data = read(pd.DataFrame({"text": TEXTS, "label": ["10", long, "9", long]}))
    assert data.task.labels == ("9", "10", long)


def test_labels_asked_of_annotations_are_answered_with_their_kind(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("Ada B-PER\nran O\n\nBob B-PER\nsat O\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"It looks like CoNLL: leave out --task classification, or state --task token\."
    ):
        read(path, task="classification")
    with pytest.raises(DataError, match=r"It looks like CoNLL, which is for --task token\."):
        read(path, task="box")


def test_pictures_alone_are_answered_with_the_forms_of_labels_and_annotations(tmp_path):
    for k in range(3):
        Image.new("RGB", (8, 8), (k, 0, 0)).save(tmp_path / f"{k}.png")
    with pytest.raises(
        DataError, match=r"a folder for each class.* Pascal VOC, COCO or YOLO.* masks of the same names"
    ):
        read(tmp_path)
