"""Separated values: hints, comments, quotation marks, rows that do not fit; one bad row never refuses a file."""

import csv

import pytest

from headstart.data import read
from headstart.data.formats.delimited import parse_values
from headstart.errors import DataError


def table(*rows, head="text,label"):
    return "\n".join([head, *rows]) + "\n"


GOOD = [f"note {row} on it,{'ab'[row % 2]}" for row in range(20)]


@pytest.mark.parametrize("sign", [";", ",", "\t", "|"])
@pytest.mark.parametrize("lead", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_hint_of_excel_is_no_header(tmp_path, sign, lead, end):
    text = lead + end.join([f"sep={sign}", f"text{sign}label", *(row.replace(",", sign) for row in GOOD)]) + end
    (tmp_path / "a.csv").write_bytes(text.encode())
    data = read(tmp_path / "a.csv")
    assert (len(data), data.task.column, data.task.labels) == (20, "label", ("a", "b"))
    assert any("only names the separator" in note for note in data.notes)


@pytest.mark.parametrize("line", ['"sep=;"', "SEP=;", "sep=;;", '"sep=;";', "sep=; "])
def test_the_hint_may_be_quoted_or_filled_up(line):
    values = parse_values(f"{line}\ntext;label\n" + "a, b and c;x\nd, e;y\n" * 3, "a.csv")
    assert (values.header, values.rows[0], values.separator) == (["text", "label"], ["a, b and c", "x"], ";")


@pytest.mark.parametrize("line", [r"sep=\t", "sep=\t", "sep="])
def test_the_hint_on_tabs(line):
    assert parse_values(f"{line}\ntext\tlabel\na\tx\n", "a.csv").header == ["text", "label"]


def test_a_column_called_like_the_hint_is_none():
    assert parse_values("sep=width,label\n1.5,a\n2.5,b\n", "a.csv").header == ["sep=width", "label"]


@pytest.mark.parametrize("mark", ["", '"'])
def test_files_without_quotation_marks_are_read_like_those_with_one(mark):
    """The fast way splits lines itself: blank lines, Unicode's line ends and short rows are as ever."""
    text = f"text,label\n\n  \none,{mark}a{mark}\n,\ntwo\u2028more,b\nthree,c,\nfour\n"
    values = parse_values(text, "a.csv")
    assert values.rows == [["one", "a"], ["", ""], ["two\u2028more", "b"], ["three", "c"]]
    assert [str(row) for row in values.set_aside] == ["row 4 (line 8): it has 1 cell, but the header has 2"]


def test_comments_above_the_header():
    values = parse_values("# made by a lab\n#\n" + table(*GOOD), "a.csv")
    assert (values.header, len(values.rows)) == (["text", "label"], 20)
    assert values.notes == ("Left out 2 lines of comments above the header of 'a.csv'.",)
    assert parse_values("#id,text\n1,one\n", "a.csv").header == ["#id", "text"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("one, two, three,a", "row 3 (line 5): it has 4 cells, but the header has 2"),
        ("only one", "row 3 (line 5): it has 1 cell, but the header has 2"),
        ("byte \udce9,a", "row 3 (line 5): it contains an undecodable byte (0xE9)"),
        ("half \ud83d,a", "row 3 (line 5): it contains half of a character (U+D83D)"),
    ],
)
def test_one_bad_row_is_named_and_set_aside(bad, reason):
    values = parse_values(table(*GOOD[:3], bad, *GOOD[3:]), "a.csv")
    assert [str(row) for row in values.set_aside] == [reason]
    assert len(values.rows) == 20
    assert values.numbers == [0, 1, 2, *range(4, 21)]


def test_a_byte_that_cannot_be_decoded_costs_its_row_only(tmp_path):
    rows = [row.replace("note", "größe") for row in GOOD]
    raw = table(*rows).encode().replace("größe 4".encode(), b"gr\xf6sse 4")
    (tmp_path / "a.csv").write_bytes(raw)
    data = read(tmp_path / "a.csv")
    assert data.ids == tuple(str(row) for row in range(20) if row != 4)
    assert any("row 4 (line 6): it contains an undecodable byte (0xF6)" in note for note in data.notes)


@pytest.mark.parametrize("bad", ['"an open mark,a', 'half a "quote" in it,a', '"closed" early,a', '5" wide,a'])
def test_a_quotation_mark_swallows_no_rows(bad):
    quoted = [f'"a quoted, {row}",b' for row in range(5)]
    values = parse_values(table(*GOOD[:3], bad, *quoted, *GOOD[3:]), "a.csv")
    assert len(values.rows) == 26
    assert values.rows[3][1] == "a"
    assert values.rows[4] == ["a quoted, 0", "b"]
    assert not values.set_aside


def test_line_breaks_in_cells_and_long_cells_are_no_defect():
    long = "word " * 60_000
    values = parse_values(table(f'"{long}",a', '"two\nlines, ""quoted""\n",b', *GOOD), "a.csv")
    assert values.rows[0] == [long, "a"]
    assert values.rows[1] == ['two\nlines, "quoted"\n', "b"]
    assert csv.field_size_limit() == 131_072


def test_marks_that_never_close_take_linear_time():
    values = parse_values(table(*(f'"open {row},a' for row in range(3001))), "a.csv")
    assert len(values.rows) == 3001


def test_spaces_after_separators():
    values = parse_values('text, label\n"one, two", a\n"three, four", b\n', "a.csv")
    assert values.rows == [["one, two", " a"], ["three, four", " b"]]
    assert values.header == ["text", "label"]
    values = parse_values('label, text\na, "one, two"\nb, "three, four"\n', "a.csv")
    assert values.rows == [["a", "one, two"], ["b", "three, four"]]


def test_rows_that_end_early_by_habit_are_filled_and_said():
    values = parse_values(table("a,b,c", "d", "e", "f,g", head="x,y,z"), "a.csv")
    assert values.rows[1] == ["d", "", ""]
    assert "3 rows of 'a.csv' end before the last column; their missing cells are empty." in values.notes
    assert parse_values(table("a,b,,", "c,d,,"), "a.csv").rows == [["a", "b"], ["c", "d"]]


def test_where_most_rows_do_not_fit_the_file_is_refused():
    with pytest.raises(DataError, match="20 of 20 rows do not have as many cells as the header, such as line 2"):
        parse_values(table(*(f"{row},x" for row in GOOD)), "a.csv")


def test_tables_without_a_header():
    assert parse_values("\n".join(GOOD), "a.csv").header is None
    assert parse_values("0.5,1\n1.5,0\n", "a.csv").header is None
    assert parse_values("x/1.jpg,a\nx/2.jpg,b\n", "a.csv").header is None
    assert parse_values("0,1\n5,6\n7,8\n", "a.csv").header == ["0", "1"]
    assert parse_values(table(*GOOD), "a.csv").header == ["text", "label"]


def test_blanks_and_invisible_characters_in_headers():
    assert parse_values("\u200btext \t, label\u00a0\nx y,a\n", "a.csv").header == ["text", "label"]


def test_a_csv_of_tabs_and_a_tsv_of_commas(tmp_path):
    (tmp_path / "a.csv").write_text(table(*GOOD).replace(",", "\t"))
    (tmp_path / "b.tsv").write_text(table(*GOOD))
    for name, sign in (("a.csv", "tabs"), ("b.tsv", "commas")):
        data = read(tmp_path / name)
        assert data.task.labels == ("a", "b")
        assert any(f"separated by {sign}" in note for note in data.notes)
