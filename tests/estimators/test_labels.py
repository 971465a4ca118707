"""Labels and items as people hand them to estimators: named as in a table, and refused in one sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart import TransferClassifier, TransferEncoder, TransferModel, TransferRegressor
from headstart.cli.main import main
from headstart.errors import DataError, HeadstartError, ParameterError, SourceError

TEXTS = [f"{word} {i}" for i in range(10) for word in ("sunny sky", "thunder storm")]
LABELS = ["sun", "storm"] * 10
ROWS = np.random.default_rng(0).normal(size=(20, 3)) + 2.0 * (np.arange(20)[:, None] % 2)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([0.0, 1.0] * 10), ("0", "1")),
        (pd.Series([0.0, 1.0] * 10), ("0", "1")),
        (pd.Series([0, 1] * 10, dtype="Int64"), ("0", "1")),
        (pd.Series([True, False] * 10), ("False", "True")),
        (pd.Series(["b", "a"] * 10, dtype="category"), ("a", "b")),
        (np.array([7, 300] * 10, np.int16), ("7", "300")),
        (["cafe\u0301", "tea"] * 10, ("café", "tea")),
    ],
)
def test_classes_are_named_as_in_a_table(labels, names):
    model = TransferClassifier(source="vector").fit(ROWS, labels).model_
    assert model.task.labels == names


def test_a_saved_classifier_knows_the_table_it_was_fitted_on(tmp_path, capsys):
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    frame["label"] = [0.0, 1.0] * 10
    frame.loc[[3, 9], "label"] = np.nan
    frame.to_csv(tmp_path / "rows.csv", index=False)
    known = frame.dropna()
    classifier = TransferClassifier(source="vector").fit(known[["a", "b", "c"]].to_numpy(), known.label)
    assert classifier.predict(ROWS[:2]).dtype == float  # the labels keep their type in Python
    classifier.save_pretrained(tmp_path / "model")
    assert main(["evaluate", str(tmp_path / "model"), str(tmp_path / "rows.csv")]) == 0
    capsys.readouterr()


def test_teaching_takes_the_labels_of_any_type():
    model = TransferClassifier(source="vector").fit(ROWS, [0, 1] * 10).model_
    taught = model.update(ROWS[:2].astype(np.float32), [0.0, np.float64(2.0)])
    assert taught.task.labels == ("0", "1", "2")


@pytest.mark.parametrize("source", ["toy", "vector"])
@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([*LABELS[:-1], None], "Label 19 of y is missing"),
        ([*LABELS[:-1], float("nan")], "Label 19 of y is missing"),
        ([*LABELS[:-1], pd.NA], "Label 19 of y is missing"),
        ([*LABELS[:-1], ["sun", "storm"]], "Label 19 of y is .*MultiLabelBinarizer"),
        ([["sun", "storm"]] * 20, "Label 0 of y is .*MultiLabelBinarizer"),
        ([*LABELS[:-1], 3], "texts and numbers"),
        (["sun", " sun"] * 10, "are both 'sun'"),
    ],
)
def test_labels_that_are_none_are_named(source, labels, said):
    items = TEXTS if source == "toy" else ROWS
    with pytest.raises(DataError, match=said):
        TransferClassifier(source=source).fit(items, labels)


@pytest.mark.parametrize("values", [["one"] * 20, [None] * 20, [float("nan")] * 20, [[1.0, 2.0], [3.0]] * 10])
def test_values_that_are_none_are_refused(values):
    with pytest.raises(DataError, match=r"number"):
        TransferRegressor(source="toy").fit(TEXTS, values)


def test_a_single_text_and_lists_of_texts_are_refused():
    classifier = TransferClassifier(source="toy").fit(TEXTS, LABELS)
    for ask in (classifier.predict, classifier.predict_proba, TransferEncoder(source="toy").fit(TEXTS).transform):
        with pytest.raises(DataError, match="A single str was given as X; give a list"):
            ask("sunny sky")
    with pytest.raises(DataError, match="item 1 holds 2"):
        classifier.predict([["sunny"], ["thunder", "storm"]])


def test_a_column_of_texts_is_a_list_of_texts():
    classifier = TransferClassifier(source="toy").fit(np.array(TEXTS, dtype=object)[:, None], LABELS)
    assert classifier.predict([[text] for text in TEXTS]).tolist() == classifier.predict(TEXTS).tolist()
    frame = pd.DataFrame({"text": TEXTS})
    assert TransferClassifier(source="toy").fit(frame, LABELS).predict(frame).tolist() == LABELS


def test_groups_of_another_length_are_refused():
    with pytest.raises(DataError, match="20 items came with 2 labels"):
        TransferClassifier(source="toy").fit(TEXTS, LABELS[:2])
    with pytest.raises(HeadstartError):
        TransferClassifier(source="toy").fit(TEXTS, LABELS, groups=["a", "b"])


def test_auto_ranks_as_in_a_fit(monkeypatch):
    monkeypatch.setattr(
        "headstart.transfer.ranking.entries.list_sources", lambda: [headstart.describe("toy")], raising=True
    )
    classifier = TransferClassifier(source="auto").fit(TEXTS, LABELS)
    assert classifier.model_.source.info.name == "toy"
    assert classifier.score(TEXTS, LABELS) == 1.0
    with pytest.raises(ParameterError, match="no labels to rank"):
        TransferEncoder(source="auto").fit(TEXTS)


@pytest.mark.slow
def test_a_strategy_moves_the_body(body):
    pictures = np.random.default_rng(0).integers(0, 60, (40, 32, 32, 3), dtype=np.uint8)
    pictures[::2, :, :, 0] += 60
    labels = ["red", "grey"] * 20
    frozen = TransferClassifier(body).fit(pictures, labels)
    moved = TransferClassifier(body, strategy="bitfit", time_limit=60.0).fit(pictures, labels)
    assert moved.model_.source.info.sha256 != frozen.model_.source.info.sha256
    assert isinstance(moved.model_, TransferModel)
    assert moved.score(pictures, labels) > 0.9
    with pytest.raises(HeadstartError, match="Did you mean 'lp_ft'"):
        TransferClassifier(body, strategy="lpft").fit(pictures, labels)
    with pytest.raises(SourceError):
        TransferClassifier("toy", strategy="full").fit(TEXTS, LABELS)
