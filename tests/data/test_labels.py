"""From label columns to tasks."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from headstart.data import read
from headstart.errors import DataError, ParameterError

TEXTS = [f"text number {index}" for index in range(60)]


def task_of(labels, **options):
    return read((TEXTS[: len(labels)], labels), **options)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["a", "b", "a"], "classification"),
        ([0, 1, 2, 1], "classification"),
        ([1.0, 2.0, 1.0], "classification"),
        ([True, False, True], "classification"),
        ([0.5, 1.0, 1.5], "regression"),
        (list(range(21)) * 2, "regression"),
        (list(range(20)) * 2, "classification"),
        ([["a", "b"], ["a"], []], "multilabel"),
        (["a;b", "a;c", "b;c", "a", "b", "c"], "multilabel"),
        (["a|b", "a|c", "b|c", "a"] * 2, "multilabel"),
        (["Smith, John", "Doe, Ann"] * 5, "classification"),
        (["yes, of course", "no, never", "maybe"] * 3, "classification"),
        (["0", "1", "0"], "classification"),
    ],
)
def test_the_kind_of_task_is_inferred(labels, kind):
    data = task_of(labels)
    assert data.task.kind == kind
    assert any(f"the task is {kind.replace('multilabel', 'multi-label')}" in note for note in data.notes)


def test_codes_and_shapes():
    data = task_of([2, 10, 2])
    assert (data.task.labels, data.y.tolist(), data.y.dtype) == (("2", "10"), [0, 1, 0], np.int64)
    data = task_of([["b"], ["a", "b"], []])
    assert (data.task.labels, data.y.tolist()) == (("a", "b"), [[0, 1], [1, 1], [0, 0]])
    data = task_of([0.5, 1.5])
    assert (data.y.shape, data.y.dtype) == ((2, 1), np.float64)
    assert task_of([3.0, None, 1.0]).task.labels == ("1", "3")


def test_several_columns():
    frame = pd.DataFrame({"text": TEXTS[:3], "a": [0, 1, 1], "b": [1, 0, 1], "c": [0.5, 1, 2]})
    data = read(frame, label=["a", "b"])
    assert (data.task.kind, data.task.labels, data.y.shape) == ("multilabel", ("a", "b"), (3, 2))
    assert (
        "Read the labels from the 2 columns 'a', 'b', which hold only 0 and 1: multi-label; set them with --label."
        in (data.notes)
    )
    data = read(frame, label=["a", "c"])
    assert (data.task.kind, data.task.labels, data.y[2].tolist()) == ("regression", ("a", "c"), [1, 2])
    assert read(frame, label=["a", "b"], task="regression").task.kind == "regression"
    with pytest.raises(DataError, match="needs 0 or 1"):
        read(frame, label=["a", "c"], task="multilabel")
    with pytest.raises(DataError, match="one label column, but 2"):
        read(frame, label=["a", "b"], task="classification")
    with pytest.raises(DataError, match="holds 'text number 0'"):
        read(frame, label=["a", "text"], item="text")


def test_the_task_can_be_set():
    assert task_of(["1", "2", "3"], task="regression").y.ravel().tolist() == [1, 2, 3]
    assert task_of([0.5, 1.5, 0.5], task="classification").task.labels == ("0.5", "1.5")
    assert task_of(["a;b", "c"], task="multilabel").task.labels == ("a", "b", "c")
    assert task_of(["a", "b"], task="multilabel").y.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(DataError, match=r"needs finite numbers .* holds 'a'"):
        task_of(["1", "a"], task="regression")
    with pytest.raises(ParameterError, match="'task' parameter of read"):
        task_of(["1", "a"], task="ranking")


def test_labels_that_differ_by_case_are_kept_apart_and_invisible_differences_are_merged_and_said():
    data = task_of(["Spam", "spam", "spam ", "ham", "caf\u00e9", "cafe\u0301", "ham\u200b"])
    assert data.task.labels == ("Spam", "caf\u00e9", "ham", "spam")
    assert data.y.tolist() == [0, 3, 3, 2, 1, 1, 2]
    said = "Merged spellings of 3 labels that differ only in invisible characters, blanks or Unicode form: "
    assert any(note.startswith(said) and "'cafe\\u0301'" in note for note in data.notes)
    assert task_of([["a", "b "], ["b"], ["a\u200b"]]).task.labels == ("a", "b")


@pytest.mark.parametrize(
    "labels",
    [
        [1.0, 0.0, 1.0],
        np.array([1, 0, 1], np.int8),
        np.array([1, 0, 1], np.float32),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([1, 0, 1], dtype="category"),
        pd.Series(["1", "0", "1"], dtype="category"),
        [Decimal("1.00"), Decimal(0), Decimal(1)],
        ["1", "0", "1"],
    ],
)
def test_one_label_has_one_name_whatever_type_holds_it(labels):
    data = task_of(labels, task="classification")
    assert (data.task.labels, data.y.tolist()) == (("0", "1"), [1, 0, 1])


def test_booleans_and_dates_have_one_name():
    for labels in (
        [True, False],
        np.array([True, False]),
        pd.Series([True, False], dtype="boolean"),
        ["True", "False"],
    ):
        assert task_of(labels, task="classification").task.labels == ("False", "True")
    for labels in (pd.to_datetime(["2024-01-02", "2024-01-03"]), ["2024-01-02", "2024-01-03"]):
        assert task_of(labels, task="classification").task.labels == ("2024-01-02", "2024-01-03")


def test_numbers_with_gaps_in_r_style(tmp_path):
    (tmp_path / "a.csv").write_text("text,score\none two,1.5\nthree four,NA\nfive,2.5\n")
    data = read(tmp_path / "a.csv")
    assert (data.task.kind, data.ids) == ("regression", ("0", "2"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([None, float("nan")], "No row of .* has a label"),
        ([str(index) + "x" for index in range(12)], "a label of its own"),
        ([1.5, 1.5], "the one number 1.5"),
        ([[], []], "empty lists only"),
        ([{"start": 1}, {"start": 2}], r"holds objects such as \{'start': 1\}, which are no labels"),
        ([[{"start": 1}], []], "which are no labels"),
        ([1.5, float("inf")], "needs finite numbers"),
    ],
)
def test_labels_that_make_no_task(labels, message):
    with pytest.raises(DataError, match=message):
        task_of(labels)
