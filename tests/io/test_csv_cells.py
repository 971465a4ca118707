"""A text never becomes a formula in a CSV file, and numbers stay numbers."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from headstart.cli.output.table_file import write_rows
from headstart.io import harmless_cell, write_csv

FORMULAS = [
    '=HYPERLINK("http://x")',
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1+1",
    "-",
    "--5",
]
TEXTS = ["a=b", "1-1", "-1.5", "+3", "-1,5", "1e-5", "-50 %", "", "it's", "x@y.org"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_written_as_text(text):
    assert harmless_cell(text) == "'" + text.replace("\r", "\n")


@pytest.mark.parametrize("value", [*TEXTS, -1.5, 3, None, True])
def test_numbers_and_other_texts_stay_as_they_are(value):
    assert harmless_cell(value) == value


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_of_predictions_hold_no_formula(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_rows(path, [{"item": text, "=head": "@SUM(1)", "value": -1.5} for text in FORMULAS])
    with path.open(newline="") as file:
        head, *rows = csv.reader(file, delimiter="\t" if suffix == ".tsv" else ",")
    assert head == ["item", "'=head", "value"]
    assert [row[0] for row in rows] == ["'" + text.replace("\r", "\n") for text in FORMULAS]
    assert {(row[1], row[2]) for row in rows} == {("'@SUM(1)", "-1.5")}


def test_formats_without_formulas_keep_the_text(tmp_path):
    write_rows(tmp_path / "a.jsonl", [{"item": "=1"}])
    assert pd.read_json(tmp_path / "a.jsonl", lines=True)["item"].tolist() == ["=1"]
    write_rows(tmp_path / "a.parquet", [{"item": "=1"}])
    assert pd.read_parquet(tmp_path / "a.parquet")["item"].tolist() == ["=1"]


def test_rows_without_a_cell_are_empty_there(tmp_path):
    write_csv(tmp_path / "a.csv", [{"a": "@x", "b": -2}, {"a": 1}], ["a", "b"])
    assert (tmp_path / "a.csv").read_text() == "a,b\n'@x,-2\n1,\n"
