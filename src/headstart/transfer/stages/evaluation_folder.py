"""The output folder of an evaluation, written atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.io import atomic_folder, harmless_frame, write_csv, write_json
from headstart.report import EMPTY, Gallery, evaluation_report
from headstart.tasks import TASKS
from headstart.transfer.stages.result_folder import PROBABILITY_DIGITS, ResultFolder, joined_lists

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EVALUATION", "write_evaluation"]

FILES = {"metrics.json", "confusion.csv", "predictions.csv", "predictions.parquet", "report.html"}
EVALUATION = ResultFolder("an evaluation", "evaluation of headstart", "metrics.json", FILES)
"""The folder that an evaluation writes."""
TRUE = "true class"  # first column of confusion.csv; the others are the predicted classes


def write_evaluation(
    target: Path, record: Mapping[str, Any], predictions: pd.DataFrame, gallery: Gallery = EMPTY
) -> None:
    """Write the folder atomically.

    Args:
        target: the folder to make or to replace.
        record: the facts, from `headstart.transfer.evaluate.evaluate`.
        predictions: one row per evaluated item.
        gallery: the items that the report shows; default: none.

    Raises:
        SaveError: if it cannot be written; the previous content is then unchanged.

    Examples:
        >>> import tempfile
        >>> import pandas as pd
        >>> from headstart.report.content.example import EVALUATION as RECORD
        >>> place = Path(tempfile.mkdtemp()) / "may"
        >>> write_evaluation(place, RECORD, pd.DataFrame({"id": ["0"], "label": ["a"], "predicted": ["a"]}))
        >>> sorted(path.name for path in place.iterdir())[:3]
        ['confusion.csv', 'metrics.json', 'predictions.csv']
    """
    with atomic_folder(target) as scratch:
        write_json(scratch / "metrics.json", {"kind": EVALUATION.kind, **record})
        confusion = record["evaluation"]["confusion"]
        if confusion is not None:
            labels = [str(label) for label in record["evaluation"]["labels"]]
            counts = [dict(zip(labels, row, strict=True)) for row in confusion]
            rows = [{TRUE: label, **row} for label, row in zip(labels, counts, strict=True)]
            write_csv(scratch / "confusion.csv", rows, [TRUE, *labels])
        short = (
            predictions if TASKS[record["task"]["kind"]].base == "regression" else predictions.round(PROBABILITY_DIGITS)
        )
        harmless_frame(joined_lists(short)).to_csv(scratch / "predictions.csv", index=False)
        predictions.to_parquet(scratch / "predictions.parquet", index=False)
        (scratch / "report.html").write_text(evaluation_report(record, target.name, gallery), encoding="utf-8")
