"""Columns of text files are typed by a rule of the whole column: local numbers, codes, truth values, one odd cell."""

import numpy as np
import pytest

from headstart.data import read
from headstart.data.formats.cells import read_numbers, type_column, written_labels


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["3,5", "4,25"], [3.5, 4.25]),
        (["1,234", "2,345"], [1234, 2345]),
        (["1,234", "0,5", "2,25"], [1.234, 0.5, 2.25]),
        (["1.234", "2.345"], [1.234, 2.345]),
        (["1.234,50", "3,5"], [1234.5, 3.5]),
        (["1.234.567", "2.000"], [1234567, 2000]),
        (["1,234.5", "12"], [1234.5, 12]),
        (["12,34,567.8", "1,234"], [1234567.8, 1234]),  # India
        (["1'234.5", "7"], [1234.5, 7]),  # Switzerland
        (["1\u202f234,5", "7,0"], [1234.5, 7]),  # France
        (["1 234", "5 678"], [1234, 5678]),
        (["12%", "3.5 %"], [12, 3.5]),
        (["$1,000.00", "$5"], [1000, 5]),
        (["-3,50 €", "4,00 €"], [-3.5, 4]),
        (["CHF 12.50", "CHF 3.00"], [12.5, 3]),
        (["(1,000)", "5"], [-1000, 5]),
        (["\u22121.5", "2"], [-1.5, 2]),
        (["\u0663\u066b\u0665", "\u0664"], [3.5, 4]),
        (["\uff11\uff12", "\uff13"], [12, 3]),
        (["1e-3", "2.5E+2"], [0.001, 250]),
        (["+1", "-2", ".5", "3."], [1, -2, 0.5, 3]),
    ],
)
def test_numbers_of_any_notation(cells, values):
    assert type_column(cells).values.tolist() == values


def test_an_unclear_comma_is_told_by_the_other_cells_or_by_the_separator_of_the_file():
    assert type_column(["1,234", "2,345"], comma="decimal").values.tolist() == [1.234, 2.345]
    assert type_column(["1,234", "2,345", "1,234,567"], comma="decimal").values.tolist() == [1234, 2345, 1234567]
    assert read_numbers(["1,5", "2"]).how == "decimal commas"
    many = [f"{index % 9},{index % 7}" for index in range(1000)]
    assert type_column(many).values.tolist() == read_numbers(many).values.tolist()


@pytest.mark.parametrize(
    "cells",
    [
        ["01", "1", "10"],
        ["007", "008"],
        ["12345678901234567890", "1"],
        ["yes", "no"],
        ["ja", "nein"],
        ["1.2.3", "1.2.4"],
        ["192.168.0.1", "10.0.0.1"],
        ["12:30", "13:00"],
        ["2024-01-02", "2024-02-03"],
        ["$1", "€1"],
        ["1_000", "2_000"],
        ["0x10", "0x11"],
        ["1", "x", "2", "y"],
        ["None", "some"],
    ],
)
def test_codes_and_words_stay_names(cells):
    assert type_column(cells).values.tolist() == cells


def test_one_odd_cell_does_not_make_names_of_numbers():
    found = type_column([*(f"{index}.5" for index in range(30)), "abc"])
    assert found.values.dtype == np.float64
    assert np.isnan(found.values[-1])
    assert found.note == "1 cell that is not a number counts as missing ('abc')"
    assert type_column([*map(str, range(30)), "NA", "n/a", "-", "#N/A", ""]).note == ""


def test_truth_values_and_missing_cells():
    assert type_column(["True", "FALSE", "true"]).values.tolist() == [True, False, True]
    assert type_column(["True", "", "False"]).values.tolist() == [True, None, False]
    assert type_column(["a", "", "null", "None"]).values.tolist() == ["a", None, None, "None"]
    assert type_column(["", ""]).values.tolist() == [None, None]


def test_class_names_are_kept_as_written_where_numbers_would_merge_or_hide_them():
    from headstart.data.naming.label_names import label_name

    assert [label_name(cell) for cell in written_labels(["1.1", "1.10", "2"])] == ["1.1", "1.10", "2"]
    assert [label_name(cell) for cell in written_labels(["1e5", "2e3"])] == ["1e5", "2e3"]
    assert written_labels(["1.0", "0.0", ""]) is None
    assert written_labels([*map(str, range(20)), "x"])[-1] == "x"


@pytest.mark.parametrize(
    "codes", [["01", "1", "10"], ["1.1", "1.10", "1.2"], ["1e5", "100000", "7"], ["007", "7", "x"]]
)
def test_codes_of_a_table_are_its_classes(tmp_path, codes):
    rows = "".join(f"entry {row} about it,{codes[row % 3]}\n" for row in range(36))
    (tmp_path / "a.csv").write_text("text,code\n" + rows)
    assert set(read(tmp_path / "a.csv", task="classification").task.labels) == set(codes)


def test_decimal_commas_are_a_regression_in_every_table_and_said(tmp_path):
    ratings = [f"{row % 6},{row % 10}" for row in range(48)]
    lines = [f"review number {row};{rating}" for row, rating in enumerate(ratings)]
    (tmp_path / "a.csv").write_text("\n".join(["text;rating", *lines]))
    for task in (None, "regression"):
        data = read(tmp_path / "a.csv", task=task)
        assert data.task.kind == "regression"
        assert data.y.ravel().tolist() == [float(rating.replace(",", ".")) for rating in ratings]
    assert "Column 'rating': read with decimal commas." in data.notes


@pytest.mark.parametrize("cells", [["1,5\n2,5", "3,5", "4,5"], ["$1\n2", "$3", "$4"]])
def test_a_line_break_inside_a_cell_does_not_split_it(cells):
    typed = type_column(cells, comma="decimal")
    assert typed.values.tolist() == cells


@pytest.mark.parametrize("gap", ["", "NA", "n/a", "-", "#N/A", "#DIV/0!", "unknown", " null "])
@pytest.mark.parametrize("form", ["{}.5", "{},5", "{}.5 %", "${}.5", "{},5 €", "-{}.5%", "{}e2"])
def test_the_fast_way_reads_what_the_rules_read(gap, form):
    """Words for none, decimal commas or one unit among plain numbers: the column has the numbers of the cells."""
    cells = [form.format(row) for row in range(1, 40)]
    cells[7] = cells[20] = gap
    typed, found = type_column(cells), read_numbers(cells)
    assert typed.values.dtype == np.float64
    np.testing.assert_array_equal(typed.values, found.values)
    assert np.isnan(typed.values).nonzero()[0].tolist() == [7, 20]
    assert typed.note == (f"read with {found.how}" if found.how else "")


def test_two_units_are_no_quantity_and_a_bare_unit_is_no_gap():
    assert type_column(["$5", "€5", "$6"]).values.tolist() == ["$5", "€5", "$6"]
    assert "'%'" in type_column([*(f"{row}%" for row in range(20)), "%"]).note


def test_powers_of_ten_stand_beside_decimal_commas():
    assert type_column(["1,5", "1e5", "2,25 %"], comma="decimal").values.tolist() == [1.5, 1e5, 2.25]
