"""Predictions as rows of a table: rounded, in the order of the items, beside the columns of their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.cli.output.coverage_columns import is_set, joined
from headstart.cli.output.table_file import write_rows
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

if TYPE_CHECKING:
    import pandas as pd

    from headstart.cli.input.items import Gathered

__all__ = ["FORMATS", "answer", "write_answers"]

FORMATS = (".csv", ".tsv", ".xlsx", ".jsonl", ".parquet")
TABLE = "table."  # prefix of a column of the table whose name is also a column of the answers


def answer(label: object, output: NDArray[np.float64], task: Task) -> dict[str, Any]:
    """The answer for one item: prediction, its probability, and all probabilities.

    Args:
        label: the predicted class, labels or value.
        output: (k,) the model's output, rounded.
        task: the model's task.

    Examples:
        >>> answer("a", np.array([0.75, 0.25]), Task("classification", ("a", "b")))
        {'prediction': 'a', 'probability': 0.75, 'probabilities': {'a': 0.75, 'b': 0.25}}
    """
    row: dict[str, Any] = {"prediction": label}
    if is_classification(task):
        row["probability"] = float(output.max())
    if not is_regression(task):
        row["probabilities"] = dict(zip(task.labels, output.tolist(), strict=True))
    return row


def write_answers(
    path: Path, given: Gathered, answers: Mapping[int, Mapping[str, Any]], failures: Mapping[int, str]
) -> None:
    """Write one row per item, in their order: name, columns of its table, answer, and the reason if there is no answer.

    A column of the table that has the name of another column is written as ``table.NAME``.

    Args:
        path: the file; its extension gives the format, one of `FORMATS`.
        given: the items.
        answers: by position of the item.
        failures: reasons by position, for items without an answer.

    Raises:
        SaveError: if it cannot be written.

    Examples:
        >>> import tempfile
        >>> from headstart.cli.input.items import Gathered
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> write_answers(path, Gathered(["x"], ["1", "2"]), {0: {"prediction": "good"}}, {1: "it is empty"})
        >>> path.read_text().split()
        ['item,prediction,reason', '1,good,', '2,,it', 'is', 'empty']
    """
    # these formats hold no lists, and get cells as their file spelled them (007 stays 007)
    as_text = path.suffix.lower() in (".csv", ".tsv", ".xlsx")
    flat = {position: _flat(found, as_text=as_text) for position, found in answers.items()}
    names = list(dict.fromkeys(name for row in flat.values() for name in row))
    own = {*given.place(0), *names, *(["reason"] if failures else [])}
    table = given.written if as_text else given.cells
    beside = [] if table is None else [name for name in table.columns if not _is_id(name, table, given)]
    columns = {} if table is None else {_free(str(name), own, beside): list(table[name]) for name in beside}
    rows = []
    for position in range(len(given.names)):
        row = given.place(position)
        row |= {name: cells[position] for name, cells in columns.items()}
        row |= dict.fromkeys(names) | flat.get(position, {})
        rows.append(row | ({"reason": failures.get(position)} if failures else {}))
    write_rows(path, rows)


def _is_id(name: object, table: pd.DataFrame, given: Gathered) -> bool:
    """Whether a column of the table is already written as the identifiers."""
    return name == "id" and given.ids is not None and list(map(str, table[name])) == list(map(str, given.ids))


def _free(name: str, own: set[str], others: Sequence[object]) -> str:
    while name in own:
        name = f"{TABLE}{name}"
        own = own | ({str(other) for other in others} - {name})
    return name


def _flat(found: Mapping[str, Any], *, as_text: bool) -> dict[str, Any]:
    plain = {key: value for key, value in found.items() if key != "probabilities"}
    plain |= {f"probability.{label}": value for label, value in found.get("probabilities", {}).items()}
    return {key: _text(key, value) if as_text and isinstance(value, list) else value for key, value in plain.items()}


def _text(key: str, value: list[Any]) -> str:
    return joined(value) if is_set(key) else ";".join(map(str, value))
