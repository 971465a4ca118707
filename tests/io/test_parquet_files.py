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


def pages_read(monkeypatch):
    """How often a table was read, and so its pages decompressed."""
    read, found = parquet.ParquetFile.read, []

    def noted(self, *given, **options):
        found.append(self)
        return read(self, *given, **options)

    monkeypatch.setattr(parquet.ParquetFile, "read", noted)
    return found


DISTINCT = [f"{k:03}" + "x" * 20_000 for k in range(100)]


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip"])
@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"data_page_version": "2.0"}], ids=str)
def test_compressed_texts_are_measured_before_they_are_decompressed(tmp_path, monkeypatch, codec, options):
    place, read = tmp_path / "bomb.parquet", pages_read(monkeypatch)
    parquet.write_table(pa.table({"id": DISTINCT, "n": range(100)}), place, compression=codec, **options)
    assert place.stat().st_size < 200_000
    assert read_parquet(place)["id"].to_pylist() == DISTINCT
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 1_000_000)
    with pytest.raises(ModelFolderError, match="the limit for a table of a run"):
        read_parquet(place)
    assert len(read) == 1
    assert read_parquet(place, ["n"]).num_rows == 100  # the other column is not read


def test_a_footer_that_makes_pages_smaller_than_they_are_is_not_believed(tmp_path, monkeypatch):
    place, read = tmp_path / "bomb.parquet", pages_read(monkeypatch)
    parquet.write_table(pa.table({"id": DISTINCT}), place, compression="zstd", use_dictionary=False)
    chunk = parquet.read_metadata(place).row_group(0).column(0)
    claimed, small = (_zigzag(size) for size in (chunk.total_uncompressed_size, 1000))
    raw = place.read_bytes()
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    lying = raw[footer:-8].replace(claimed, small + b"")
    place.write_bytes(raw[:footer] + lying + len(lying).to_bytes(4, "little") + b"PAR1")
    assert parquet.read_metadata(place).row_group(0).column(0).total_uncompressed_size == 1000
    assert parquet.read_table(place).num_rows == 100  # the reader itself believes the pages
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 1_000_000)
    with pytest.raises(ModelFolderError, match="the limit for a table of a run"):
        read_parquet(place)
    assert read == []


def _zigzag(value):
    """A number as Thrift's compact protocol writes it."""
    left, parts = 2 * value, []
    while left > 127:
        parts.append(left & 127 | 128)
        left >>= 7
    return bytes([*parts, left])


def test_values_that_expand_beyond_their_page_are_refused(tmp_path):
    """A text that repeats the beginning of the one before takes a few bytes, however long it is."""
    place = tmp_path / "delta.parquet"
    options = {"use_dictionary": False, "column_encoding": {"id": "DELTA_BYTE_ARRAY"}}
    parquet.write_table(pa.table({"id": DISTINCT}), place, **options)
    with pytest.raises(ModelFolderError, match="in a way that a run never does"):
        read_parquet(place)


def test_damaged_headers_of_pages_are_one_sentence(tmp_path):
    place = written(tmp_path / "a.parquet", id=["a", "b", "c"] * 50, n=list(range(150)))
    raw, draw = place.read_bytes(), np.random.default_rng(0)
    start = parquet.read_metadata(place).row_group(0).column(0).dictionary_page_offset
    said = []
    for _ in range(150):
        changed = bytearray(raw)
        changed[start + int(draw.integers(0, 60))] = int(draw.integers(0, 256))
        place.write_bytes(changed)
        try:
            read_parquet(place)
        except ModelFolderError as error:
            said.append(str(error))
    assert len(said) > 50
    assert not any("\n" in one for one in said)


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
