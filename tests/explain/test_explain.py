"""`explain`: which methods are used, what is refused, and what an explanation gives."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.errors import DataError, ItemError, ParameterError, UnknownNameError
from headstart.explain import METHODS, Explanation, ExplanationMethod, explain

TEXTS = ["a good film", "good fun", "a bad film", "bad luck"] * 6


@pytest.fixture(scope="module")
def texts():
    data = ([f"{text} {k}" for k, text in enumerate(TEXTS)], ["+", "+", "-", "-"] * 6)
    run = headstart.fit(data, source="toy", heads=["ridge"], layers="all", baselines="none", verbose=False)
    return run, data


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    rows, codes = rng.standard_normal((30, 3)), np.arange(30) % 3
    rows[np.arange(30), codes] += 3
    data = (rows, [("x", "y", "z")[k] for k in codes])
    return headstart.fit(data, heads=["ridge"], baselines="none", verbose=False).model, data


def test_every_registered_method_keeps_the_contract():
    for name in METHODS:
        assert isinstance(METHODS[name], ExplanationMethod)
        assert METHODS[name].name == name


def test_the_defaults_of_a_text_are_words_training_items_and_layers(texts):
    run, data = texts
    found = run.explain("a good one", training=data)
    assert isinstance(found, Explanation)
    assert found.methods == ("leave_one_word_out", "influence", "similar", "layer_profile")
    assert found.predicted == found.label == "+"
    assert "has not" in found.notes[0]  # why gradients were not used
    forgetful = replace(run.model, certainty=None)
    assert forgetful.explain("a good one").methods == ("leave_one_word_out", "layer_profile")


def test_an_explanation_is_plain_json_and_a_table_of_a_notebook(texts):
    run, data = texts
    found = run.explain("a <b>good</b> one", training=data)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [one["method"] for one in plain["attributions"]] == list(found.methods)
    shown = found._repr_html_()
    assert "<b>" not in shown
    assert "&lt;" in shown
    assert found["influence"].method == "influence"
    with pytest.raises(UnknownNameError, match="shapley"):
        found["shapley"]


def test_a_label_and_one_to_compare_it_with_can_be_chosen(numbers):
    model, data = numbers
    found = model.explain(data[0][0], label="y", against="z")
    scores = model.head.scores(np.asarray(data[0][:1]))[0]
    assert found["linear_attribution"].value == pytest.approx(scores[1] - scores[2])
    assert (found.label, found.against) == ("y", "z")
    assert found.headline == "Answered x; what speaks for y rather than z"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label": "w"}, UnknownNameError, "Unknown label 'w'"),
        ({"label": "x", "against": "x"}, ParameterError, "another label than 'x'"),
        ({"method": "sailency"}, UnknownNameError, "Unknown explanation method 'sailency'"),
        ({"method": "integrated_gradients"}, ParameterError, "explains text items, not vector items"),
        ({"method": []}, ParameterError, "at least one method"),
        ({"count": 0}, ParameterError, "'count'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(numbers, options, error, message):
    model, data = numbers
    with pytest.raises(error, match=message):
        explain(model, data[0][0], **options)


def test_a_model_that_keeps_no_rows_asks_for_the_training_items(numbers):
    model, data = numbers
    forgetful = replace(model, certainty=None)
    with pytest.raises(ParameterError, match="--data"):
        forgetful.explain(data[0][0], method="influence")
    with pytest.raises(DataError, match="have 1 numbers each"):
        forgetful.explain(data[0][0], training=([[1.0]], ["x"]))
    with pytest.raises(DataError, match="but the model was fitted on 30"):
        forgetful.explain(data[0][0], training=(np.vstack([data[0], data[0]]), data[1] * 2))


def test_an_item_that_cannot_be_read_is_refused(numbers, texts):
    model, _ = numbers
    with pytest.raises(ItemError):
        model.explain([1.0, float("nan"), 2.0])
    with pytest.raises(ItemError, match="empty"):
        texts[0].explain("  ")


def test_against_is_refused_without_classes():
    rows = np.arange(40.0).reshape(20, 2)
    model = headstart.fit((rows, rows[:, 0] * 2 + 0.1), task="regression", baselines="none", verbose=False).model
    with pytest.raises(ParameterError, match="compares two classes"):
        model.explain(rows[0], against="value")


def test_a_saved_model_explains_the_same_and_takes_only_its_training_items(tmp_path):
    rng = np.random.default_rng(1)
    rows, codes = rng.standard_normal((60, 3)), np.arange(60) % 2
    rows[:, 0] += 3 * codes
    import pandas as pd

    table = pd.DataFrame(rows, columns=["p", "q", "r"]).assign(kind=np.array(["no", "yes"])[codes])
    table["split"] = ["train"] * 40 + ["test"] * 20
    table.to_csv(tmp_path / "t.csv", index=False)
    run = headstart.fit(tmp_path / "t.csv", label="kind", heads=["ridge"], out=tmp_path / "run", verbose=False)
    model = headstart.load(tmp_path / "run")
    item = rows[3]
    again = model.explain(item, training=tmp_path / "t.csv")
    assert len(again["influence"].shown.values) == 40
    assert again["linear_attribution"].shown.largest(1) == run.explain(item)["linear_attribution"].shown.largest(1)
    assert again["linear_attribution"].shown.largest(1)[0][0].startswith("p = ")
    row = dict(zip("pqr", item, strict=True)) | {"kind": "no", "split": "test"}
    assert model.explain(row)["linear_attribution"].value == pytest.approx(again["linear_attribution"].value)


def test_similar_items_of_a_regression_have_no_share_with_the_same_label(numbers):
    rows = numbers[1][0]
    data = (rows, rows.sum(axis=1))
    model = headstart.fit(data, heads=["ridge"], baselines="none", verbose=False).model
    assert not model.explain(rows[0], method="similar", training=data)["similar"].checks
    shares = numbers[0].explain(rows[0], method="similar", training=numbers[1])["similar"].checks
    assert set(shares) == {"share of these with the explained label"}
