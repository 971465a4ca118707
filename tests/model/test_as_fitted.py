"""A model that was fitted on a column of a table also reads lists, which have no columns."""

from __future__ import annotations

import pytest

import headstart
from headstart.errors import DataError

TEXTS = ["good film", "a good one", "bad film", "a bad one"] * 5
TABLE = {"text": TEXTS, "mood": ["+", "+", "-", "-"] * 5}


@pytest.fixture(scope="module")
def model():
    return headstart.fit(TABLE, label="mood", source="toy", baselines="none", verbose=False).model


def test_a_list_of_items_needs_no_column(model):
    assert model.item_column == "text"
    assert len(model.suggest(["so good", "so very good", "what a bad film"], n=2)) == 2
    assert headstart.evaluate(model, (["so good", "so bad"], ["+", "-"]), verbose=False).evaluation.n == 2


def test_a_table_without_the_column_is_still_refused(model):
    with pytest.raises(DataError, match="text"):
        model.suggest({"sentence": ["so good", "so bad"], "other": ["x", "y"]}, n=1)


def test_a_column_that_is_named_for_a_list_is_still_refused(model):
    with pytest.raises(DataError, match="has no columns"):
        model.suggest(["so good", "so bad"], n=1, group_col="patient")
