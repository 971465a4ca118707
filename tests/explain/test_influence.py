"""Influence is the change that a refit without the item makes, and names the items behind an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.data import read
from headstart.errors import DataError, ParameterError
from headstart.explain.asking.deletion import scores_without
from headstart.explain.asking.shown_items import CHANGED
from headstart.explain.asking.training_rows import encode_training
from headstart.explain.explain import ask

LABELS = ["a", "b", "c"]


def table(n=36, d=4, *, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    rows = rng.standard_normal((n, d)) + 1.5 * np.eye(3, d)[codes]
    return rows, [LABELS[k] for k in codes]


def shifted(scores, contrast):
    return scores @ contrast.weights


@pytest.mark.parametrize("head", ["ridge", "lda"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("columns", [4, 60])
def test_the_influence_of_each_item_is_that_of_forgetting_it(head, class_weight, kept, columns):
    rows, labels = table(d=columns)
    labels[0] = labels[1] = "c"  # classes of different sizes, so balanced weights differ from ones
    model = headstart.fit((rows, labels), heads=[head], class_weight=class_weight, verbose=False).model
    model = model if kept else replace(model, certainty=None)
    found = model.explain(rows[5] + 0.1, method="influence", training=(rows, labels), label="b")["influence"]
    query = ask(model, rows[5] + 0.1, label="b")
    for place in range(0, len(rows), 5):
        without = model.forget([rows[place]], [labels[place]])
        change = query.value - float(shifted(without.head.scores(query.row), query.contrast)[0])
        assert abs(found.shown.values[place] - change) < 1e-10


def test_supporters_and_opponents_are_in_order_with_names_labels_and_numbers():
    rows, labels = table()
    model = headstart.fit((rows, labels), heads=["ridge"], verbose=False).model
    shown = model.explain(rows[5], method="influence", training=(rows, labels), count=4)["influence"].shown
    values = [item.value for item in shown.supporters]
    assert values == sorted(values, reverse=True)
    assert min(values) > 0
    assert values[0] == shown.values.max()
    assert [item.value for item in shown.opponents] == sorted(item.value for item in shown.opponents)
    first = shown.supporters[0]
    assert first.label == labels[int(first.id)]
    assert first.text.startswith(f"{rows[int(first.id)][0]:.4g}")


def test_the_output_without_an_item_keeps_the_calibration():
    rows, labels = table()
    model = headstart.fit((rows, labels), heads=["ridge"], verbose=False).model
    query = ask(model, rows[5], training=(rows, labels))
    found = model.explain(rows[5], method="influence", training=(rows, labels))["influence"].shown.supporters[0]
    without = model.forget([rows[int(found.id)]], [labels[int(found.id)]])
    assert abs(found.output_without - without.outputs(query.row)[0][query.contrast.target]) < 1e-9


def test_a_regression_gives_influence_in_units_of_its_target():
    rows, _ = table()
    values = rows @ np.array([1.0, -2.0, 0.5, 0.0])
    model = headstart.fit((rows, values), task="regression", verbose=False).model
    training = encode_training(model, read((rows, values), task="regression"))
    query = ask(model, rows[3], training=training)
    for place in (0, 7):
        change = scores_without(query, training)[place, 0]
        without = model.forget([rows[place]], [values[place]])
        assert abs(change - float(without.head.scores(query.row)[0, 0])) < 1e-10


def test_other_items_than_those_of_the_fit_are_refused():
    rows, labels = table()
    model = headstart.fit((rows, labels), heads=["ridge"], verbose=False).model
    shown = model.explain(rows[0], method="influence", training=(rows + 1.0, labels))["influence"].shown
    assert {item.text for item in shown.supporters} == {CHANGED}
    model = replace(model, certainty=None)
    with pytest.raises(DataError, match="are not those that the model was fitted on"):
        model.explain(rows[0], method="influence", training=(rows + 1.0, labels))


def test_a_head_without_a_closed_form_is_refused_in_a_sentence():
    rows, labels = table()
    model = headstart.fit((rows, labels), heads=["knn"], verbose=False).model
    with pytest.raises(ParameterError, match="not 'knn'"):
        model.explain(rows[0], method="influence", training=(rows, labels))


def test_items_of_groups_are_deleted_one_at_a_time():
    rows, labels = table()
    frame = pd.DataFrame(rows, columns=list("pqrs")).assign(label=labels, who=[f"g{k // 6}" for k in range(len(rows))])
    model = headstart.fit(frame, label="label", group_col="who", heads=["ridge"], verbose=False).model
    assert model.certainty.groups is not None
    query = ask(model, rows[5])
    found = model.explain(rows[5], method="influence")["influence"].shown.values
    for place in (0, 5, 17):
        without = model.forget([rows[place]], [labels[place]])
        change = query.value - float(query.contrast(without.head.scores(query.row))[0])
        assert abs(found[place] - change) < 1e-10


def test_the_influence_read_from_a_folder_is_that_in_memory(tmp_path):
    rows, labels = table()
    run = headstart.fit((rows, labels), heads=["lda"], out=tmp_path / "run", verbose=False)
    again = headstart.load(tmp_path / "run").explain(rows[4], method="influence")["influence"]
    here = run.explain(rows[4], method="influence")["influence"]
    assert np.abs(again.shown.values - here.shown.values).max() < 1e-12


def test_without_the_only_item_of_a_class_nothing_is_known_of_it():
    rows, labels = table()
    labels[7] = "rare"
    model = headstart.fit((rows, labels), heads=["lda"], verbose=False).model
    found = model.explain(rows[7], label="rare", method="influence")["influence"]
    assert found.shown.values[7] == np.inf
    assert found.shown.supporters[0].id == "7"
    assert "only ones of their class" in found.notes[2]
    other = model.explain(rows[5], label="a", method="influence")["influence"]
    assert np.isnan(other.shown.values[7])
    assert "7" not in {item.id for item in (*other.shown.supporters, *other.shown.opponents)}
