"""Records shared by the readers and the label encoder: the reading options, and rows as read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.grouping.group_names import groups_by_pattern
from headstart.data.labels import encode_labels
from headstart.data.media.file_kinds import MEDIA
from headstart.data.text.unicode import HALF, invalid_unicode
from headstart.errors import DataError
from headstart.params import check_choice
from headstart.reporting.wording import plural
from headstart.types import Dataset, Modality, TaskKind

__all__ = ["FOLDS", "MEDIA", "SPLITS", "ReadOptions", "RowsRead", "to_dataset"]

SPLITS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of given splits, in lower case, mapped to ``"train"``, ``"val"`` or ``"test"``."""

FOLDS = r"(?:cv[ _-]?)?fold[ _-]?\d+"
"""Regular expression for the names of fold folders, such as ``fold1``."""


@dataclass(frozen=True)
class ReadOptions:
    """What the user has stated about the data; None for everything to infer.

    Attributes:
        label: names of the label columns.
        item: name of the text or path column.
        group_col: name of the group column (items of one group stay together in every split).
        time_col: name of the column of times.
        task: kind of task.
        modality: kind of item.
        labelled: whether labels are read; False reads items to predict.
        items: names of several columns that make up an item, each followed by ``:KIND`` if its kind is given.
        group_pattern: regular expression that captures an item's group from its name, or from its ``group_col``.
        numbers: names of columns that are known to hold numbers, whatever some of their cells look like.
        annotations: format of spans, boxes or masks and its settings, such as ``"conll,scheme=BILOU"``.

    Examples:
        >>> ReadOptions(label=("intent",)).label
        ('intent',)
        >>> ReadOptions.of(label="intent", item=["photo", "price"]).items
        ('photo', 'price')
    """

    label: tuple[str, ...] | None = None
    item: str | None = None
    group_col: str | None = None
    time_col: str | None = None
    task: TaskKind | None = None
    modality: Modality | None = None
    labelled: bool = True
    items: tuple[str, ...] = ()
    group_pattern: str | None = None
    numbers: tuple[str, ...] = ()
    annotations: str | None = None

    @classmethod
    def of(
        cls,
        *,
        label: str | Sequence[str] | None = None,
        item: str | Sequence[str] | None = None,
        group_col: str | None = None,
        group_pattern: str | None = None,
        time_col: str | None = None,
        task: TaskKind | None = None,
        modality: Modality | None = None,
        labelled: bool = True,
        numbers: Sequence[str] = (),
        annotations: str | None = None,
    ) -> ReadOptions:
        """The options from the arguments of `headstart.data.read`: one name or several, with kinds checked.

        Raises:
            ParameterError: if ``task`` or ``modality`` is not known.
        """
        check_choice(modality, "modality", "read", (None, "image", "text", "audio", "vector", "multimodal"))
        labels = (label,) if isinstance(label, str) else tuple(label or ())
        options = cls(
            label=labels or None, group_col=group_col, time_col=time_col, task=task, modality=modality,
            labelled=labelled, group_pattern=group_pattern, numbers=tuple(numbers),
            annotations=annotations,
        )  # fmt: skip
        return options.with_item(item)

    def with_item(self, item: str | Sequence[str] | None) -> ReadOptions:
        """The same options with another item column, or with several columns that together make up an item."""
        if item is None or isinstance(item, str):
            return replace(self, item=item, items=())
        names = tuple(item)
        one = names[0] if len(names) == 1 else None
        # A multimodal model may have been fitted on one column: its rows are still multimodal items.
        return replace(self, item=one, items=() if one is not None and self.modality != "multimodal" else names)


@dataclass(frozen=True)
class RowsRead:
    """Items as read, with labels as found: the result of a reader.

    Attributes:
        items: n items.
        ids: n unique names.
        modality: kind of item.
        labels: label columns by name, (n,) objects each; None without labels.
        is_classes: whether the labels are class names, whatever they look like (as folder names are).
        groups: (n,) names, or None.
        split: (n,) given splits, or None.
        times: (n,) float64, or None.
        columns: names of the features, if an item is a row of numbers.
        absent: names of classes without an item, such as those of empty folders.
        notes: what was inferred, one sentence each.
        named: values of further columns, as in `headstart.types.Dataset`.

    Examples:
        >>> RowsRead(["good"], ("0",), "text").labels is None
        True
    """

    items: Sequence[Any]
    ids: tuple[str, ...]
    modality: Modality
    labels: Mapping[str, NDArray[np.object_]] | None = None
    is_classes: bool = False
    groups: NDArray[np.str_] | None = None
    split: NDArray[np.str_] | None = None
    times: NDArray[np.float64] | None = None
    columns: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    named: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


def to_dataset(rows: RowsRead, options: ReadOptions, origin: str) -> Dataset:
    """Turn rows into a dataset: labels encoded, rows without a label set aside and reported.

    Args:
        rows: the result of a reader.
        options: how to read.
        origin: where the data came from, for the dataset and for messages.

    Raises:
        DataError: if no item is left, or if no task can be made of the labels.

    Examples:
        >>> rows = RowsRead(["a", "b"], ("0", "1"), "text", {"label": np.array(["x", "y"], object)})
        >>> to_dataset(rows, ReadOptions(), "memory").task.labels
        ('x', 'y')
    """
    if len(rows.items) == 0:
        wanted = "give at least two for each class" if options.labelled else "give at least one"
        raise DataError(f"There are no items in {origin}; {wanted}.")
    _check_modality(rows, options, origin)
    rows = without_invalid_unicode(rows, labelled=options.labelled)
    dataset = Dataset(
        items=rows.items,
        ids=rows.ids,
        modality=rows.modality,
        groups=rows.groups,
        split=rows.split,
        times=rows.times,
        columns=rows.columns,
        absent=rows.absent,
        origin=origin,
        notes=rows.notes,
        named=rows.named,
    )
    if options.group_pattern is not None:
        names = rows.ids if options.group_col is None or rows.groups is None else rows.groups.tolist()
        groups, note = groups_by_pattern(options.group_pattern, names, origin)
        dataset = replace(dataset, groups=groups, notes=(*dataset.notes, note))
    if rows.labels is None or not options.labelled:
        return dataset
    kind = options.task or ("classification" if rows.is_classes else None)
    try:
        encoded = encode_labels(rows.labels, kind, origin, from_folders=rows.is_classes, names=rows.ids)
    except DataError as error:  # rows that were set aside may be the cause
        lost = [note for note in rows.notes if note.startswith("Set aside")]
        raise DataError(" ".join([str(error), *lost])) if lost else error from error
    if not encoded.present.all():
        dataset = dataset.take(np.flatnonzero(encoded.present))
    return Dataset(
        **{
            **vars(dataset),
            "task": encoded.task,
            "y": encoded.y,
            "notes": (*dataset.notes, *encoded.notes),
        }
    )


def without_invalid_unicode(rows: RowsRead, *, labelled: bool) -> RowsRead:
    r"""Set aside rows whose text or label is not valid Unicode; when predicting, replace invalid characters by U+FFFD.

    Args:
        rows: the result of a reader.
        labelled: whether rows may be set aside; False keeps all of them.

    Examples:
        >>> rows = without_invalid_unicode(RowsRead(["cut \ud83d", "valid"], ("0", "1"), "text"), labelled=True)
        >>> rows.items, rows.notes
        (['valid'], ('Set aside 1 of 2 rows: row 0: it contains half of a character (U+D83D).',))
    """
    texts = rows.items if rows.modality == "text" else ()
    reasons = {row: reason for row, text in enumerate(texts) if (reason := invalid_unicode(text))}
    for column in (rows.labels or {}).values() if labelled else ():
        for row, label in enumerate(column):
            if isinstance(label, str) and (reason := invalid_unicode(label)):
                reasons[row] = f"its label: {reason}"
    if not reasons:
        return rows
    shown = "; ".join(f"row {rows.ids[row]}: {reasons[row]}" for row in list(reasons)[:3])
    if not labelled:
        items = [HALF.sub("\ufffd", text) for text in texts]
        return replace(rows, items=items, notes=(*rows.notes, f"Replaced invalid characters: {shown}."))
    kept = [row for row in range(len(rows.items)) if row not in reasons]
    note = f"Set aside {len(reasons)} of {plural(len(rows.items), 'row')}: {shown}."
    return _take(rows, kept, note)


def _take(rows: RowsRead, kept: Sequence[int], note: str) -> RowsRead:
    items = rows.items[kept] if isinstance(rows.items, np.ndarray) else [rows.items[row] for row in kept]
    return replace(
        rows,
        items=items,
        ids=tuple(rows.ids[row] for row in kept),
        labels=None if rows.labels is None else {name: column[kept] for name, column in rows.labels.items()},
        groups=None if rows.groups is None else rows.groups[kept],
        split=None if rows.split is None else rows.split[kept],
        times=None if rows.times is None else rows.times[kept],
        named={name: column[kept] for name, column in rows.named.items()},
        notes=(*rows.notes, note),
    )


def _check_modality(rows: RowsRead, options: ReadOptions, origin: str) -> None:
    if options.modality is not None and options.modality != rows.modality:
        raise DataError(
            f"The items of {origin} were read as {rows.modality}, but {options.modality} was asked for; "
            "name another item column or leave the modality out."
        )
