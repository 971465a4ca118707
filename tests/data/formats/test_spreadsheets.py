"""Excel and OpenDocument: sheets, headers, codes and dates; crafted files cost a sentence, not the process."""

import importlib.util
import zipfile

import pytest

from headstart.data import read
from headstart.data.formats.spreadsheets import read_spreadsheet
from headstart.errors import DataError, MissingExtraError

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'


def cell(place, value):
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    if isinstance(value, tuple):  # a date, as days since 1900
        return f'<c r="{place}" s="1"><v>{value[0]}</v></c>'
    return f'<c r="{place}"{" t=" + chr(34) + "b" + chr(34) if isinstance(value, bool) else ""}><v>{value + 0}</v></c>'


def sheet(rows, start=1):
    written = []
    for number, row in enumerate(rows, start):
        cells = "".join(cell(f"{chr(65 + column)}{number}", value) for column, value in enumerate(row))
        written.append(f'<row r="{number}">{cells}</row>')
    return "".join(written)


def write_book(path, **sheets):
    """A small .xlsx file; each sheet is rows of cells, or its XML."""
    bodies = {name: rows if isinstance(rows, str) else sheet(rows) for name, rows in sheets.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}"/></Types>',
        )
        relation = f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        file.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{relation}</Relationships>')
        names = "".join(f'<sheet name="{name}" sheetId="{k}" r:id="r{k}"/>' for k, name in enumerate(bodies, 1))
        file.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>'
        )
        relations = "".join(
            f'<Relationship Id="r{k}" Type="{OFFICE}/worksheet" Target="worksheets/s{k}.xml"/>'
            for k in range(1, len(bodies) + 1)
        )
        relations += f'<Relationship Id="rs" Type="{OFFICE}/styles" Target="styles.xml"/>'
        file.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>'
        )
        file.writestr("xl/styles.xml", STYLES)
        for k, body in enumerate(bodies.values(), 1):
            file.writestr(
                f"xl/worksheets/s{k}.xml", f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
            )
    return path


needs_calamine = pytest.mark.skipif(
    importlib.util.find_spec("python_calamine") is None, reason="needs the extra excel (python-calamine)"
)
ROWS = [
    ["text", "code", "score", "when"],
    *([f"note {k}", ["007", "7"][k % 2], k + 0.5, (45000 + k,)] for k in range(8)),
]


@needs_calamine
def test_a_sheet_is_read_as_a_csv_file_would_be(tmp_path):
    path = write_book(tmp_path / "a.xlsx", Data=ROWS)
    data = read(path, label="code")
    assert (data.items, data.task.labels) == ([f"note {k}" for k in range(8)], ("007", "7"))
    assert read(path, label="score").y.ravel().tolist() == [k + 0.5 for k in range(8)]
    values = read_spreadsheet(path)
    assert values.rows[0] == ["note 0", "007", "0.5", "2023-03-15"]
    whole = write_book(tmp_path / "b.xlsx", Data=[["a", "label"], *([k * 2, float(k % 2)] for k in range(8))])
    assert read(whole).task.labels == ("0", "1")
    flags = write_book(tmp_path / "c.xlsx", Data=[["text", "label"], *([f"n {k}", k % 2 == 0] for k in range(8))])
    assert read(flags).task.labels == ("False", "True")


@needs_calamine
def test_the_sheet_and_the_header_are_found_and_said(tmp_path):
    rows = [["Report of 2024", None, None], [None], *[[None, *row] for row in ROWS], [None, None]]
    path = write_book(tmp_path / "a.xlsx", Notes=[["read me"]], Data=rows, More=ROWS)
    data = read(path, label="code")
    assert len(data) == 8
    assert (
        "Read the sheet 'Data' of 'a.xlsx', not 'Notes', 'More'; to read another sheet, save it as a file of its own."
        in data.notes
    )
    assert "Took row 3 of the sheet 'Data' as the header." in data.notes


@needs_calamine
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>', "more memory"),
        ("", "is empty"),
        ("<row><c", "as a spreadsheet"),
    ],
)
def test_crafted_sheets_are_refused_in_a_sentence(tmp_path, body, message):
    with pytest.raises(DataError, match=message):
        read(write_book(tmp_path / "a.xlsx", Data=body))


@needs_calamine
@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods", "a.xlsb"])
@pytest.mark.parametrize(
    "content", [b"", b"text,label\n", b"PK\x03\x04 no archive", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)]
)
def test_files_that_are_no_spreadsheets(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="Cannot read"):
        read(tmp_path / name)


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[excel\]'"):
        read(tmp_path / "a.xlsx")
