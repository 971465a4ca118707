"""From label columns to tasks."""

import json
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
    said = "Merged spellings of 3 labels that differ only in invisible characters, whitespace or Unicode form: "
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
        ([1.5, 1.5], "only the number 1.5"),
        ([[], []], "only empty lists"),
        ([{"start": 1}, {"start": 2}], r"holds objects such as \{'start': 1\}, not labels"),
        ([[{"start": 1}], []], "not labels"),
        ([1.5, float("inf")], "needs finite numbers"),
    ],
)
def test_labels_that_make_no_task(labels, message):
    with pytest.raises(DataError, match=message):
        task_of(labels)


TAGS = ["red", "red,blue", "blue", "blue,green", "green,red", "green"]


@pytest.mark.parametrize(
    "odd", ["red,violet", "violet", "a, b, c", "", "red,,blue", "\u200b", "red, blue and all the rest"]
)
@pytest.mark.parametrize("sign", [",", ";", "|"])
def test_one_cell_does_not_turn_tags_into_classes(odd, sign):
    labels = [tag.replace(",", sign) for tag in TAGS * 10]
    labels[7] = odd.replace(",", sign)
    data = task_of(labels)
    assert data.task.kind == "multilabel"
    assert {"red", "blue", "green"} <= set(data.task.labels)


@pytest.mark.parametrize("odd", ["a;b", "1,2", "3.5", "[x]", "-"])
def test_one_cell_does_not_turn_classes_into_anything_else(odd):
    assert task_of([*["cat", "dog"] * 29, "cat", odd]).task.kind == "classification"


@pytest.mark.parametrize(("odd", "kept"), [(2.5, 59), ("x", 60), (999, 60), (None, 59)])
def test_one_cell_does_not_turn_a_scale_into_a_regression(odd, kept):
    data = task_of([*[1, 2, 3, 4, 5] * 11, 1, 2, 3, 4, odd])
    assert (data.task.kind, len(data)) == ("classification", kept)


@pytest.mark.parametrize("odd", ["n/a", "broken", float("inf"), None, ""])
def test_one_cell_is_set_aside_from_a_regression_with_its_reason(odd):
    data = task_of([*(index + 0.5 for index in range(59)), odd])
    assert (data.task.kind, len(data)) == ("regression", 59)
    assert any(note.startswith("Set aside 1 of 60 rows") for note in data.notes)
    strings = task_of([*(f"{index},5" for index in range(59)), "broken"])
    assert strings.task.kind == "regression"
    assert "Set aside 1 of 60 rows, whose label is no number: 'broken' (row 59)." in strings.notes


def test_one_cell_does_not_make_numbers_of_flags():
    frame = pd.DataFrame({"text": TEXTS, "a": [0, 1] * 30, "b": [1, 0] * 30})
    frame.loc[5, "b"] = 2
    data = read(frame, label=["a", "b"])
    assert (data.task.kind, len(data)) == ("multilabel", 59)
    assert "Set aside 1 of 60 rows, whose label is no 0 or 1: [1, 2] (row 5)." in data.notes


@pytest.mark.parametrize(
    "write",
    [
        repr,
        json.dumps,
        lambda tags: str(np.array(tags)),
        lambda tags: repr(np.array(tags, dtype=object)),
        lambda tags: repr(set(tags)),
        lambda tags: repr(tuple(tags)),
        lambda tags: "[" + ", ".join(tags) + "]",
        lambda tags: "{" + ",".join(f'"{tag}"' for tag in tags) + "}",
        lambda tags: tags,
        set,
        lambda tags: np.array(tags, dtype=object),
    ],
)
def test_lists_however_they_are_written(tmp_path, write):
    tags = [["ham"], ["ham", "spam"], ["it's"], ["spam", "eg gs"], ["eg gs", "ham"]] * 4
    labels = [write(row) for row in tags]
    for task in (None, "multilabel"):
        data = task_of(labels, task=task)
        assert (data.task.kind, data.task.labels) == ("multilabel", ("eg gs", "ham", "it's", "spam"))
        assert data.y.sum() == sum(map(len, tags))
    if isinstance(labels[0], str):
        pd.DataFrame({"text": TEXTS[:20], "labels": labels}).to_csv(tmp_path / "a.csv", index=False)
        assert read(tmp_path / "a.csv").task.labels == data.task.labels


def test_names_in_brackets_are_names_and_what_is_no_list_is_set_aside():
    assert task_of(["[POS]", "[NEG]"] * 5).task.labels == ("[NEG]", "[POS]")
    data = task_of([*["['a', 'b']", "['a']"] * 10, "a"])
    assert (data.task.labels, len(data)) == (("a", "b"), 20)
    assert "Set aside 1 of 21 rows, whose label is no list: 'a' (row 20)." in data.notes
    assert task_of([["a", "b"], "a", ["b"]]).y.tolist() == [[1, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    "values", [["3,5", "4,1"], ["1.234,5", "3,5", "7,0"], ["12,5%", "3,5%", "1,0%"], ["$1.50"] * 2 + ["$2"]]
)
def test_numbers_in_local_notation_are_numbers_in_python_too(values):
    assert read(pd.DataFrame({"text": TEXTS, "rating": (values * 30)[:60]})).task.kind == "regression"


def test_sets_of_numbers_joined_by_commas_and_versions_are_names():
    assert task_of(["1,2", "2", "1,3", "3", "2,3", "1"] * 5).task.labels == ("1", "2", "3")
    assert task_of(["1.1", "1.10", "1.2"] * 5).task.labels == ("1.1", "1.10", "1.2")
    assert (
        task_of(["Paris, France", "Lyon, France", "Berlin, Germany", "Bonn, Germany"] * 5).task.kind == "classification"
    )


def test_words_for_missing_labels_and_classes_that_look_like_them():
    data = task_of(["yes", "no", "n/a", "NA", "-", "None"] * 5)
    assert (data.task.labels, len(data)) == (("None", "no", "yes"), 15)
    assert "Treated 15 cells of 'label' as missing labels: '-', 'NA', 'n/a'." in data.notes
    assert "Treated 'None' in 'label' as a class name (5 rows), not as a missing label." in data.notes
    assert task_of(["DE", "NA", "FR"] * 5).task.labels == ("DE", "FR", "NA")
    assert task_of(["+", "-"] * 5).task.labels == ("+", "-")
    assert task_of(["ja", "nein"] * 5).task.labels == ("ja", "nein")


def test_swapped_columns_are_refused_with_a_hint(tmp_path):
    frame = pd.DataFrame({"text": [f"a sentence of its own, number {row % 1986}" for row in range(2000)]})
    frame["label"] = ["x", "y"] * 1000
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"Nearly each \(1986 classes\) of the 2000 rows .* --label, .* with --item"):
        read(tmp_path / "a.csv", label="text", item="label")


def test_many_rare_tags_stay_tags_and_names_with_a_sign_come_with_a_hint():
    labels = [f"{tag},rare {row}" if row % 8 == 0 else tag for row, tag in enumerate(TAGS * 10)]
    assert task_of(labels).task.kind == "multilabel"
    names = task_of(["Smith, John", "Doe, Ann", "none of them"] * 10)
    assert names.task.kind == "classification"
    assert any(
        "20 of 30 labels hold ','; if it joins several labels, set --task multilabel" in note for note in names.notes
    )


@pytest.mark.parametrize("odd", ["4.5", "2", "NA"])
def test_one_odd_cell_of_forty_does_not_change_the_kind_of_task(tmp_path, odd):
    """Grades with one half grade between are classes; columns of flags with one other number are multi-label."""
    rows = [f"note {row} on it,{row % 5 + 1},{row % 2},{row // 2 % 2}\n" for row in range(39)]
    (tmp_path / "grades.csv").write_text("text,grade\n" + "".join(",".join(r.split(",")[:2]) + "\n" for r in rows))
    with (tmp_path / "grades.csv").open("a") as file:
        file.write(f"a last note,{odd}\n")
    assert read(tmp_path / "grades.csv", label="grade").task.kind == "classification"
    flags = [f"note {row} on it,{row % 2},{row // 2 % 2}\n" for row in range(39)]
    (tmp_path / "flags.csv").write_text("text,late,broken\n" + "".join(flags) + f"a last note,{odd},1\n")
    data = read(tmp_path / "flags.csv")
    assert (data.task.kind, data.task.labels, len(data)) == ("multilabel", ("late", "broken"), 39)
    assert any(note.startswith("Set aside 1 of 40 rows") for note in data.notes)
