"""Folders: what decides of which kind a file is, what is lost is named, and names of every system."""

import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from headstart.data import audit, read
from headstart.errors import DataError


def noisy(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)).save(path)


@pytest.mark.parametrize("suffix", [".jfif", ".JPE", ".avif", ".webp", ".pgm", ".jp2", ".tga", ".heic", ".jxl", ".CR2"])
def test_the_suffixes_are_those_of_the_decoders(folder_of_pictures, suffix):
    """A class whose files have another extension of pictures is a class; what cannot be decoded, the audit names."""
    root = folder_of_pictures("ant/1.png", "bee/1.png")
    (root / "wasp").mkdir()
    (root / "wasp" / f"1{suffix}").write_bytes(b"any")
    assert read(root).task.labels == ("ant", "bee", "wasp")


@pytest.mark.parametrize("suffix", [".aiff", ".AIF", ".au", ".caf", ".opus", ".oga", ".w64", ".m4a", ".aac", ".wv"])
def test_the_suffixes_of_sounds(tmp_path, suffix):
    for name, last in (("low", ".wav"), ("high", suffix)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"1{last}").write_bytes(b"any")
    assert read(tmp_path).task.labels == ("high", "low")


@pytest.mark.parametrize("name", ["1", "IMG.2023", "photo.final", "scan.001", "a.dat"])
def test_where_the_name_says_nothing_the_content_decides(folder_of_pictures, name):
    root = folder_of_pictures("ant/1.png", "bee/1.png", "wasp/1.png")
    (root / "wasp" / "1.png").rename(root / "wasp" / name)
    data = read(root)
    assert data.task.labels == ("ant", "bee", "wasp")
    assert any(note.startswith("Read 1 file as a picture by content") for note in data.notes)


def test_a_class_of_unknown_files_is_named_and_found(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "ant/2.png", "bee/1.png", "bee/2.png")
    (root / "wasp").mkdir()
    for name in ("1.xyz", "2.XYZ", "3"):
        (root / "wasp" / name).write_bytes(b"\0\1\2" * 9)
    (root / "hornet").mkdir()
    data = read(root)
    assert data.absent == ("hornet", "wasp")
    said = "2 class folders contain no pictures: 'hornet' (empty), 'wasp' (2 '.xyz', 1 without an extension)."
    assert said in data.notes
    left = "Left out 3 files that are not pictures: 2 '.xyz' (wasp 2), 1 without an extension (wasp 1)."
    assert left in data.notes
    found = next(found for found in audit(data).findings if found.kind == "empty_class")
    assert found.message == "2 classes have no usable item left: 'hornet', 'wasp'."


def test_a_class_whose_every_item_is_broken(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "ant/2.png", "bee/1.png", "bee/2.png")
    (root / "wasp").mkdir()
    for index in range(3):
        (root / "wasp" / f"{index}.jpg").write_bytes(b"")
    (root / "bee" / "3.jpg").write_bytes(b"\0\0\0\x18ftypisom")
    findings = {found.kind: found.message for found in audit(read(root)).findings}
    assert findings["unreadable"].startswith(
        "4 items cannot be read and are left out ('wasp' 3 of 3, 'bee' 1 of 3); the first, 'bee/3.jpg': Cannot read"
    )
    assert (
        "an MPEG-4 video, not a picture; 3 more, such as 'wasp/0.jpg': it is empty (0 bytes)." in findings["unreadable"]
    )
    assert findings["empty_class"] == "1 class has no usable item left: 'wasp'."


def test_a_class_that_is_empty_in_one_split(folder_of_pictures):
    root = folder_of_pictures("train/ant/1.png", "train/bee/1.png", "test/ant/1.png")
    (root / "test" / "bee").mkdir()
    (root / "val").mkdir()
    data = read(root)
    assert data.absent == ()
    assert "1 class folder contains no picture: 'test/bee' (empty)." in data.notes
    assert "1 other folder contains no picture: 'val' (empty)." in data.notes


def test_splits_of_different_classes(folder_of_pictures):
    root = folder_of_pictures("train/ant/1.png", "train/bee/1.png", "test/ant/2.png", "test/wasp/3.png")
    findings = {found.kind: found.message for found in audit(read(root)).findings}
    assert findings["class_not_in_train"] == (
        "1 class has no train item, so nothing can be learnt about it: 'wasp' (1 elsewhere)."
    )
    assert findings["class_not_in_test"] == "1 class has no test item and cannot be evaluated there: 'bee'."


def test_a_class_that_is_a_link_to_another_class(folder_of_pictures):
    root = folder_of_pictures("bee/1.png", "cat/1.png")
    (root / "ant").symlink_to(root / "bee")  # comes first by name; the real folder counts
    data = read(root)
    assert data.task.labels == ("bee", "cat")
    assert "1 class folder contains no picture: 'ant' (a link to a folder that was already read)." in data.notes


def test_a_class_that_is_a_link_that_leads_nowhere(folder_of_pictures):
    root = folder_of_pictures("bee/1.png", "cat/1.png")
    (root / "ant").symlink_to(root / "gone")
    data = read(root)
    assert data.absent == ("ant",)
    assert "1 class folder contains no picture: 'ant' (a broken link)." in data.notes


def test_folders_deep_inside_of_a_class(folder_of_pictures):
    data = read(folder_of_pictures("ant/p1/x/1.png", "ant/p2/1.png", "bee/p3/1.png"))
    assert data.task.labels == ("ant", "bee")
    assert data.y.tolist() == [0, 0, 1]


def test_several_folders_on_top_are_passed_through(folder_of_pictures):
    assert read(folder_of_pictures("a/b/c/ant/1.png", "a/b/c/bee/1.png")).task.labels == ("ant", "bee")


def test_a_few_sounds_among_many_pictures_are_said(folder_of_pictures):
    root = folder_of_pictures(*(f"{name}/{index}.png" for name in ("ant", "bee") for index in range(6)))
    (root / "bee" / "1.wav").write_bytes(b"x")
    data = read(root)
    assert len(data) == 12
    assert "Left out 1 sound, because a model reads only one kind: 1 '.wav' (bee 1)." in data.notes


def test_a_class_of_sounds_alone_is_no_stray(folder_of_pictures):
    root = folder_of_pictures(*(f"{name}/{index}.png" for name in ("ant", "bee") for index in range(6)))
    (root / "dog").mkdir()
    (root / "dog" / "1.wav").write_bytes(b"x")
    with pytest.raises(DataError, match=r"both pictures \(12\) and sounds \(1\)"):
        read(root)


def test_names_in_decomposed_unicode_are_one_class(tmp_path):
    """macOS writes an accent as a sign of its own."""
    noisy(tmp_path / "train" / "caf\u00e9" / "1.png", 1)
    noisy(tmp_path / "train" / "bar" / "1.png", 2)
    noisy(tmp_path / "test" / "cafe\u0301" / "1.png", 3)
    noisy(tmp_path / "test" / "bar" / "1.png", 4)
    data = read(tmp_path)
    assert data.task.labels == ("bar", "caf\u00e9")
    assert any(note.startswith("Merged spellings of 1 label") for note in data.notes)


def test_texts_by_content_where_there_is_nothing_else(tmp_path):
    """Texts without an extension, as 20 Newsgroups and many mails have none, and those of another."""
    for name, file in (("space", "60191"), ("autos", "a.md"), ("mail", "1.eml"), ("old", "b.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(f"Something about {name}")
        (tmp_path / name / "about.json").write_text("{}")
    data = read(tmp_path)
    assert (data.modality, data.task.labels) == ("text", ("autos", "mail", "old", "space"))
    assert any(note.startswith("Read 3 files as texts by content") for note in data.notes)


@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "utf-16"])
def test_texts_without_an_extension_in_any_encoding(tmp_path, encoding):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_bytes({"gbk": "财经新闻"}.get(encoding, "Grüße von überall").encode(encoding))
    assert read(tmp_path).modality == "text"


def test_a_table_goes_before_papers_of_text(tmp_path):
    for name in ("docs/a.md", "code/b.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("text")
    (tmp_path / "data.csv").write_text("text,label\nhello there,x\ngood bye,y\n")
    assert read(tmp_path).task.labels == ("x", "y")


def test_odd_names(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "bee/line\nbreak.png", "bee/\x1b[31mred.png", "bee/ .png", "bee/.hide.png")
    assert len(read(root)) == 4  # the last one is hidden


def test_what_a_folder_without_items_holds_is_said(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.zip").write_bytes(b"PK\3\4")
    with pytest.raises(DataError, match=r"can be read \(1 other file: 1 '\.zip', unpack the archives first\)"):
        read(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
@pytest.mark.parametrize(
    ("names", "encoding", "said"),
    [(("猫", "狗"), "gbk", "GBK"), (("Bär", "Löwe"), "latin-1", "cp1252"), (("кошка", "собака"), "cp1251", "cp1251")],
)
def test_names_that_are_not_utf8_on_the_disk(tmp_path, names, encoding, said):
    """What a tar of another system leaves behind: the labels are readable, and the files are found."""
    noisy(tmp_path / "ant" / "1.png")
    for name in names:
        folder = tmp_path / os.fsdecode(name.encode(encoding))
        folder.mkdir()
        shutil.copy(tmp_path / "ant" / "1.png", folder / "1.png")
    data = read(tmp_path)
    assert set(data.task.labels) == {"ant", *names}
    assert set(data.ids) == {"ant/1.png", *(f"{name}/1.png" for name in names)}
    assert audit(data).keep.all()
    assert any(f"are not UTF-8 and were read as {said}, such as" in note for note in data.notes)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_an_unreadable_file_whose_name_is_not_utf8(tmp_path):
    place = tmp_path / os.fsdecode(b"caf\xe9.png")
    place.write_bytes(b"")
    reason = next(
        found for found in audit(read([place], labelled=False)).findings if found.kind == "unreadable"
    ).message
    assert "caf\\xe9.png'" in reason
    assert reason.encode()
