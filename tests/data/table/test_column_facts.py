"""The facts of a column: each is found once, and says the same however often it is asked for."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from headstart.data import read
from headstart.data.table.column_facts import ColumnFacts, facts_of


def facts(values, name="a", **more):
    return ColumnFacts(name, pd.Series(values, **more))


def test_what_is_known_of_a_column_with_gaps():
    found = facts(["a", None, "b", float("nan"), "a"])
    assert (len(found), found.missing, found.known.tolist(), found.distinct) == (5, 2, ["a", "b", "a"], 2)


def test_a_column_without_gaps_is_not_copied():
    found = facts(np.arange(5.0))
    assert found.known is found.column


@pytest.mark.parametrize(
    ("values", "is_low", "repeats"),
    [
        (["a", "b", "a", "b"], True, True),
        (["a", "b", "c"], False, False),
        ([0.5, 0.5, 1.5, 1.5], False, True),  # fractions are no classes, unless the task is said to be one
        ([1.0, 1.0, 2.0, None, 2.0], True, True),
        ([["x"], ["x"]], True, True),  # lists cannot be counted
        ([None, None], False, False),
    ],
)
def test_whether_values_are_those_of_classes(values, is_low, repeats):
    assert (facts(values).is_low, facts(values).repeats) == (is_low, repeats)


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        (["one", "two"], "text"),
        ([[1.0, 2.0], (3, 4)], "array"),
        ([["a"], ["b"]], "other"),
        ([{"a": 1}], "other"),
        (["", " "], "other"),  # blanks say nothing
    ],
)
def test_what_cells_hold(values, cell):
    assert facts(values).cell == cell


def test_a_fact_is_found_once_and_only_if_asked_for(monkeypatch):
    """A guard of the cost: the cells are walked over for what is asked, and not again."""
    calls = Counter()
    for name in ("isna", "nunique", "isin"):
        original = getattr(pd.Series, name)
        monkeypatch.setattr(
            pd.Series, name, lambda self, *a, _f=original, _n=name, **k: calls.update([_n]) or _f(self, *a, **k)
        )
    column = facts_of(pd.DataFrame({"a": [0.0, 1.0, None] * 10}))["a"]
    assert not calls
    for _ in range(3):
        assert (column.distinct, column.missing, column.is_low, column.is_binary) == (2, 10, True, True)
    assert (calls["nunique"], calls["isin"]) == (1, 1)
    assert calls["isna"] <= 3  # once here, and inside of pandas' own counting


def test_no_column_is_walked_over_again_and_again_in_one_read(monkeypatch):
    """Missing cells are looked for once for all roles; once more where a column becomes items, labels or names."""
    calls = Counter()
    original = pd.Series.isna
    monkeypatch.setattr(pd.Series, "isna", lambda self: calls.update([self.name]) or original(self))
    original_dropna = pd.Series.dropna
    monkeypatch.setattr(pd.Series, "dropna", lambda self, **k: calls.update([self.name]) or original_dropna(self, **k))
    n = 60
    frame = pd.DataFrame({
        "id": range(n),
        "note": [f"a note on row {k}" for k in range(n)],
        "user_id": [f"u{k // 3}" for k in range(n)],
        "stars2": [k % 5 for k in range(n)],
    })  # fmt: skip
    data = read(frame)
    assert (data.columns, data.task.labels) == (("note",), ("0", "1", "2", "3", "4"))
    assert max(calls.values()) <= 5, calls
