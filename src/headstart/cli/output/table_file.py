"""Rows as a table file."""

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
    r"""Write rows as a table; the file's extension says which. In CSV and TSV no cell is a formula to a spreadsheet.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.csv"
        >>> write_rows(place, [{"item": "1", "mood": "good"}])
        >>> place.read_text()
        'item,mood\n1,good\n'
    """
    import pandas as pd

    kept = [{_whole(name): _whole(cell) for name, cell in row.items()} for row in rows]
    with atomic_file(path) as scratch:
        frame = pd.DataFrame(kept, dtype=object)
        whole = frame.columns[frame.notna().all()]  # with empty cells between, pandas would make 7.0 of 7
        _write_frame(frame.astype(frame[whole].infer_objects().dtypes), scratch, path.suffix.lower())


def _whole(cell: object) -> object:
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
            if len(kinds) > 1:  # a column of a Parquet file has one type
                frame[name] = [None if value is None else str(value) for value in frame[name]]
        frame.to_parquet(path, index=False)
