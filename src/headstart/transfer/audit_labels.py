"""Audit of labels: items whose label is contradicted by the leave-one-out prediction from all other items."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, read_with, union_groups
from headstart.engine.options import Engine, refuse_int8
from headstart.errors import DataError
from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.heads.label_noise.suspects import Suspects, find_suspects, influential_rows
from headstart.heads.spectral.leave_one_out import leave_one_out_outputs
from headstart.io import atomic_file, write_csv
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.summary import summary_text, table_html
from headstart.tasks import is_classification
from headstart.transfer.ranking.choice import Choice
from headstart.transfer.ranking.default_choice import choose_default, named_choice
from headstart.transfer.ranking.run import RankingItems
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import Audited, Prepared, audit_items, encode_items
from headstart.types import Modality, Rows, Source, Task, TaskKind

__all__ = ["LabelAudit", "Suspect", "audit_labels", "write_suspects"]

SHOWN = 10  # suspects in the printed summary
NUMBERS = 8  # values of a row that are shown
MOST_EXPLAINED = 200  # suspects with influential items: each costs a pass over all rows


@dataclass(frozen=True)
class Suspect:
    """An item whose label is contradicted.

    Attributes:
        id: name of the item.
        label: its given label.
        predicted: the label that a fit without it predicts.
        p_label: leave-one-out probability of its given label.
        p_predicted: leave-one-out probability of the predicted label.
        because: ids of the items with the largest influence on the prediction.
        item: its text, the path of its file, or its numbers; empty for any other kind of item.
        because_items: the same for the items in ``because``.
        because_labels: their labels.

    Examples:
        >>> Suspect("7", "cat", "dog", 0.02, 0.95, ("3", "9")).margin
        0.93
    """

    id: str
    label: str
    predicted: str
    p_label: float
    p_predicted: float
    because: tuple[str, ...] = ()
    item: str = ""
    because_items: tuple[str, ...] = ()
    because_labels: tuple[str, ...] = ()

    @property
    def margin(self) -> float:
        """p(predicted) - p(label), rounded to four digits."""
        return round(self.p_predicted - self.p_label, 4)


@dataclass(frozen=True)
class LabelAudit:
    """The result of an audit of labels.

    Attributes:
        suspects: the most suspect item first.
        items: number of audited items.
        head: the head that was used, in words.
        index: (m,) positions of the suspects among the audited items.

    Examples:
        >>> len(LabelAudit((), 10, "ridge", np.empty(0, np.intp)).suspects)
        0
    """

    suspects: tuple[Suspect, ...]
    items: int
    head: str
    index: NDArray[np.intp]

    def __repr__(self) -> str:
        """The most suspect items, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook, one row per suspect."""
        title, _ = self._facts()
        rows = [
            (one.id, one.item, f"{one.label} ({one.p_label:.3f})", f"{one.predicted} ({one.p_predicted:.3f})",
             ", ".join(one.because))
            for one in self.suspects[:SHOWN]
        ]  # fmt: skip
        more = len(self.suspects) - len(rows)
        header = ("id", "item", "label (probability)", "the others say", "because of")
        return table_html(title, header, rows, [f"and {more} more in .suspects"] if more else [])

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = [
            (one.id, f"{one.label} ({one.p_label:.3f}), rather {one.predicted} ({one.p_predicted:.3f})")
            for one in self.suspects[:SHOWN]
        ]
        more = len(self.suspects) - len(shown)
        title = f"LabelAudit: {len(self.suspects)} of {self.items:,} labels are contradicted by {self.head}"
        return title, shown + ([("", f"and {more} more in .suspects")] if more else [])


def audit_labels(
    data: Any,
    *,
    source: str | Source | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    annotations: str | None = None,
    seed: int = 0,
    engine: Engine = Engine(),
    verbose: bool = True,
    reporter: Reporter | None = None,
) -> LabelAudit:
    """Find items whose label all others contradict: in a fit without the item, another label is ten times as likely.

    Args:
        data: as in `fit`.
        source: as in `fit`.
        label: as in `fit`.
        item: as in `fit`.
        task: as in `fit`.
        modality: as in `fit`.
        group_col: as in `fit`.
        group_pattern: as in `fit`.
        time_col: as in `fit`.
        annotations: as in `fit`.
        seed: of the sample of rows that the head is chosen on, if there are more than 5,000.
        engine: how items are encoded.
        verbose: as in `fit`.
        reporter: as in `fit`.

    Returns:
        The suspects, with the items that explain each of the first 200.

    Raises:
        DataError: if the data cannot be used, or their task is not classification.

    Examples:
        >>> rows = [[0.0], [0.1], [0.2], [0.3], [5.0], [5.1], [5.2], [5.15]] * 5 + [[0.15]]
        >>> labels = ["low"] * 4 + ["high"] * 4
        >>> found = audit_labels((np.array(rows) + np.arange(41)[:, None] / 1e3, labels * 5 + ["high"]))
        >>> [(suspect.id, suspect.label, suspect.predicted) for suspect in found.suspects]
        [('40', 'high', 'low')]
    """
    refuse_int8(engine, "an audit of labels, which runs the usual number format")
    context = RunContext(chosen_reporter(reporter, verbose=verbose), engine, seed)
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=annotations,
    )  # fmt: skip
    dataset = read_with(data, reading)
    choice = named_choice(dataset, source, context.reporter)
    audited = audit_items(dataset, context)
    choice = choice or _default(audited, context)
    prepared = encode_items(audited, choice.source, context, known=choice.rows)
    with context.reporter.progress("auditing the labels"):
        return _suspects_of(prepared, seed=seed)


def _default(audited: Audited, context: RunContext) -> Choice:
    dataset = audited.dataset
    part = RankingItems(np.arange(len(dataset)), f"all {len(dataset)} items")
    return choose_default(dataset, union_groups(dataset.groups, audited.clusters), context, part=part)


def _suspects_of(prepared: Prepared, *, seed: int = 0, rows: NDArray[np.intp] | None = None) -> LabelAudit:
    """The suspects among encoded items, or among some of them.

    Args:
        prepared: encoded items.
        seed: of the choice of the head.
        rows: (m,) positions of the items to audit, from which the head is fitted too; default: all.

    Raises:
        DataError: if the task is not classification.
    """
    task, y = prepared.dataset.labelled()
    if not is_classification(task):
        raise DataError(f"Labels are audited for classification only. Got a {task.kind} task.")
    index = np.arange(len(y)) if rows is None else rows
    features, own = _rows(prepared.rows, index), y[index]
    # near duplicates and items of the same group would confirm a wrong label, so they are left out together
    together = union_groups(prepared.dataset.groups, prepared.clusters)[index]
    groups = together if len(np.unique(together)) < len(together) else None
    head = select_head(features, own, task, blocks=prepared.source.info.blocks, groups=groups, seed=seed)
    outputs = leave_one_out_outputs(features, own, task, head, groups=groups)
    found = find_suspects(outputs, own)
    ids = [prepared.dataset.ids[i] for i in index]
    because = _because(features, own, task, head, found)
    shown = [prepared.dataset.items[i] for i in index]
    why = [because[place].tolist() if place < len(because) else [] for place in range(len(found.index))]
    listed = tuple(
        Suspect(
            ids[row], task.labels[given], task.labels[predicted], float(low), float(high),
            tuple(ids[i] for i in why[place]), _shown(shown[row]), tuple(_shown(shown[i]) for i in why[place]),
            tuple(task.labels[own[i]] for i in why[place]),
        )
        for place, (row, given, predicted, low, high) in enumerate(
            zip(found.index, found.given, found.predicted, found.p_given, found.p_predicted, strict=True)
        )
    )  # fmt: skip
    return LabelAudit(listed, len(own), f"{head.head} on {head.feature_map.name}", index[found.index])


def _shown(item: object) -> str:
    """An item as text: a text, a path, or the first numbers of a row; empty for any other kind of item."""
    if isinstance(item, str | os.PathLike):
        return str(item)
    if isinstance(item, np.ndarray) and item.ndim == 1:
        return ", ".join(f"{value:.4g}" for value in item[:NUMBERS].tolist()) + (", ..." if len(item) > NUMBERS else "")
    if isinstance(item, tuple | list):
        return " | ".join(_shown(part) or str(part) for part in item)
    return ""


def _rows(rows: Rows, index: NDArray[np.intp]) -> Rows:
    from headstart.rows import take_rows

    return take_rows(rows, index)


def _because(rows: Rows, y: NDArray[Any], task: Task, head: FittedHead, found: Suspects) -> NDArray[np.intp]:
    first = Suspects(*(part[:MOST_EXPLAINED] for part in vars(found).values()))
    return influential_rows(rows, y, task, head, first, search=HeadSearch())


def write_suspects(path: Path, suspects: Sequence[Suspect]) -> None:
    """Write suspects as CSV, one per line, with a column for each attribute of `Suspect`.

    Args:
        path: the file to write.
        suspects: the suspects.

    Raises:
        SaveError: if it cannot be written.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "suspects.csv"
        >>> write_suspects(place, [Suspect("7", "cat", "dog", 0.02, 0.95, ("3", "9"))])
        >>> place.read_text().splitlines()[1]
        '7,cat,dog,0.02,0.95,3 9,,,'
    """
    joined = {"because": " ", "because_items": " | ", "because_labels": " | "}
    rows = [asdict(one) for one in suspects]
    rows = [row | {name: sign.join(row[name]) for name, sign in joined.items()} for row in rows]
    with atomic_file(path) as scratch:
        write_csv(scratch, rows, [*Suspect.__dataclass_fields__])
