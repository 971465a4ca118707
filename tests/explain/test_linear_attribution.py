"""The share of each column: the sum, units, and columns of items that have several kinds of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.errors import DataError, ParameterError


def test_the_shares_of_a_regression_are_the_weights_times_the_deviation_from_the_mean():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 3)) * [1.0, 10.0, 0.1] + [0.0, 50.0, 3.0]
    values = rows @ [2.0, -0.3, 5.0] + 7.0
    model = headstart.fit((rows, values), task="regression", baselines="none", verbose=False).model
    found = model.explain(rows[4])["linear_attribution"]
    expected = (rows[4] - rows.mean(axis=0)) * [2.0, -0.3, 5.0]
    assert np.abs(found.shown.values - expected).max() < 1e-2 * np.abs(expected).max()
    assert found.completeness < 1e-9
    assert found.baseline == pytest.approx(values.mean())
    assert found.unit == model.task.labels[0]


def table(n=60):
    rng = np.random.default_rng(0)
    kind = np.arange(n) % 2
    colour = np.where(rng.random(n) < 0.5, "red", "blue")
    return pd.DataFrame(
        {
            "note": [f"{'good' if k else 'bad'} thing {i}" for i, k in enumerate(kind)],
            "price": np.round(5 * kind + rng.standard_normal(n), 2),
            "colour": colour,
            "label": np.where(kind == 1, "yes", "no"),
        }
    )


def test_an_item_of_several_columns_gives_the_share_of_each():
    frame = table()
    items = ["note:text", "price:number", "colour:category"]
    run = headstart.fit(
        frame, item=items, label="label", source="note=toy", heads=["ridge"], fusion="concat", baselines="none",
        verbose=False,
    )  # fmt: skip
    item = ("good thing", (5.1, "red"))
    found = run.model.explain(item)["linear_attribution"]
    shares = {column.name: column for column in found.shown.columns}
    assert set(shares) == {"note", "price", "colour"}
    assert shares["price"].cell == "5.1"
    assert abs(found.shown.values.sum() - (found.value - found.baseline)) < 1e-9
    assert max(abs(shares["note"].value), abs(shares["price"].value)) > abs(shares["colour"].value)
    row = frame.iloc[1].to_dict() | {"note": "good thing", "price": 5.1, "colour": "red"}
    for same in (row, pd.Series(row), pd.DataFrame([row])):
        assert np.allclose(run.model.explain(same)["linear_attribution"].shown.values, found.shown.values)
    with pytest.raises(DataError, match="One item is explained at a time"):
        run.model.explain(frame)
    missing = run.model.explain((None, (5.1, "red")))["linear_attribution"]
    assert missing.shown.columns[0].cell == "(missing)"


def test_fused_sources_give_the_share_of_each_source():
    texts = [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)]
    run = headstart.fit(
        (texts, ["+", "+", "-", "-"] * 6), source=["toy", "headstart:text"], fusion="concat", heads=["ridge"],
        baselines="none", verbose=False,
    )  # fmt: skip
    found = run.model.explain("a good one", method="linear_attribution").attributions[0]
    assert found.title == "Share of each source"
    assert [column.name for column in found.shown.columns] == ["toy", "headstart:text"]
    assert found.completeness < 1e-6


def test_a_head_that_is_not_linear_is_refused():
    rows = np.random.default_rng(0).standard_normal((30, 2))
    model = headstart.fit((rows, list("ab") * 15), heads=["knn"], baselines="none", verbose=False).model
    with pytest.raises(ParameterError, match="a linear head, not 'knn'"):
        model.explain(rows[0], method="linear_attribution")
