"""Paths are told by most of the cells and by whether the files exist; one odd cell does not make texts of them."""

import json
import unicodedata

import pandas as pd
import pytest

from headstart.data import audit, read
from headstart.data.table.paths import find_paths
from headstart.errors import DataError


@pytest.fixture
def root(folder_of_pictures):
    return folder_of_pictures(*(f"{kind}/{index}.png" for kind in ("cat", "dog") for index in range(8)))


def paths(root=None):
    names = [f"{kind}/{index}.png" for kind in ("cat", "dog") for index in range(8)]
    return names if root is None else [str(root / name) for name in names]


LABELS = ["cat"] * 8 + ["dog"] * 8


def rename(root, name):
    (root / "dog/3.png").rename(root / f"dog/{name}")
    return [f"dog/{name}" if path == "dog/3.png" else path for path in paths()]


@pytest.mark.parametrize("name", ["3.jfif", "3.png.bak", "3", "3.PNG", "3 copy.final"])
def test_one_odd_name_of_a_file(root, name):
    cells = rename(root, name)
    pd.DataFrame({"image": cells, "label": LABELS}).to_csv(root / "labels.csv", index=False)
    absolute = [str(root / cell) for cell in cells]
    for data in (
        read(root / "labels.csv"),
        read(root / "labels.csv", item="image", modality="image"),
        read((absolute, LABELS)),
        read(pd.DataFrame({"image": absolute, "label": LABELS})),
    ):
        assert (data.modality, len(data), audit(data).keep.all()) == ("image", 16, True)


@pytest.mark.parametrize("odd", ["", None, "gone.png", "see the other file", "a.txt", "http://example.org/1.png"])
def test_one_cell_that_leads_nowhere_is_named_and_set_aside(root, odd):
    cells = [odd if index == 5 else path for index, path in enumerate(paths(root))]
    pd.DataFrame({"image": [odd, *paths()[1:]], "label": LABELS}).to_csv(root / "labels.csv", index=False)
    given = [(cells, LABELS)] if odd else []
    for data in map(read, [*given, pd.DataFrame({"image": cells, "label": LABELS}), root / "labels.csv"]):
        assert data.modality == "image"
        assert audit(data).keep.sum() == 15
        said = " ".join(data.notes)
        assert (odd in said) if odd else "Set aside 1 of 16 rows, in which 'image' is empty: row" in said


def test_texts_that_name_a_picture_are_texts(root):
    texts = ["see cat/1.png", "photo.png", *(f"a text of its own, {index}" for index in range(14))]
    assert read((texts, LABELS)).modality == "text"
    assert read(pd.DataFrame({"text": texts, "label": LABELS})).modality == "text"


def test_no_file_at_all_is_an_error_that_names_one(tmp_path):
    pd.DataFrame({"image": paths(), "label": LABELS}).to_csv(tmp_path / "a.csv", index=False)
    for options in ({}, {"item": "image"}, {"item": "image", "modality": "image"}):
        with pytest.raises(DataError, match=r"'cat/0\.png', but none of the first 16 files exists"):
            read(tmp_path / "a.csv", **options)
    frame = pd.DataFrame({"image": ["x", "y"] * 8, "label": LABELS})
    frame.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match="was named for image items, but none of its cells leads to a file"):
        read(tmp_path / "b.csv", item="image", modality="image")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.replace("/", "\\"),
        lambda path: f"C:\\Users\\anna\\photos\\{path}".replace("/", "\\"),
        lambda path: f"/home/anna/photos/{path}",
        lambda path: f"./{path}",
        lambda path: path.upper(),
    ],
)
def test_paths_as_other_computers_write_them(root, write):
    pd.DataFrame({"image": map(write, paths()), "label": LABELS}).to_csv(root / "labels.csv", index=False)
    data = read(root / "labels.csv")
    assert (data.modality, audit(data).keep.all()) == ("image", True)


def test_names_in_another_unicode_form(root):
    cells = rename(root, unicodedata.normalize("NFD", "größe.png"))
    composed = [unicodedata.normalize("NFC", cell) for cell in cells]
    pd.DataFrame({"image": composed, "label": LABELS}).to_csv(root / "labels.csv", index=False)
    data = read(root / "labels.csv")
    assert audit(data).keep.all()
    assert any("Found 1 path of column 'image' under a different name" in note for note in data.notes)


def test_a_name_that_several_files_have_is_not_guessed(root):
    found = find_paths(["cat/0.png", "elsewhere/1.PNG"], [root])
    assert found.missing == ("elsewhere/1.PNG",)


def test_labels_beside_and_inside_a_folder_of_pictures(root, tmp_path):
    names = [path.replace("/", "_") for path in paths()]
    photos = tmp_path / "photos"
    photos.mkdir()
    for path, name in zip(paths(), names, strict=True):
        (root / path).rename(photos / name)
    stems = [name.removesuffix(".png") for name in names]
    for cells in (names, stems, [f"photos/{name}" for name in names]):
        frame = pd.DataFrame({"filename": cells, "species": LABELS})
        for place in (photos / "labels.csv", tmp_path / "labels.csv"):
            frame.to_csv(place, index=False)
            for data in (read(place), read(place.parent)):
                assert (data.modality, data.task.labels, audit(data).keep.sum()) == ("image", ("cat", "dog"), 16)
            place.unlink()


def test_sounds_beside_a_table(tmp_path):
    (tmp_path / "clips").mkdir()
    for index in range(8):
        (tmp_path / f"clips/{index}.wav").write_bytes(b"RIFF")
    frame = pd.DataFrame({"file": [f"{index}.wav" for index in range(8)], "bird": ["owl", "wren"] * 4})
    frame.to_csv(tmp_path / "annotations.csv", index=False)
    for place in (tmp_path, tmp_path / "annotations.csv"):
        assert read(place).modality == "audio"


def test_an_object_of_files_and_labels(root):
    (root / "labels.json").write_text(json.dumps(dict(zip(paths(), LABELS, strict=True))))
    data = read(root / "labels.json")
    assert (data.modality, data.task.labels, audit(data).keep.all()) == ("image", ("cat", "dog"), True)
    (root / "labels.json").write_text(
        json.dumps({path: [label, "pet"] for path, label in zip(paths(), LABELS, strict=True)})
    )
    assert read(root / "labels.json").task.labels == ("cat", "dog", "pet")


def test_a_table_beside_a_folder_without_labels_is_named(root, tmp_path):
    names = [path.replace("/", "_") for path in paths()]
    (tmp_path / "photos").mkdir()
    for path, name in zip(paths(), names, strict=True):
        (root / path).rename(tmp_path / "photos" / name)
    pd.DataFrame({"file": names, "label": LABELS}).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(DataError, match=r"Next to it is 'labels\.csv'; if that contains the labels, give its path"):
        read(tmp_path / "photos")
    assert read(tmp_path / "labels.csv").modality == "image"
