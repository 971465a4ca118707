"""The table of items of a version: labels in words and back, copies and contradictions, hostile tables."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from small_models import saved

from headstart.errors import ModelFolderError
from headstart.model import TransferModel
from headstart.transfer.teaching.known_items import KnownItems, codes_of, ids_of, known_items, labels_of, new_items
from headstart.types import Task

FIT = KnownItems(
    {"id": ["0", "1", "2", "3"], "part": ["train", "test", "fold 1", "unused"], "cluster": [0, 1, 2, 3],
     "content": ["x", "y", "z", "u"], "label": ["a", "b", None, "a"]}
)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "y"),
    [
        (Task("classification", ("a", "b|c", "d")), np.array([2, 0, 1])),
        (Task("multilabel", ("a", "b", "c")), np.array([[1.0, 0, 1], [0, 0, 0], [0, 1, 0]])),
        (Task("regression", ("x", "y")), np.array([[0.1, 1e-17], [2.5e30, -3.0]])),
    ],
)
def test_labels_in_words_are_read_back_exactly(task, y):
    np.testing.assert_array_equal(codes_of(task, labels_of(task, y)), y)


def test_only_items_in_the_fit_are_known():
    assert FIT.places == {"0": 0, "2": 2}
    assert FIT.contents == {"x": 0, "z": 2}


@pytest.mark.parametrize(
    ("contents", "labels", "relabel", "wanted"),
    [
        ("y", "b", False, ([0], [], [], {})),  # an item of the test part is new to the fit
        ("x", "a", False, ([], [], ["0"], {})),
        ("x", "b", False, ([], [], [], {"0": "0"})),
        ("x", "b", True, ([], [0], [], {})),
        ("xx", "ba", True, ([], [], ["1"], {"0": "1"})),  # the last one counts, and is the label of the fit
        ("vv", "aa", False, ([0], [], ["1"], {})),
        ("vv", "ab", False, ([], [], [], {"1": "0", "0": "1"})),
        ("vv", "ab", True, ([1], [], [], {"0": "1"})),
    ],
)
def test_copies_and_contradictions(contents, labels, relabel, wanted):
    found = new_items(FIT, [str(k) for k in range(len(contents))], list(contents), list(labels), relabel=relabel)
    assert (found.added, found.relabelled, found.duplicates, dict(found.contradictions)) == wanted
    assert found.unknown == 0


def test_a_copy_of_an_item_whose_label_is_not_kept_is_left_out_and_counted():
    found = new_items(FIT, ["7"], ["z"], ["a"], relabel=True)
    assert (found.added, found.relabelled, found.duplicates, found.unknown) == ([], [], [], 1)


def test_a_folder_without_a_table_knows_nothing_and_a_damaged_one_is_an_error(tmp_path):
    run = saved(tmp_path / "run")
    assert ids_of(run) == frozenset()
    parquet.write_table(pa.table({"id": ["item 0", "x"], "part": ["train", "test"], "content": ["c", "d"]}),
                        run / "splits.parquet")  # fmt: skip
    assert ids_of(run) == {"item 0"}
    assert known_items(TransferModel.load(run)).table["label"] == ["ant", None]
    (run / "splits.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(ModelFolderError, match="damaged"):
        ids_of(run)
