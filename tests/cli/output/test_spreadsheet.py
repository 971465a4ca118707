"""Answers as a spreadsheet, read back by the reader that tables go through."""

from __future__ import annotations

import pandas as pd
import pytest

from headstart.cli.main import main
from headstart.cli.output.spreadsheet import write_spreadsheet
from headstart.data.formats.loading import load_table
from headstart.errors import SaveError


def test_cells_come_back_as_they_were(tmp_path):
    pytest.importorskip("python_calamine")
    cells = {
        "text": ["=SUM(A1)", " two  blanks ", "<b>&\u4f60\n", "bell\x07"],
        "id": [1234567890123456789, 7, -1, 0],
        "share": [0.1, None, 2.5, 1e-20],
    }
    write_spreadsheet(pd.DataFrame(cells, dtype=object), tmp_path / "a.xlsx")
    frame, _ = load_table(tmp_path / "a.xlsx")
    assert frame["text"].tolist() == ["=SUM(A1)", " two  blanks ", "<b>&\u4f60\n", "bell\ufffd"]
    assert list(map(str, frame["id"])) == ["1234567890123456789", "7", "-1", "0"]
    assert frame["share"].tolist()[::3] == [0.1, 1e-20]
    assert frame["share"].isna().tolist() == [False, True, False, False]


def test_what_a_sheet_cannot_hold_is_refused(tmp_path):
    wide = pd.DataFrame([[0] * (2**14 + 1)])
    with pytest.raises(SaveError, match="16,384 columns"):
        write_spreadsheet(wide, tmp_path / "a.xlsx")
    assert not (tmp_path / "a.xlsx").exists()


def test_predictions_of_a_table_go_into_a_spreadsheet(tmp_path, capsys):
    """Kind: a kind of table that is read and could not be written."""
    pytest.importorskip("python_calamine")
    rows = pd.DataFrame({"x": [k / 10 for k in range(20)], "label": ["low"] * 10 + ["high"] * 10})
    rows.to_csv(tmp_path / "a.csv", index=False)
    run, out = str(tmp_path / "run"), str(tmp_path / "p.xlsx")
    assert main(["fit", str(tmp_path / "a.csv"), "--out", run, "--baselines", "none"]) == 0
    assert main(["predict", run, str(tmp_path / "a.csv"), "-o", out]) == 0
    frame, _ = load_table(tmp_path / "p.xlsx")
    assert frame["prediction"].tolist() == ["low"] * 10 + ["high"] * 10
    assert set(frame.columns) >= {"item", "x", "label", "probability.low"}
    capsys.readouterr()
    assert main(["predict", run, str(tmp_path / "a.csv"), "-o", str(tmp_path / "p.ods")]) == 2
    assert ".csv, .tsv, .xlsx, .jsonl, .parquet" in " ".join(capsys.readouterr().err.split())
