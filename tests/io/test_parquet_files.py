"""Tables of run folders, which may come from anyone: what they hold, and bounds on what they describe."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from headstart.errors import ModelFolderError
from headstart.io import parquet_files, read_parquet, read_start


def written(place, **columns):
    parquet.write_table(pa.table(columns), place)
    return place


def test_a_table_comes_back_as_it_was_written(tmp_path):
    texts = ["a", None, "\u732b", "a"]
    place = written(tmp_path / "a.parquet", id=texts, n=[1, 2, 3, 4], p=np.linspace(0, 1, 4), yes=[True, False] * 2)
    found = read_parquet(place)
    assert found.equals(parquet.read_table(place))
    assert read_parquet(place, ["n", "id"]).column_names == ["n", "id"]
    assert len(read_parquet(written(tmp_path / "none.parquet", id=pa.array([], pa.string())))) == 0


@pytest.mark.parametrize("columns", [{"id": ["x" * 1000] * 5000}, {"n": np.zeros(400_000)}], ids=["texts", "numbers"])
def test_a_small_file_that_describes_a_large_table_is_refused(tmp_path, monkeypatch, columns):
    """Kind: hostile input is bounded before memory is taken."""
    place = written(tmp_path / "bomb.parquet", **columns)
    assert place.stat().st_size < 200_000
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 2_000_000)
    with pytest.raises(ModelFolderError, match="the limit for a table of a run"):
        read_parquet(place)


def test_a_large_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    place = tmp_path / "large.parquet"
    place.write_bytes(b"no table" * 100)
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 100)
    with pytest.raises(ModelFolderError, match="the limit for a table of a run"):
        read_parquet(place)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: place.write_bytes(b"PAR1 nothing"), "is damaged"),
        (lambda place: written(place, other=[1]), "no column 'id'"),
        (lambda place: written(place, id=[[1, 2]]), "where a run keeps numbers and texts"),
        (lambda place: place.with_name("b").touch(), "cannot be read"),
    ],
    ids=["damaged", "no column", "lists", "missing"],
)
def test_what_is_no_table_of_a_run_is_one_sentence(tmp_path, make, words):
    place = tmp_path / "a.parquet"
    make(place)
    with pytest.raises(ModelFolderError, match=words):
        read_parquet(place, ["id"])


def test_of_a_long_text_file_the_beginning_is_read(tmp_path):
    (tmp_path / "README.md").write_bytes(b"\xff# A body" + b" " * 5000)
    assert read_start(tmp_path / "README.md", 4) == "\ufffd# A"
