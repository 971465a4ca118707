"""Tables whose items are several columns."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.data import audit, read
from headstart.errors import DataError


def make_table(tmp_path, n=12):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(tmp_path / f"{i}.png")
        note = f"number {i} is a long story of its own kind"
        rows.append({"photo": f"{i}.png", "note": note, "price": i + 0.5, "brand": "ab"[i % 2], "sold": "ny"[i // 6]})
    return pd.DataFrame(rows)


def test_columns_are_read_by_their_kinds(tmp_path):
    make_table(tmp_path).to_csv(tmp_path / "t.csv", index=False)
    data = read(tmp_path / "t.csv", item="price, photo,note,brand")
    assert data.modality == "multimodal"
    assert data.columns == ("photo:image", "note:text", "price:number", "brand:category")
    assert data.items[3] == (str(tmp_path / "3.png"), "number 3 is a long story of its own kind", (3.5, "b"))
    assert data.task.labels == ("n", "y")
    assert "Read each item from 4 columns" in data.notes[0]


def test_missing_cells_are_none_and_said(tmp_path):
    frame = make_table(tmp_path)
    frame.loc[2, "photo"], frame.loc[3, "note"], frame.loc[4, "price"] = None, " ", None
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = read(tmp_path / "t.csv", item=["photo", "note", "price"], label="sold")
    assert data.items[2][0] is None
    assert data.items[3][1] is None
    assert data.items[4][2] == (None,)
    assert sum("marks it as missing" in note for note in data.notes) == 3
    assert audit(data).keep.all()


def test_a_kind_can_be_given_and_holds_for_new_tables(tmp_path):
    frame = make_table(tmp_path)
    given = read(frame, item="brand:text,price:category,note", label="sold")
    assert given.columns == ("brand:text", "note:text", "price:category")
    new = read(frame[:1], item=given.columns, modality="multimodal", labelled=False)
    assert new.items[0] == ("a", "number 0 is a long story of its own kind", (0.5,))


def test_a_column_with_a_comma_is_one_column():
    frame = pd.DataFrame({"a,b": ["one two three", "four five six"] * 2, "label": ["x", "y"] * 2})
    assert read(frame, item="a,b").modality == "text"


def test_columns_that_are_not_there_are_named(tmp_path):
    frame = make_table(tmp_path)
    with pytest.raises(DataError, match="There is no column 'colour' in the DataFrame"):
        read(frame, item="note,colour", label="sold")
    with pytest.raises(DataError, match="twice"):
        read(frame, item="note,price,note:text", label="sold")
    frame["list"] = [[1.0, 2.0]] * len(frame)
    with pytest.raises(DataError, match="holds lists of numbers"):
        read(frame, item="note,list", label="sold")


def test_the_audit_reads_every_column(tmp_path):
    frame = make_table(tmp_path)
    (tmp_path / "5.png").write_bytes(b"no picture")
    frame.loc[7] = frame.loc[6]  # the same row
    frame.loc[9, ["photo", "note"]] = frame.loc[8, ["photo", "note"]]  # at another price
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = read(tmp_path / "t.csv", item="photo,note,price", label="sold")
    found = audit(data)
    assert np.flatnonzero(~found.keep).tolist() == [5]
    assert found.clusters[6] == found.clusters[7]
    assert len(np.unique(found.clusters)) == 11
    assert any("photo:" in finding.message for finding in found.findings)
