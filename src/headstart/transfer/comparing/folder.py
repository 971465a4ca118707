"""The output folder of a comparison, written atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.evaluate.comparison import PairedComparison
from headstart.io import atomic_folder, harmless_frame, write_json
from headstart.report.comparison import ComparedItem, comparison_report
from headstart.tasks import is_classification, is_regression
from headstart.transfer.comparing.item_table import deciding_rows, item_table
from headstart.transfer.comparing.predictions import PredictedByAll
from headstart.transfer.stages.result_folder import PROBABILITY_DIGITS, ResultFolder, joined_lists
from headstart.transfer.stages.thumbnails import show_items

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMPARISON", "compared_items", "write_comparison"]

COMPARISON = ResultFolder(
    "a comparison", "comparison of headstart", "comparison.json", ("comparison.json", "items.csv", "report.html")
)
"""The folder that a comparison writes."""
SOUND_SHARE = 0.2


def write_comparison(
    target: Path,
    record: Mapping[str, Any],
    items: pd.DataFrame,
    compared: tuple[PairedComparison, PredictedByAll],
    report_items: int,
) -> None:
    """Write the folder atomically.

    Args:
        target: the folder to make or to replace.
        record: the facts, from `headstart.transfer.compare_models.compare`.
        items: one row per item on which the models disagree.
        compared: the comparison, and the outputs that it is of.
        report_items: the largest number of items that the report shows.

    Raises:
        SaveError: if it cannot be written; the previous content is then unchanged.

    Examples:
        >>> import headstart, tempfile
        >>> rows = np.arange(20.0).reshape(10, 2)
        >>> run = headstart.fit((rows, ["a"] * 5 + ["b"] * 5), baselines="none", verbose=False)
        >>> place = headstart.compare([run, run], verbose=False).save(Path(tempfile.mkdtemp()) / "both")
        >>> sorted(path.name for path in place.iterdir())
        ['comparison.json', 'items.csv', 'report.html']
    """
    shown = compared_items(*compared, report_items)
    with atomic_folder(target) as scratch:
        write_json(scratch / "comparison.json", {"kind": COMPARISON.kind, **record})
        joined = joined_lists(items)
        short = joined if is_regression(compared[0].task) else joined.round(PROBABILITY_DIGITS)
        harmless_frame(short).to_csv(scratch / "items.csv", index=False)
        (scratch / "report.html").write_text(comparison_report(record, target.name, shown), encoding="utf-8")


def compared_items(found: PairedComparison, predicted: PredictedByAll, limit: int) -> list[ComparedItem]:
    """The items on which the models disagree, as a report shows them, the largest difference of the loss first.

    Args:
        found: the comparison.
        predicted: the outputs that it is of; nothing is shown of kept predictions, which hold no items.
        limit: the largest number of items.

    Examples:
        >>> from headstart.evaluate.comparison import compare_outputs
        >>> from headstart.types import Dataset, Task
        >>> task, y, sides = Task("classification", ("ant", "bee")), np.array([0, 1]), [np.eye(2), np.eye(2)[::-1]]
        >>> data = Dataset(["black", "yellow"], ("0", "1"), "text", task=task, y=y)
        >>> predicted = PredictedByAll(task, ("0", "1"), y, sides, None, (0, 0), "", dataset=data)
        >>> shown = compared_items(compare_outputs(task, y, sides, ["a", "b"]), predicted, 1)
        >>> shown[0].item.texts, shown[0].remarks
        (('black',), (('labelled ant', ''), ('a: ant (100%)', 'good'), ('b: bee (100%)', 'bad')))
    """
    if predicted.dataset is None or limit == 0:
        return []
    rows = deciding_rows(found, predicted)[:limit]
    table = item_table(found, predicted, rows)
    labels = [_in_words(label) for label in table["label"]]
    items = show_items(predicted.dataset.take(rows), labels, sounds=int(SOUND_SHARE * limit))
    shown = []
    for place, item in enumerate(items):
        remarks = [(f"labelled {labels[place]}", "")]
        right = []
        for name, outputs in zip(found.names, predicted.outputs, strict=True):
            answer = _in_words(table[f"predicted.{name}"].iloc[place])
            kind = ""
            if not is_regression(found.task):
                right.append(bool(table[f"right.{name}"].iloc[place]))
                kind = "good" if right[-1] else "bad"
            sure = f" ({outputs[rows[place]].max():.0%})" if is_classification(found.task) else ""
            remarks.append((f"{name}: {answer}{sure}", kind))
        shown.append(ComparedItem(item, tuple(remarks), tuple(right)))
    return shown


def _in_words(label: Any) -> str:
    if isinstance(label, list | tuple | np.ndarray):
        return ", ".join(map(_in_words, label)) or "none"
    return f"{label:.4g}" if isinstance(label, float | np.floating) else str(label)
