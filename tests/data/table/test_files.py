"""Tables: formats, encodings, separators, the roles of columns, and every table that cannot be read."""

import bz2
import datetime as dt
import decimal
import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pytest

from headstart.data import read
from headstart.errors import DataError

TEXTS = ["where is my card", "close my account", "where is it", "please close it"]
LABELS = ["card", "close", "card", "close"]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def csv_of(separator=",", header=("text", "label")):
    return "\n".join([separator.join(header), *(separator.join(row) for row in zip(TEXTS, LABELS, strict=True))])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(tmp_path, separator):
    data = read(write(tmp_path / "a.csv", csv_of(separator)))
    assert data.items == TEXTS
    assert data.task.labels == ("card", "close")
    assert data.modality == "text"
    assert any("separated by" in note for note in data.notes) == (separator != ",")


def test_json_parquet_and_tsv(tmp_path):
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS})
    frame.to_parquet(tmp_path / "a.parquet")
    records = frame.to_dict("records")
    (tmp_path / "a.json").write_text(json.dumps(records))
    for name in ("a.jsonl", "a.ndjson"):
        (tmp_path / name).write_text("\n".join(map(json.dumps, records)) + "\n\n")
    (tmp_path / "a.tsv").write_text(csv_of("\t"))
    for name in ("a.parquet", "a.json", "a.jsonl", "a.ndjson", "a.tsv"):
        data = read(tmp_path / name)
        assert (data.items, data.y.tolist()) == (TEXTS, [0, 1, 0, 1]), name


@pytest.mark.parametrize(("encoding", "said"), [("latin-1", "Windows-1252"), ("utf-8-sig", None), ("utf-16", "UTF-16")])
def test_encodings(tmp_path, encoding, said):
    data = read(write(tmp_path / "a.csv", csv_of().replace("card", "café"), encoding))
    assert data.task.labels == ("café", "close")
    assert any(said in note for note in data.notes) if said else not any("UTF" in note for note in data.notes)


def test_quotes_that_do_not_pair(tmp_path):
    data = read(write(tmp_path / "a.tsv", 'text\tlabel\n"an open quote\tx\nplain text\ty\n'))
    assert data.items == ['"an open quote', "plain text"]
    assert any("quotation marks" in note for note in data.notes)


def test_what_is_inferred_is_said(tmp_path):
    data = read(write(tmp_path / "a.csv", csv_of(header=("utterance", "Intent"))))
    assert (
        "Read the labels from column 'Intent': 2 classes, so the task is classification; set it with --label and "
        "--task." in data.notes
    )
    assert any("from column 'utterance'" in note for note in data.notes)


def test_unknown_names_of_columns(tmp_path):
    data = read(write(tmp_path / "a.csv", csv_of(header=("foo", "bar"))))
    assert data.items == TEXTS
    assert data.task.column == "bar"


def test_the_longest_text_is_the_item():
    frame = pd.DataFrame({"a": ["x y"] * 4, "b": TEXTS, "c": LABELS})
    assert read(frame).items == TEXTS
    assert read(frame, item="a").items == ["x y"] * 4


def test_label_column_that_cannot_be_told():
    with pytest.raises(DataError, match=r"Cannot tell which column .* --label"):
        read(pd.DataFrame({"a": TEXTS, "b": ["p q", "r s", "t u", "v w"]}))


def test_a_split_column():
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS, "Split": ["train", "Train", "valid", "test"]})
    assert read(frame).split.tolist() == ["train", "train", "val", "test"]


def test_groups_and_times():
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS, "who": ["a", "b", None, "a"]})
    frame["when"] = ["2024-01-01", "2024-01-03", "2024-01-02", "2023-12-31T12:00"]
    data = read(frame, group_col="who", time_col="when")
    assert data.groups.tolist() == ["a", "b", "row 2", "a"]
    assert np.argsort(data.times).tolist() == [3, 0, 2, 1]
    assert data.times[1] - data.times[0] == 2 * 86400
    assert any("1 row has no 'who'" in note for note in data.notes)
    assert read(frame.assign(when=[4, 3, 2, 1]), time_col="when").times.tolist() == [4, 3, 2, 1]


def test_times_that_are_none():
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS, "when": ["2024-01-01", "soon", "2024-01-02", "2024-01-03"]})
    with pytest.raises(DataError, match="row 1 holds 'soon'"):
        read(frame, time_col="when")


def test_numbers_are_a_vector():
    frame = pd.DataFrame(
        {"id": [0, 1, 2, 3], "a": [0.5, 1, 2, 3], "b": [1, 2, 3, 4], "name": list("wxyz"), "y": LABELS}
    )
    data = read(frame)
    assert data.modality == "vector"
    assert np.asarray(data.items).tolist() == [[0.5, 1], [1, 2], [2, 3], [3, 4]]
    assert "Left out 'id', 'name', which are not features." in data.notes
    assert "Left out 'name', which is not a feature." in read(frame.drop(columns="id")).notes


def test_the_index_column_of_pandas_is_no_feature(tmp_path):
    frame = pd.DataFrame({"a": [0.5, 1, 2, 3], "y": LABELS})
    frame.to_csv(tmp_path / "a.csv")
    assert np.asarray(read(tmp_path / "a.csv").items).shape == (4, 1)


def test_a_table_without_a_header(tmp_path):
    data = read(write(tmp_path / "a.csv", "0.5,1.5,0\n1.5,2.5,1\n3.5,0.5,0\n1.0,2.5,1\n"))
    assert np.asarray(data.items).shape == (4, 2)
    assert data.task.kind == "classification"
    assert any("no header" in note for note in data.notes)


def test_ten_thousand_columns(tmp_path):
    """What is wrong is short; that such a table is read and fitted is a story of the command line."""
    names = ",".join(f"c{index}" for index in range(10_000))
    row = ",".join(["0.25"] * 10_000)
    path = write(tmp_path / "a.csv", f"{names}\n" + f"{row}\n" * 8)
    with pytest.raises(DataError, match="and 9990 more") as caught:
        read(path, label="c10001")
    assert len(str(caught.value)) < 500
    with pytest.raises(DataError, match="and 9990 more"):
        read(path.rename(tmp_path / "b.csv"))


def test_a_column_of_lists_is_a_vector():
    data = read(pd.DataFrame({"features": [[1.0, 2.0], [3.0, 4.0]], "label": ["a", "b"]}))
    assert np.asarray(data.items).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(DataError, match="differ in length"):
        read(pd.DataFrame({"features": [[1.0, 2.0], [3.0]], "label": ["a", "b"]}))


def test_paths(folder_of_pictures):
    root = folder_of_pictures("x/1.png", "x/2.png", "x/3.png")
    path = write(root / "a.csv", "note,image,label\nfirst one of all,x/1.png,a\nsecond,x/2.png,b\nthird,gone.png,a\n")
    data = read(path)
    assert data.ids == ("x/1.png", "x/2.png", "gone.png")
    assert data.modality == "image"
    assert read(path, modality="text", item="note").modality == "text"


def test_paths_that_lead_nowhere(tmp_path):
    path = write(tmp_path / "a.csv", "file,label\nx/1.png,a\nx/2.png,b\n")
    for item in (None, "file"):
        with pytest.raises(DataError, match=r"'x/1\.png', but none of the first 2 files exists"):
            read(path, item=item)


def test_encoded_pictures_in_parquet(tmp_path, folder_of_pictures):
    root = folder_of_pictures("1.png", "2.png")
    cells = [{"bytes": (root / name).read_bytes(), "path": name} for name in ("1.png", "2.png")]
    pd.DataFrame({"image": cells, "label": ["a", "b"]}).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").modality == "image"


def test_missing_labels_are_set_aside(tmp_path):
    data = read(write(tmp_path / "a.csv", "text,label\none two,x\nthree,\nfour,nan\nfive six,y\nsix,  \n"))
    assert data.ids == ("0", "3")
    assert "Set aside 3 of 5 rows, which have no label: rows 1, 2, 4." in data.notes
    with pytest.raises(DataError, match=r"No row of .* has a label"):
        read(write(tmp_path / "b.csv", "text,label\none two,\nthree,\n"))


def test_unlabelled_tables(tmp_path):
    path = write(tmp_path / "a.csv", csv_of())
    data = read(path, labelled=False)
    assert (data.items, data.task, data.y) == (TEXTS, None, None)
    assert read(path, label="absent", labelled=False).items == TEXTS
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "label": [0, 1]})
    assert np.asarray(read(frame, labelled=False).items).shape == (2, 2)
    assert np.asarray(read(frame[["a", "b"]], labelled=False).items).shape == (2, 2)


def test_a_missing_column(tmp_path):
    path = write(tmp_path / "a.csv", csv_of())
    with pytest.raises(DataError, match=r"no column 'Label' .* Did you mean 'label'\? Its columns are 'text', 'label'"):
        read(path, label="Label")
    for name in ("item", "group_col", "time_col"):
        with pytest.raises(DataError, match="no column 'absent'"):
            read(path, **{name: "absent"})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "text,label,label\na,b,c\n", "more than one column named 'label'"),
        ("a.csv", "", "is empty"),
        ("a.csv", "text,label\n", "has no rows"),
        (
            "a.csv",
            "text,label\na,x\nb,y,z,w\n",
            "1 of 2 rows .* line 3: it has 4 cells, but the header has 2",
        ),
        (
            "a.csv",
            "text,label\na,x,p\nb,y,q\n",
            "2 of 2 rows do not have as many cells as the header",
        ),
        ("a.jsonl", '{"text": "a"}\n{"text": ', "Line 2 of .* is not valid JSON"),
        ("a.jsonl", "[1, 2]\n", "it is not a JSON object but of type int"),
        ("a.json", "[1,", "is not valid JSON"),
        ("a.parquet", "no parquet", "as Parquet"),
    ],
)
def test_bad_tables(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / name, text))


def test_all_text_and_no_items():
    with pytest.raises(DataError, match=r"Cannot tell which column .* holds the items"):
        read(pd.DataFrame({"label": LABELS}))


def test_a_modality_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="read as text, but image was asked for"):
        read(write(tmp_path / "a.csv", csv_of()), modality="image")


def test_duplicate_columns_of_a_frame():
    with pytest.raises(DataError, match="more than one column named 'a'"):
        read(pd.DataFrame([[1, 2, 0]], columns=["a", "a", "label"]))


@pytest.mark.parametrize("pack", [gzip, bz2, lzma])
def test_packed_tables(tmp_path, pack):
    name = {gzip: "a.csv.gz", bz2: "a.csv.bz2", lzma: "a.jsonl.xz"}[pack]
    lines = "\n".join(json.dumps({"text": text, "label": label}) for text, label in zip(TEXTS, LABELS, strict=True))
    (tmp_path / name).write_bytes(pack.compress((lines if "jsonl" in name else csv_of()).encode()))
    assert read(tmp_path / name).items == TEXTS
    assert read(tmp_path).items == TEXTS
    (tmp_path / name).write_bytes(pack.compress(csv_of().encode())[:-12])
    with pytest.raises(DataError, match=r"Cannot (unpack|read)"):
        read(tmp_path / name)


def test_copies_of_a_column_are_left_out_and_said(tmp_path):
    path = write(tmp_path / "a.csv", "text,label,label\na b,x,x\nc d,y,y\n")
    data = read(path)
    assert data.task.labels == ("x", "y")
    assert "Left out copies of the column 'label'." in data.notes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"text": ["a b", "c d"], "label": ["x", "y"]}'),
        ("a.json", '{"text": {"0": "a b", "1": "c d"}, "label": {"0": "x", "1": "y"}}'),
        ("a.json", '{"version": 1, "data": [{"text": "a b", "label": "x"}, {"text": "c d", "label": "y"}]}'),
        ("a.json", '{"text": "a b", "label": "x"}\n{"text": "c d", "label": "y"}'),
        ("a.jsonl", '[{"text": "a b", "label": "x"},\n {"text": "c d", "label": "y"}]'),
        ("a.json", '[\n {"text": "a b",\n "label": "x"},\n {"text": "c d", "label": "y"}]'),
    ],
)
def test_forms_of_json(tmp_path, name, text):
    data = read(write(tmp_path / name, text))
    assert (data.items, data.task.labels) == (["a b", "c d"], ("x", "y"))


@pytest.mark.parametrize("bad", ['{"text": "half \\ud83d", "label": "a"}', '{"text": "cut', "[1]", "null", "no json"])
def test_one_bad_record_is_named_and_set_aside(tmp_path, bad):
    lines = [json.dumps({"text": f"post {row}", "label": "ab"[row % 2]}) for row in range(40)]
    lines.insert(4, bad)
    data = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert len(data) == 40
    assert data.ids[4] == "5"
    assert any(note.startswith("Set aside 1 of 41 rows of 'a.jsonl': row 4 (line 5): it ") for note in data.notes)


def test_types_of_databases(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 12
    when = [dt.datetime(2024, 1, 1 + row) for row in range(count)]
    table = pa.table(
        {
            "note": pa.array([f"note number {row}" for row in range(count)]).dictionary_encode(),
            "price": pa.array([decimal.Decimal(f"{row}.25") for row in range(count)], pa.decimal128(10, 2)),
            "size": pa.array([None, *(row % 3 for row in range(1, count))], pa.int64()),
            "seen": pa.array(when, pa.timestamp("us", "UTC")),
            "day": pa.array([moment.date() for moment in when]),
            "flag": pa.array([row % 2 == 0 for row in range(count)]),
            "kind": pa.array(["x", "y"] * 6).dictionary_encode(),
            "stars": pa.array([row % 3 for row in range(count)], pa.int8()),
            "tags": pa.array([["a", "b"], ["b"]] * 6),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    path = tmp_path / "a.parquet"
    assert read(path, label="kind").task.labels == ("x", "y")
    assert read(path, label="kind").columns == ("note",)
    assert read(path, label="stars").task.labels == ("0", "1", "2")
    assert read(path, label="flag").task.labels == ("False", "True")
    assert read(path, label="price").y.ravel().tolist() == [row + 0.25 for row in range(count)]
    assert read(path, label="tags").task.labels == ("a", "b")
    data = read(path, label="size")
    assert (len(data), data.task.labels) == (11, ("0", "1", "2"))
    pq.write_table(table.drop_columns(["note", "tags"]), path)
    assert set(read(path, label="kind").columns) == {"price", "size", "flag", "stars"}
