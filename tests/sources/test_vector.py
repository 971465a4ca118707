"""Rows of numbers as a source."""

import numpy as np
import pytest

from headstart.engine.extract import extract
from headstart.errors import ItemError
from headstart.sources.vector import VectorSource


def test_a_matrix_of_float32_is_given_on_as_it_is(tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(3, dtype=np.float32))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert VectorSource().encode(rows) is rows
    assert VectorSource().ready_rows(rows) is rows
    assert VectorSource().encode(list(rows)).dtype == np.float64


def test_rows_that_have_to_be_looked_at_one_by_one_are_not_given_as_a_whole():
    assert VectorSource().ready_rows([[1.0]]) is None
    assert VectorSource().ready_rows(np.array([["a"]])) is None
    assert VectorSource().ready_rows(np.array([[1.0], [np.nan]])) is None


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, bool])
def test_rows_are_given_on_as_float64(dtype):
    rows = np.array([[1, 0, 3], [4, 5, 6]]).astype(dtype)
    for out in (VectorSource().encode(rows), extract(VectorSource(), rows).rows, VectorSource().encode(rows.tolist())):
        assert out.dtype == np.float64
        np.testing.assert_array_equal(out, rows.astype(np.float64))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_must_be_finite(bad):
    rows = np.array([[1.0, 2.0], [3.0, bad]])
    with pytest.raises(ItemError, match="column 1"):
        VectorSource().encode(rows)
    assert list(extract(VectorSource(), rows).failures) == [1]


@pytest.mark.parametrize("item", ["text", None, [], [[1.0]], 3.0, ["a", "b"]])
def test_nonsense_rows(item):
    with pytest.raises(ItemError):
        VectorSource().prepare(item)


def test_ragged_rows():
    with pytest.raises(ItemError, match="equally long"):
        VectorSource().encode([[1.0], [1.0, 2.0]])


def test_vector_has_no_body(tmp_path):
    assert VectorSource().untrained(0) is None
    assert VectorSource().save(tmp_path) == {"name": "vector"}
