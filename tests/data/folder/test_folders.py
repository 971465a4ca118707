"""Folders: layouts, what is ignored, links, and every folder that cannot be read."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from headstart.data import read
from headstart.data.folder.layout import parse_layout
from headstart.errors import DataError


def test_a_folder_per_class(folder_of_pictures):
    data = read(folder_of_pictures("bee/2.png", "ant/1.jpg", "bee/1.JPG"))
    assert data.ids == ("ant/1.jpg", "bee/1.JPG", "bee/2.png")
    assert data.modality == "image"
    assert data.task.labels == ("ant", "bee")
    assert data.y.tolist() == [0, 1, 1]
    assert data.split is None
    assert data.task.column == "folder"


@pytest.mark.parametrize("val", ["val", "Valid", "validation", "VAL", "dev"])
def test_folders_of_splits(folder_of_pictures, val):
    data = read(folder_of_pictures("Train/ant/1.png", "Train/bee/1.png", f"{val}/ant/2.png", "test/bee/3.png"))
    assert dict(zip(data.ids, data.split.tolist(), strict=True)) == {
        "Train/ant/1.png": "train",
        "Train/bee/1.png": "train",
        f"{val}/ant/2.png": "val",
        "test/bee/3.png": "test",
    }
    assert data.task.labels == ("ant", "bee")


@pytest.mark.parametrize("form", ["fold{}/{}/x.png", "{1}/Fold_{0}/x.png", "data/cv-fold {}/{}/x.png"])
def test_folds_are_groups(folder_of_pictures, form):
    data = read(folder_of_pictures(*(form.format(fold, name) for fold in (1, 2) for name in ("ant", "bee"))))
    assert len(set(data.groups.tolist())) == 2
    assert data.task.labels == ("ant", "bee")
    assert any("fold folders as groups" in note for note in data.notes)


def test_classes_are_sorted_as_numbers(folder_of_pictures):
    assert read(folder_of_pictures("10/1.png", "9/1.png", "100/1.png")).task.labels == ("9", "10", "100")


def test_what_is_no_item_is_ignored_and_counted(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "bee/1.png", "bee/.hidden.png", "__MACOSX/ant/1.png", "stray.png")
    (root / "README.md").write_text("about")
    (root / "LICENSE.txt").write_text("licence")
    (root / "ant" / "Thumbs.db").write_text("x")
    data = read(root)
    assert data.ids == ("ant/1.png", "bee/1.png")
    assert "Left out 2 files that are not pictures: 1 '.md', 1 '.txt'." in data.notes
    assert "Left out 2 hidden files." in data.notes
    assert any(note.startswith("Left out 1 picture that is outside") for note in data.notes)


def test_a_broken_file_with_a_media_name_is_not_ignored(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "bee/1.png")
    (root / "bee" / "2.jpg").write_text("no picture")
    assert len(read(root)) == 3


def test_a_single_folder_on_top_is_passed_through(folder_of_pictures):
    assert read(folder_of_pictures("photos/ant/1.png", "photos/bee/1.png")).task.labels == ("ant", "bee")


def test_unlabelled_pictures_of_the_test_folder_are_stray():
    layout = parse_layout(["train/ant/1.png", "train/bee/1.png", "test/1.png"])
    assert layout.classes == ("ant", "bee")
    assert layout.stray == 1


def test_sounds(tmp_path):
    for name in ("dog", "cat"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "1.wav", np.zeros(100, np.float32), 8000)
    assert read(tmp_path).modality == "audio"


def test_texts(tmp_path):
    for name, raw in (("pos", "café".encode("latin-1")), ("neg", b"\xef\xbb\xbfbad")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_bytes(raw)
    data = read(tmp_path)
    assert data.items == ["bad", "café"]
    assert data.task.labels == ("neg", "pos")


def test_long_texts_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.data.folder.folders.MAX_TEXT_BYTES", 5)
    for name in ("pos", "neg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("0123456789")
    data = read(tmp_path)
    assert data.items == ["01234", "01234"]
    assert "Read only the first MiB of 2 texts." in data.notes


def test_items_to_predict_need_no_labels(folder_of_pictures):
    data = read(folder_of_pictures("2.png", "a/1.png"), labelled=False)
    assert data.ids == ("2.png", "a/1.png")
    assert data.task is None
    assert data.y is None


def test_one_file_to_predict(folder_of_pictures):
    root = folder_of_pictures("1.png")
    assert read(root / "1.png", labelled=False).ids == ("1.png",)
    (root / "a.txt").write_text("one\n\ntwo\n")
    assert read(root / "a.txt", labelled=False).items == ["one", "two"]
    with pytest.raises(DataError, match="Cannot read the single file"):
        read(root / "1.png")


def test_a_table_beside_the_pictures(folder_of_pictures):
    root = folder_of_pictures("images/1.png", "images/2.png", "images/3.png")
    (root / "labels.csv").write_text("file,kind\n1.png,a\n2.png,b\n3.png,a\n")
    data = read(root, label="kind")
    assert data.ids == ("1.png", "2.png", "3.png")
    assert data.modality == "image"
    assert Path(data.items[0]).samefile(root / "images" / "1.png")


def test_tables_of_splits_and_others(tmp_path):
    for name in ("train", "valid", "TEST", "oos_test"):
        (tmp_path / f"{name}.csv").write_text("text,label\nhello there,x\ngood bye,y\n")
    data = read(tmp_path)
    assert data.split.tolist() == ["train", "train", "val", "val", "test", "test"]
    assert data.ids[-1] == "TEST/1"
    assert any("Did not read the other table 'oos_test.csv'" in note for note in data.notes)


def test_tables_in_a_single_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.csv").write_text("text,label\nhello there,x\ngood bye,y\n")
    assert len(read(tmp_path)) == 2


def test_a_loop_of_links_ends(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "bee/1.png")
    (root / "ant" / "loop").symlink_to(root)
    (root / "bee" / "up").symlink_to(root.parent)
    data = read(root)
    assert data.ids == ("ant/1.png", "bee/1.png")
    assert any("Did not follow 2 links" in note for note in data.notes)


def test_a_link_to_elsewhere_is_followed(folder_of_pictures, tmp_path, picture):
    root = folder_of_pictures("ant/1.png")
    (tmp_path / "store").mkdir()
    picture(9).save(tmp_path / "store" / "1.png")
    (root / "bee").symlink_to(tmp_path / "store")
    assert read(root).ids == ("ant/1.png", "bee/1.png")


def test_mixed_kinds(folder_of_pictures):
    root = folder_of_pictures("ant/1.png", "bee/1.png")
    (root / "bee" / "1.wav").write_bytes(b"x")
    with pytest.raises(DataError, match=r"both pictures \(2\) and sounds \(1\)"):
        read(root)
    assert len(read(root, modality="image")) == 2


def test_one_class(folder_of_pictures):
    """One class can be read (to judge a model on it); a fit refuses it."""
    assert read(folder_of_pictures("ant/1.png", "ant/2.png")).task.labels == ("ant",)


def test_no_folders_of_classes(folder_of_pictures):
    with pytest.raises(DataError, match="have no labels: put them into a folder for each class"):
        read(folder_of_pictures("1.png", "2.png"))


def test_a_missing_folder(tmp_path):
    with pytest.raises(DataError, match="There is no file or folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="nor a folder"):
        read(tmp_path / "nowhere" / "at all")


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="contains no pictures, sounds, texts or tables"):
        read(tmp_path)


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match="is broken"):
        read(tmp_path / "link")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_an_impossible_name(path):
    with pytest.raises(DataError):
        read(path)


def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="neither a regular file nor a folder"):
        read(tmp_path / "pipe.csv")


def test_a_column_of_a_folder(folder_of_pictures):
    with pytest.raises(DataError, match="column 'patient' was named"):
        read(folder_of_pictures("ant/1.png", "bee/1.png"), group_col="patient")


def test_several_tables(tmp_path):
    for name in ("movies", "ratings"):
        (tmp_path / f"{name}.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"contains the tables 'movies.csv', 'ratings.csv'"):
        read(tmp_path)
    (tmp_path / "val.csv").write_text("a,b\n1,2\n")
    (tmp_path / "dev.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="two tables for 'val'"):
        read(tmp_path)
