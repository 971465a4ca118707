"""What is printed and written about a stream: the accuracy matrix, and its metrics."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.evaluate.continual.accuracy_matrix import AccuracyMatrix
from headstart.evaluate.formatting import figure
from headstart.io import atomic_folder, check_replaceable, write_json
from headstart.model import TransferModel

__all__ = ["matrix_rows", "metric_rows", "write_stream"]

NAMES = {"average_accuracy": "average accuracy", "backward_transfer": "backward transfer", "forgetting": "forgetting"}


def matrix_rows(matrix: AccuracyMatrix) -> list[list[str]]:
    """The accuracy matrix with its head line; entries of tasks that had not come yet are empty.

    Args:
        matrix: of a stream.

    Examples:
        >>> import numpy as np
        >>> one, two = np.array([1, 1]), np.array([1, 0])
        >>> matrix_rows(AccuracyMatrix(("a", "b"), [[one], [two, one]]))
        [['after', 'a', 'b', 'all so far'], ['a', '1.000', '', '1.000'], ['b', '0.500', '1.000', '0.750']]
    """
    rows = [["after", *matrix.tasks, "all so far"]]
    for t, row in enumerate(matrix.matrix):
        shown = [f"{value:.3f}" if i <= t else "" for i, value in enumerate(row)]
        rows.append([matrix.tasks[t], *shown, f"{matrix.after(t).value:.3f}"])
    return rows


def metric_rows(matrix: AccuracyMatrix) -> list[tuple[str, str]]:
    """The metrics of the stream by name, each with its interval.

    Args:
        matrix: of a stream.

    Examples:
        >>> import numpy as np
        >>> metric_rows(AccuracyMatrix(("a", "b"), [[np.ones(2)], [np.ones(2), np.ones(2)]]))[0][0]
        'average accuracy'
    """
    return [
        (NAMES[name], figure(one.value, one.low, one.high))
        for name, one in matrix.metrics().items()
        if not math.isnan(one.value)  # of a single task
    ]


def write_stream(
    folder: Path, model: TransferModel, matrix: AccuracyMatrix, record: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Write the model with ``continual.json``, ``matrix.csv`` and ``README.md``, atomically.

    Args:
        folder: new, empty, or an earlier run.
        model: of all tasks.
        matrix: of the stream.
        record: plain values.
        overwrite: whether an earlier run may be replaced.

    Raises:
        UsageError: if the folder holds something else.
        SaveError: if it cannot be written.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from headstart.transfer.continual import continual
        >>> words = ["good", "bad", "fine", "poor", "nice"]
        >>> run = continual([(words, list("abaab")), (words, list("cdccd"))], source="toy", verbose=False)
        >>> with TemporaryDirectory() as place:
        ...     write_stream(Path(place), run.model, run.matrix, run.record, overwrite=True)
        ...     (Path(place) / "matrix.csv").read_text().splitlines()[0]
        'after,task 1,task 2,all so far'
    """
    check_replaceable(folder, overwrite=overwrite)
    rows = matrix_rows(matrix)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    with atomic_folder(folder) as scratch:
        model.write(scratch)
        write_json(scratch / "continual.json", record)
        (scratch / "matrix.csv").write_text(table.getvalue(), encoding="utf-8")
        (scratch / "README.md").write_text(_readme(matrix, rows, record), encoding="utf-8")


def _readme(matrix: AccuracyMatrix, rows: Sequence[Sequence[str]], record: Mapping[str, Any]) -> str:
    head, *body = ([_cell(value) for value in row] for row in rows)
    lines = [
        f"# A stream of {len(matrix.tasks)} tasks, strategy {record['strategy']}",
        "",
        f"Source {record['source']}. The head was solved from {record['head_from']}. Accuracy on the test items of "
        "each task, among the classes of all tasks so far, after each step:",
        "",
        *(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)),
        "",
        *(f"- {name}: {value}" for name, value in metric_rows(matrix)),
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
