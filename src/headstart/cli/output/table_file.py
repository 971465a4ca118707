"""Rows as a table file: CSV, TSV, Excel, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.cli.output.spreadsheet import write_spreadsheet
from headstart.io import atomic_file, harmless_frame
from headstart.types import escape_surrogates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_rows"]


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    r"""Write rows as a table in the format of the file's extension; CSV and TSV cells are escaped against formulas.

    Args:
        path: ``.csv``, ``.tsv``, ``.xlsx``, ``.jsonl`` or, for any other extension, Parquet.
        rows: cells by column name; a missing name is an empty cell.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.csv"
        >>> write_rows(place, [{"item": "1", "mood": "good"}])
        >>> place.read_text()
        'item,mood\n1,good\n'
    """
    import pandas as pd

    cleaned = [{_valid_text(name): _valid_text(cell) for name, cell in row.items()} for row in rows]
    with atomic_file(path) as scratch:
        frame = pd.DataFrame(cleaned, dtype=object)
        filled = frame.columns[frame.notna().all()]  # with empty cells in the column, pandas would turn 7 into 7.0
        _write_frame(frame.astype(frame[filled].infer_objects().dtypes), scratch, path.suffix.lower())


def _valid_text(cell: object) -> object:
    """A text with lone surrogates escaped, since no file format holds them; any other cell as it is."""
    return escape_surrogates(cell) if isinstance(cell, str) else cell


def _write_frame(frame: pd.DataFrame, path: Path, suffix: str) -> None:
    if suffix in (".csv", ".tsv"):
        harmless_frame(frame).to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    elif suffix == ".xlsx":
        write_spreadsheet(frame, path)
    elif suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        for name in [name for name, dtype in frame.dtypes.items() if dtype.kind == "O"]:
            kinds = {type(value) for value in frame[name] if value is not None}
            if len(kinds) > 1:  # Parquet gives a column one type
                frame[name] = [None if value is None else str(value) for value in frame[name]]
        frame.to_parquet(path, index=False)
