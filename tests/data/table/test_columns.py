"""What columns stand for: labels in several columns, nested names, identifiers of files, and what is not used."""

import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from headstart.data import audit, read
from headstart.errors import DataError

TEXTS = ["where is my card", "close my account", "where is it", "please close it"]
LABELS = ["card", "close", "card", "close"]


def lines(path, records):
    path.write_text("\n".join(map(json.dumps, records)))
    return path


@pytest.mark.parametrize("lead", [{}, {"id": ["a1", "b2", "c3", "d4"]}])
def test_columns_of_0_and_1_are_labels(tmp_path, lead):
    flags = {"is_late": [0, 1, 1, 0], "is_damaged": [1, 0, 0, 0], "is_angry": [0, 0, 1, 1]}
    pd.DataFrame({**lead, "comment_text": TEXTS, **flags}).to_csv(tmp_path / "a.csv", index=False)
    data = read(tmp_path / "a.csv")
    assert (data.modality, data.task.kind, data.task.labels) == ("text", "multilabel", tuple(flags))
    assert data.y.tolist() == np.array(list(flags.values())).T.tolist()
    assert (
        "Read the labels from the 3 columns 'is_late', 'is_damaged', 'is_angry', which hold only 0 and 1: multi-label; "
        "set them with --label." in data.notes
    )


def test_booleans_are_labels_and_other_columns_are_not():
    frame = pd.DataFrame({"text": TEXTS, "a": [True, False, True, True], "b": [0, 1, 0, 1], "c": [1, 2, 1, 2]})
    assert read(frame).task.labels == ("a", "b")
    assert "Did not use the column 'c'." in read(frame).notes
    assert read(frame, label="c").task.labels == ("1", "2")
    assert read(frame.assign(label=LABELS)).task.labels == ("card", "close")
    assert read(frame.drop(columns="b")).task.column == "c"
    assert read(frame[["text", "c", "b"]]).task.column == "b"
    assert read(frame, task="classification").task.column == "c"
    gaps = read(frame.assign(a=[True, None, False, True], b=[0, 1, None, 1]))
    assert (gaps.task.labels, gaps.ids) == (("a", "b"), ("0", "3"))


def test_columns_of_0_and_1_beside_numbers_are_features():
    frame = pd.DataFrame({"a": [0.5, 1, 2, 3], "b": [0, 1, 0, 1], "c": [1, 1, 0, 0]})
    data = read(frame)
    assert (data.columns, data.task.column) == (("a", "b"), "c")
    assert "Read each row as a vector of 2 number columns." in data.notes
    assert "Read each row as a vector of 1 number column." in read(frame[["a", "c"]]).notes


def test_columns_that_are_not_used_are_said():
    frame = pd.DataFrame({"text": TEXTS, "customer": list("abcd"), "price": [1.5, 2, 3, 4], "label": LABELS})
    assert "Did not use the columns 'customer', 'price'." in read(frame).notes
    assert "Did not use the column 'price'." in read(frame, group_col="customer").notes
    many = frame.assign(**{f"x{index}": 0.5 for index in range(12)})
    assert any(note.endswith("'x7' and 4 more.") for note in read(many).notes)
    assert not any("Did not use" in note for note in read(frame[["text", "label"]]).notes)


def test_nested_objects_become_columns(tmp_path):
    records = [
        {"data": {"text": text, "lang": "en"}, "annotation": {"by": {"name": "ann"}, "label": label}}
        for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    lines(tmp_path / "a.jsonl", [*records, {"data": None}])
    (tmp_path / "a.json").write_text(json.dumps(records))
    pd.DataFrame(records).to_parquet(tmp_path / "a.parquet")
    for data in (*(read(tmp_path / f"a.{kind}") for kind in ("jsonl", "json", "parquet")), read(records)):
        assert (data.items, data.task.labels, data.task.column) == (TEXTS, ("card", "close"), "annotation.label")
        assert "Did not use the columns 'data.lang', 'annotation.by.name'." in data.notes
    assert read(tmp_path / "a.json", labelled=False).items == TEXTS
    assert read(tmp_path / "a.json", item="data.text", label="annotation.label").task.labels == ("card", "close")


def test_nested_objects_that_cannot_be_columns(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"a.b": "one two", "a": {"b": "x"}}])
    with pytest.raises(DataError, match=r"The table '.*' has more than one column named 'a\.b'"):
        read(path)
    records = [
        {"text": text, "label": {str(row * 2000 + key): 1 for key in range(600)}} for row, text in enumerate(TEXTS)
    ]
    with pytest.raises(DataError, match="holds objects such as"):
        read(lines(tmp_path / "b.jsonl", records))
    mixed = [{"text": "a b", "label": "x"}, {"text": "c d", "label": {"name": "y"}}]
    with pytest.raises(DataError, match=r"holds objects such as \{'name': 'y'\}, not labels"):
        read(lines(tmp_path / "c.jsonl", mixed))


def test_media_cells_are_not_flattened(folder_of_pictures):
    root = folder_of_pictures("1.png", "2.png")
    cells = [{"bytes": (root / name).read_bytes(), "path": name} for name in ("1.png", "2.png")]
    data = read([{"image": cell, "label": label} for cell, label in zip(cells, "ab", strict=True)])
    assert (data.modality, data.items) == ("image", cells)


def test_whole_names_come_first_and_axes_are_no_labels():
    frame = pd.DataFrame(
        {"data.text": ["a b", "c d", "e f", "g h"], "text": TEXTS, "meta.label": LABELS, "label": list("xyxy")}
    )
    assert read(frame).items == TEXTS
    assert read(frame).task.labels == ("x", "y")
    frame = pd.DataFrame(
        {"gyro.x": [1.5, 2, 3, 4], "gyro.y": [1, 2, 1, 2], "gyro.index": [4, 3, 2, 1], "state": LABELS}
    )
    assert read(frame).columns == ("gyro.x", "gyro.y", "gyro.index")
    assert read(frame).task.column == "state"


@pytest.mark.parametrize("place", ["", "train/", "images/"])
@pytest.mark.parametrize("name", ["image_id", "id", "ImageID", "image"])
def test_names_of_files_without_extension(folder_of_pictures, place, name):
    root = folder_of_pictures(*(f"{place}7f{index}.jpg" for index in range(5)), f"{place}7f5.png", "test/8a0.jpg")
    rows = "".join(f"7f{index},{breed}\n" for index, breed in enumerate(["pug", "husky"] * 3))
    (root / "labels.csv").write_text(f"{name},breed\n{rows}7f6,pug\n")
    data = read(root / "labels.csv")
    assert (data.modality, data.task.labels) == ("image", ("husky", "pug"))
    assert data.ids == (*(f"7f{index}.jpg" for index in range(5)), "7f5.png", "7f6")
    assert any(note.startswith(f"Read column '{name}' as file names in") for note in data.notes)
    assert audit(data).keep.tolist() == [True] * 6 + [False]
    assert read(root / "labels.csv", item=name, modality="image", labelled=False).ids == data.ids
    assert read(root / "labels.csv", modality="text", item=name, label="breed").items[0] == "7f0"


def test_the_folder_with_most_of_the_files_is_taken(folder_of_pictures):
    root = folder_of_pictures("7f0.png", *(f"train/7f{index}.png" for index in range(4)), "test/7f1.png")
    pd.DataFrame({"image_id": [f"7f{index}" for index in range(4)], "breed": LABELS}).to_csv(root / "a.csv")
    assert read(root / "a.csv").items == [str(root / "train" / f"7f{index}.png") for index in range(4)]


def test_numbers_and_labels_of_0_and_1_beside_names_of_files(folder_of_pictures):
    root = folder_of_pictures("train/1.png", "train/2.png", "train/3.png", "train/4.png")
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "label": LABELS})
    frame.to_csv(root / "a.csv", index=False)
    assert read(root / "a.csv").ids == ("1.png", "2.png", "3.png", "4.png")
    flags = frame[["id"]].assign(id=["1", "2", "3", "4"], rust=[0, 1, 0, 0], scab=[1, 0, 1, 1])
    flags.to_parquet(root / "b.parquet")
    data = read(root / "b.parquet")
    assert (data.modality, data.task.labels) == ("image", ("rust", "scab"))
    frame.assign(width=[0.5, 1, 2, 3]).to_csv(root / "c.csv", index=False)
    assert read(root / "c.csv").columns == ("width",)
    assert read(root / "c.csv", modality="image").ids == ("1.png", "2.png", "3.png", "4.png")
    frame.assign(text=TEXTS).to_csv(root / "d.csv", index=False)
    assert read(root / "d.csv").items == TEXTS


def test_sounds_named_without_extension(tmp_path):
    for name in ("a1", "a2"):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    (tmp_path / "t.csv").write_text("clip_id,label\na1,x\na2,y\n")
    assert read(tmp_path / "t.csv").modality == "audio"


@pytest.mark.parametrize("sign", ["/", "\\"])
def test_files_named_with_their_folder_and_without_extension(tmp_path, sign):
    for name in ("a1", "a2"):
        (tmp_path / "clips" / "new").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clips" / "new" / f"{name}.wav").write_bytes(b"RIFF")
    (tmp_path / "t.csv").write_text(f"clip_id,label\nclips{sign}new{sign}a1,x\nclips{sign}new{sign}a2,y\n")
    data = read(tmp_path / "t.csv")
    assert (data.modality, data.ids) == ("audio", ("clips/new/a1.wav", "clips/new/a2.wav"))


def test_addresses_are_not_taken_for_lost_files(tmp_path):
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(f"https://x.org/{i}.png,{i % 2}\n" for i in range(8)))
    with pytest.raises(DataError, match=r"URLs such as 'https://x.org/0.png'.*download the files"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("kind", [Decimal, Fraction])
def test_decimals_of_a_database_are_numbers(kind):
    """Objects that are numbers, with gaps between, are features; as labels they keep their own names."""
    frame = pd.DataFrame(
        {"price": [kind("1.5"), None, kind("2"), kind("3.25")], "rate": [kind("1")] * 4, "kind": LABELS}
    )
    data = read(frame)
    assert data.columns == ("price", "rate")
    assert data.items[:, 0].tolist() == pytest.approx([1.5, np.nan, 2.0, 3.25], nan_ok=True)
    assert read(frame.assign(label=[kind("1"), kind("2")] * 2)).task.labels == ("1", "2")


def test_identifiers_without_files(tmp_path):
    path = tmp_path / "a.csv"
    for name in ("image_id", "id", "image"):
        path.write_text(f"{name},breed\n" + "".join(f"7f{row},{'ab'[row % 2]}\n" for row in range(8)))
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(caught.value).startswith(
            f"Column '{name}' of '{path}' looks like identifiers, but no pictures or sounds with these names were found"
        )
        assert str(caught.value).endswith("give a column of paths or texts with --item.")
        assert read(path, item=name, label="breed").modality == "text"


def test_identifiers_beside_texts_and_numbers():
    keys = ["u1", "u2", "u3", "u4"]
    assert read(pd.DataFrame({"user_id": keys, "word": list("wxyz"), "kind": LABELS})).items == list("wxyz")
    assert read(pd.DataFrame({"user_id": keys, "note": TEXTS, "kind": LABELS})).items == TEXTS
    data = read(pd.DataFrame({"user_id": keys, "age": [1, 2, 3, 4], "kind": LABELS}))
    assert (data.modality, data.columns) == ("vector", ("age",))
    assert "Left out 'user_id', which is an identifier; name the columns to read with --item." in data.notes


@pytest.mark.parametrize("name", ["userId", "movieId", "movie_id", "userid", "Patient ID", "sampleUUID", "USER_ID"])
def test_identifiers_are_no_features_and_no_targets_even_if_numbers_that_repeat(name):
    frame = pd.DataFrame({"age": [31, 42, 53, 64] * 3, name: [1, 2, 3, 3] * 3})
    with pytest.raises(DataError, match=r"Cannot tell which column of .* holds the labels"):
        read(frame.assign(age=np.arange(12)))
    data = read(frame.assign(state=LABELS * 3))
    assert (data.columns, data.task.column) == (("age",), "state")
    assert f"Left out '{name}', which is an identifier; name the columns to read with --item." in data.notes
    assert read(frame.assign(state=LABELS * 3), item=name).columns == (name,)


@pytest.mark.parametrize("name", ["acid", "humid", "row", "paid", "grid", "column"])
def test_words_that_end_like_identifiers_are_features(name):
    frame = pd.DataFrame({name: [1, 2, 3, 3] * 3, "state": LABELS * 3})
    assert read(frame).columns == (name,)


@pytest.mark.parametrize("name", ["label_id", "class_id", "category_id", "species id"])
def test_identifiers_of_classes_are_labels(name):
    assert read(pd.DataFrame({"text": TEXTS * 3, name: [1, 2, 1, 2] * 3})).task.column == name


def test_a_table_of_identifiers_and_times_is_refused(tmp_path):
    frame = pd.DataFrame(
        {"userId": [1, 1, 2], "movieId": [31, 1029, 31], "rating": [2.5, 3, 4], "timestamp": 1260759144}
    )
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "ratings.csv")
    assert "'userId' (identifier), 'movieId' (identifier), 'timestamp' (time) name or date a row" in str(caught.value)


@pytest.mark.realdata
def test_ratings_of_movies(real_data):
    folder = real_data / "recommendation/ml-latest-small"
    with pytest.raises(DataError, match=r"'userId' \(identifier\), 'movieId' \(identifier\)"):
        read(folder / "ratings.csv")
    data = read(folder / "movies.csv")
    assert (data.task.kind, data.columns) == ("multilabel", ("title",))


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-02 10:00:00", "2024-01-03T11:30:00Z"],
        ["02.01.2024 10:00", "31.12.2024 23:59"],
        ["1/2/2024", "12/31/2024"],
        ["Mon, 02 Jan 2024 10:00:00 GMT", "Tue, 03 Jan 2024 11:30:00 GMT"],
        ["Jan 2, 2024", "December 31, 2024"],
        pd.to_datetime(["2024-01-02", "2024-01-03"]).tolist(),
        pd.to_datetime(["2024-01-02", "2024-01-03"], utc=True).tolist(),
    ],
)
def test_times_are_no_items_and_no_labels(tmp_path, times):
    frame = pd.DataFrame({"created": times * 10, "note": ["short one", "brief"] * 10, "kind": ["x", "y"] * 10})
    frame["seen"] = times * 10
    frame = frame[["created", "note", "kind", "seen"]]
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for place in (frame, tmp_path / "a.csv", tmp_path / "a.parquet"):
        data = read(place, label="kind")
        assert (data.modality, data.columns) == ("text", ("note",))


def test_addresses_are_items_only_where_there_is_no_other_text():
    frame = pd.DataFrame({"link": [f"https://example.org/a/{row}" for row in range(6)], "label": ["x", "y"] * 3})
    assert read(frame).columns == ("link",)
    assert read(frame.assign(note=list("abcdef"))).columns == ("note",)


def test_the_index_of_joined_frames_is_no_feature(tmp_path):
    frame = pd.DataFrame({"a": [0.5, 1.5, 2.5, 3.5], "state": LABELS})
    pd.concat([frame, frame]).to_csv(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv").columns == ("a",)


@pytest.mark.parametrize(
    "cells", [["1,5", "2,25"], ["10", "20"], ["1.234,5", "0,5"], ["12%", "3%"], ["1 234", "5 678"]]
)
def test_strings_that_are_numbers_are_features_in_every_frame(tmp_path, cells):
    frame = pd.DataFrame({"size": cells * 6, "code": ["01", "1"] * 6, "state": ["x", "y", "y"] * 4})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    for data in map(read, [frame, tmp_path / "a.parquet", tmp_path / "a.jsonl"]):
        assert (data.modality, data.columns) == ("vector", ("size",))
        assert any(note.startswith("Read the strings of column 'size' as numbers") for note in data.notes)


@pytest.mark.parametrize("cells", [["1,5", "2,25"], ["1.234,50", "99,00"], ["$1.50", "$2.00"], ["12%", "3.5%"]])
def test_one_column_of_numbers_beside_texts_is_what_is_learnt(tmp_path, cells):
    rows = [f'a text of its own {row},"{row + 1}{cells[row % 2][1:]}"' for row in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["text,price", *rows]).replace('"$', '"').replace('"1$', '"'))
    data = read(tmp_path / "a.csv")
    assert (data.task.kind, data.task.column) == ("regression", "price")


def test_embeddings_in_a_text_file_are_vectors(tmp_path):
    frame = pd.DataFrame({"embedding": [[row + 0.5, 1.25, -3e-5] for row in range(8)], "label": list("ab") * 4})
    frame.to_csv(tmp_path / "a.csv", index=False)
    data = read(tmp_path / "a.csv")
    assert np.asarray(data.items).tolist() == frame["embedding"].tolist()


def test_texts_and_labels_that_are_no_unicode_are_set_aside_and_replaced_to_predict():
    texts = [*TEXTS[:3], "cut \ud83d"]
    for given in ((texts, LABELS), pd.DataFrame({"text": pd.Series(texts, dtype=object), "label": LABELS})):
        data = read(given)
        assert data.ids == ("0", "1", "2")
        assert "Set aside 1 of 4 rows: row 3: it contains half of a character (U+D83D)." in data.notes
    data = read(texts, labelled=False)
    assert data.items[3] == "cut \ufffd"
    assert any("Replaced invalid characters" in note for note in data.notes)
    assert read((TEXTS, [*LABELS[:3], "x\ud83d"])).task.labels == ("card", "close")


@pytest.mark.parametrize("name", ["photo", "name", "specimen", "key"])
def test_words_that_are_files_without_extension_are_files_whatever_the_column_is_called(folder_of_pictures, name):
    root = folder_of_pictures(*(f"images/{index:03d}.jpg" for index in range(12)))
    words = [f"{index:03d}" for index in range(11)] + ["not here"]
    pd.DataFrame({name: words, "breed": ["pug", "husky"] * 6}).to_csv(root / "a.csv", index=False)
    data = read(root / "a.csv")
    assert (data.modality, audit(data).keep.sum()) == ("image", 11)
    assert any("'000.jpg' (11 of 12 have one)" in note for note in data.notes)


def test_numbers_that_name_files_with_one_missing_or_doubled(folder_of_pictures):
    root = folder_of_pictures(*(f"{index}.jpg" for index in range(12)))
    frame = pd.DataFrame({"image_id": [*range(11), None], "breed": ["pug", "husky"] * 6})
    frame.to_csv(root / "a.csv", index=False)
    data = read(root / "a.csv")
    assert (data.modality, len(data), audit(data).keep.sum()) == ("image", 11, 11)
    frame.assign(image_id=[*range(11), 3]).to_csv(root / "a.csv", index=False)
    assert read(root / "a.csv").modality == "image"


@pytest.mark.parametrize("name", ["id", "split"])
def test_lists_neither_name_rows_nor_splits(name):
    """Lists cannot be compared by hash, so a column of them was an error whatever else the table held."""
    lists = [["train"], ["test"], ["train"], ["train"]]
    data = read(pd.DataFrame({name: lists, "text": TEXTS, "label": LABELS}))
    assert (data.columns, data.task.labels, data.split) == (("text",), ("card", "close"), None)
    assert f"Did not use the column '{name}'." in data.notes


@pytest.mark.parametrize("odd", [float("inf"), [1.0, "x"], [[1.0], [2.0]]])
def test_a_cell_that_is_no_list_of_numbers_is_named(odd):
    vectors = [[float(k), 1.0] for k in range(120)]
    vectors[1] = odd  # between the cells that are looked at to tell what the column holds
    frame = pd.DataFrame({"vector": pd.Series(vectors, dtype=object), "label": ["a", "b"] * 60})
    with pytest.raises(DataError, match="Row 1 of column 'vector' of the DataFrame must hold a list of numbers"):
        read(frame)
