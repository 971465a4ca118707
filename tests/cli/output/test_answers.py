"""What predict writes and shows: beside the columns of a table, in its order, nothing lost, short on a terminal."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pandas as pd
import pytest
from command_line import pictures, texts, write_csv

from headstart.cli.input.items import Gathered
from headstart.cli.output.answer_lines import show, summary_lines
from headstart.tasks.rounding import rounded
from headstart.types import Task

EMPTY = 3


@pytest.fixture
def table(cli, run) -> str:
    rows = [
        [f"{i:05d}", f"T{i}", "" if i == EMPTY else text, "=1+1", i / 2] for i, (text, _) in enumerate(texts(30)[1:])
    ]
    return write_csv(cli.folder / "new.csv", [["zip", "ticket", "text", "prediction", "price"], *rows])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_the_columns_of_the_table_stand_beside_the_answers_in_its_order(cli, run, table, suffix):
    done = cli("predict", run, table, "-o", f"p{suffix}")
    assert done.code == 1
    read = {
        ".csv": lambda p: pd.read_csv(p, dtype=str),
        ".tsv": lambda p: pd.read_csv(p, dtype=str, sep="\t"),
        ".jsonl": lambda p: pd.read_json(p, lines=True, dtype=False),
        ".parquet": pd.read_parquet,
    }[suffix]
    frame = read(f"p{suffix}")
    assert list(frame.columns) == [
        *("item", "zip", "ticket", "text", "table.prediction", "price"),
        *("prediction", "probability", "probability.delivery", "probability.refund", "reason"),
    ]
    assert frame["item"].astype(str).tolist() == [str(i) for i in range(30)]
    assert frame["zip"].tolist() == [f"{i:05d}" for i in range(30)]
    assert frame["table.prediction"].tolist() == ["'=1+1" if suffix in (".csv", ".tsv") else "=1+1"] * 30
    assert frame["prediction"].isna().tolist() == [i == EMPTY for i in range(30)]
    assert frame["reason"].notna().tolist() == [i == EMPTY for i in range(30)]
    assert "empty" in frame["reason"][EMPTY]
    assert "29 predictions and 1 without an answer written to p" in done.out
    assert "29 items of 30: delivery" in done.out


def test_probabilities_have_six_digits_and_add_up_to_one():
    shares = np.random.default_rng(0).dirichlet(np.ones(7), 500)
    short = rounded(shares, Task("classification", tuple("abcdefg")))
    assert np.abs(short - shares).max() <= 1e-6
    assert {int(total) for total in np.round(short * 1e6).sum(axis=1)} == {10**6}
    assert all(len(repr(float(value)).partition(".")[2]) <= 6 for value in short[short > 1e-4])
    values = np.array([[1.23456789]])
    assert rounded(values, Task("regression", ("price",))) is values


def test_a_terminal_gets_a_short_table_and_a_summary(cli, run, table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = cli("predict", run, table).out.splitlines()
    assert lines[0].split() == ["item", "prediction", "probability"]
    assert lines[1].startswith("0  my parcel 00 is late")
    assert "... and 10 more; --out FILE.csv writes all" in lines[21]
    assert lines[22].startswith("predicted          29 items of 30: delivery")
    assert lines[23].startswith("confidence         mean probability 0.")
    assert max(map(len, lines)) <= 80


def test_elsewhere_each_item_has_a_line_with_tabs(cli, run, table):
    lines = [line.split("\t") for line in cli("predict", run, table).out.splitlines()]
    assert [line[0] for line in lines] == [str(i) for i in range(30)]
    assert lines[EMPTY][1:] == ["", ""]
    assert {line[1] for line in lines} == {"delivery", "refund", ""}
    assert all(0.5 <= float(line[2]) <= 1 for line in lines if line[2])


def test_a_missing_item_among_others_costs_no_other(cli, run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("where is my parcel\n"))
    write_csv(cli.folder / "wrong.csv", [["other", "x"], ["1", "2"]])
    done = cli("predict", run, "gone.csv", "my parcel is late", "wrong.csv", "-", "-o", "p.csv")
    assert done.code == 1
    frame = pd.read_csv("p.csv")
    assert frame["item"].tolist() == ["gone.csv", "2", "wrong.csv", "'-:1"]
    assert frame["prediction"].isna().tolist() == [True, False, True, False]
    assert "does not exist" in frame["reason"][0]
    found = json.loads(cli("predict", run, "gone.csv", "my parcel is late", "--json").out)
    assert [row["item"] for row in found["predictions"]] == ["2"]
    assert found["failures"][0]["item"] == "gone.csv"


def test_nothing_that_can_be_read_is_one_error_and_no_file(cli, run):
    cli.refuses("predict", run, "gone.csv", "lost.csv", "-o", "p.csv", code=2, says=["'gone.csv' does not exist"])


def test_rows_that_the_reader_sets_aside_keep_their_place(cli, run):
    rows = [["id", "text"], *([i, text] for i, (text, _) in enumerate(texts(12)[1:]))]
    rows.insert(5, ["one", "two", "three"])
    write_csv(cli.folder / "new.csv", rows)
    done = cli("predict", run, "new.csv", "-o", "p.csv")
    assert done.code == 1
    frame = pd.read_csv("p.csv", dtype=str)
    assert frame["item"].tolist() == [str(i) for i in range(13)]
    assert frame["prediction"].isna().tolist() == [i == 4 for i in range(13)]
    assert "3 cells" in frame["reason"][4]
    assert frame["id"].dropna().tolist() == [str(i) for i in range(12)]


def test_a_bad_line_of_numbers_costs_no_other(cli, tmp_path, monkeypatch):
    rows = [[0.0, 1], [0.1, 1], [2.0, 1], [2.1, 1]] * 4
    write_csv(cli.folder / "n.csv", [["a", "b", "label"], *([*row, "low" if row[0] < 1 else "high"] for row in rows)])
    cli.works("fit", "n.csv", "--baselines", "none", "-o", "numbers")
    monkeypatch.setattr("sys.stdin", io.StringIO("0.05,1\nnot a number,1\n2.1\n2.1,1\n"))
    done = cli("predict", "numbers", "-", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert [(row["item"], row["prediction"]) for row in found["predictions"]] == [("1", "low"), ("4", "high")]
    assert [row["item"] for row in found["failures"]] == ["2", "3"]


def test_a_file_that_is_read_is_never_written(cli, run, table, tiny_image_run):
    cli.refuses("predict", run, table, "-o", table, code=2, says=["is an input and would be overwritten"])
    cli.refuses("predict", run, table, "-o", f"./{table}", code=2, says=["is an input"])
    cli.refuses("embed", table, "--source", "toy", "-o", table, code=2, says=["is an input"])
    cli.refuses("rank", table, "--sources", "toy", "-o", table, code=2, says=["is an input"])
    cli.refuses("inspect", table, "--labels", "-o", table, code=2, says=["is an input"])
    photos = pictures(cli.folder / "photos", count=1)
    (cli.folder / photos / "labels.csv").write_text("mine")
    words = ("predict", str(tiny_image_run), photos, "-o", f"{photos}/labels.csv")
    cli.refuses(*words, code=2, says=["is part of the input 'photos'"])


def test_a_replaced_file_is_reported(cli, run, table):
    assert "replaced" not in cli("predict", run, table, "-o", "p.csv").out
    assert "written to p.csv, replaced an earlier file" in cli("predict", run, table, "-o", "p.csv").out


def test_one_prediction_is_counted_in_the_singular(cli, run):
    """Kind: '1 predictions written'."""
    assert "1 prediction written to p.csv" in cli.works("predict", run, "a text", "-o", "p.csv").out


@pytest.fixture(scope="module")
def numbers_run(tmp_path_factory):
    from headstart.transfer import fit

    folder = tmp_path_factory.mktemp("numbers")
    names = ["size", "width", "label"]
    write_csv(folder / "n.csv", [names, *([i % 2 * 5 + i / 40, i % 7, "ab"[i % 2]] for i in range(40))])
    fit(folder / "n.csv", out=folder / "run")
    return folder / "run"


def test_one_bad_cell_of_two_rows_costs_its_row_and_no_column(cli, numbers_run):
    """The model knows which columns hold numbers, so that a small table is not read otherwise than a large one."""
    write_csv(cli.folder / "new.csv", [["size", "width"], [0.5, 1], [5.5, "wide"]])
    done = cli("predict", str(numbers_run), "new.csv", "--json")
    found = json.loads(done.out)
    assert (done.code, [row["prediction"] for row in found["predictions"]]) == (1, ["a"])
    assert [row["item"] for row in found["failures"]] == ["1"]
    assert "1 cell that is not a number counts as missing ('wide')" in done.err


def test_a_column_without_any_number_is_still_missed(cli, numbers_run):
    write_csv(cli.folder / "new.csv", [["size", "width"], [0.5, "wide"], [5.5, "slim"]])
    cli.refuses("predict", str(numbers_run), "new.csv", code=2, says=["lacks 1 of the 2 columns", "'width'"])


def test_numbers_among_texts_stay_texts(cli, run):
    write_csv(cli.folder / "new.csv", [["text"], ["42"], ["my parcel is late"]])
    assert len(json.loads(cli("predict", run, "new.csv", "--json").out)["predictions"]) == 2


def test_a_probability_is_never_written_as_certain(capsys):
    """The kind: the same answer reads 1 on one surface and >0.999 on another."""
    given = Gathered(["x"], ["1"])
    found = {0: {"prediction": "a", "probability": 1.0, "probabilities": {"a": 1.0, "b": 0.0, "c": 0.0}}}
    show(given, found, short=False)
    assert capsys.readouterr().out == "1\ta\t0.999999\n"
    show(given, found, short=True)
    out = capsys.readouterr().out
    assert ">0.999" in out
    assert "<0.001" in out
    assert "1.000" not in out
    told = dict(summary_lines(given, found, Task("classification", ("a", "b", "c"))))
    assert told["confidence"] == "mean probability >0.999"
