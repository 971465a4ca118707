"""The items of a version's fit: their names, contents and labels, and which of other items are among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.pipeline.kept_rows import rows_by_key
from headstart.io import read_parquet
from headstart.linear.checks import CHUNK
from headstart.model import TransferModel
from headstart.model.certainty import MOST_AT_HAND
from headstart.model.files.version_files import version_folder
from headstart.tasks import encode_labels, is_classification, is_multilabel, task_methods
from headstart.types import Dataset, FeatureMatrix, Task

__all__ = [
    "KEYS", "KnownItems", "NewItems", "codes_of", "ids_of", "known_items", "labels_of", "new_items",
    "with_rows_at_hand", "write_known",
]  # fmt: skip

TABLE = "splits.parquet"
COLUMNS = ("id", "part", "cluster", "content", "label")
KEYS = "row_key"  # where the feature store keeps the row of an item; not every table has it


@dataclass(frozen=True, eq=False)
class KnownItems:
    """The table of items of a version, and what is known of those in its fit.

    Attributes:
        table: its columns by name, each a list: ``id``, ``part``, ``cluster``, ``content``, ``label``, and ``row_key``
            where the rows of the items may be in the feature store.

    Examples:
        >>> KnownItems({name: [] for name in COLUMNS}).contents
        {}
    """

    table: Mapping[str, list[Any]]

    @cached_property
    def fitted(self) -> list[int]:
        """Positions of the items in the fit."""
        return [k for k, part in enumerate(self.table["part"]) if part == "train" or str(part).startswith("fold ")]

    @cached_property
    def contents(self) -> dict[str, int]:
        """Of the items in the fit, the position of the first one by the digest of its content."""
        return {str(self.table["content"][k]): k for k in reversed(self.fitted)}

    @cached_property
    def places(self) -> dict[str, int]:
        """Of the items in the fit, the position by id."""
        return {str(self.table["id"][k]): k for k in self.fitted}


def known_items(model: TransferModel) -> KnownItems:
    """The items of the version that a model was opened from; none for a model without a run folder.

    The label of an item is that of the model's left-out scores, where these are kept.

    Args:
        model: the model.

    Raises:
        ModelFolderError: if the table of items is damaged.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> len(known_items(zero_shot(["parcel", "refund"], source="toy", verbose=False)).places)
        0
    """
    if model.folder is None:
        return KnownItems({name: [] for name in COLUMNS})
    found = _read(model.folder / TABLE)
    table = found.table
    if len(table["label"]) == len(table["id"]):
        return found
    return KnownItems({**table, "label": _labels(model, table["id"])})


def _read(path: Path) -> KnownItems:
    """The table of items in a file; the column of labels is empty in that of a fit."""
    if not path.is_file():
        return KnownItems({name: [] for name in COLUMNS})
    table = read_parquet(path).to_pydict()
    if not {"id", "part", "content"} <= set(table):  # a run of an earlier release
        return KnownItems({name: [] for name in COLUMNS})
    return KnownItems({"cluster": list(range(len(table["id"]))), "label": [], **table})


def with_rows_at_hand(model: TransferModel) -> TransferModel:
    """The model with the rows of its items, from the feature store where its folder is too small to keep them.

    Args:
        model: as it was opened.

    Raises:
        ModelFolderError: if the table of items is damaged.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> with_rows_at_hand(model) is model
        True
    """
    kept = model.certainty
    if model.folder is None or kept is None or kept.rows is not None:
        return model
    table = _read(model.folder / TABLE).table
    known = dict(zip(table["id"], table.get(KEYS, ()), strict=False))
    keys = [known.get(name) for name in kept.ids]
    if None in keys:
        return model
    rows = rows_by_key(model.source, keys, engine=model.engine, limit=MOST_AT_HAND)
    if rows is None:
        return model
    return replace(model, certainty=replace(kept, rows=_mapped(rows, model)))


def _mapped(rows: FeatureMatrix, model: TransferModel) -> NDArray[Any]:
    parts = [model.head.feature_map(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
    return np.concatenate(parts)


def ids_of(run: Path) -> frozenset[str]:
    """The names of the items in the fit of the version in force; empty where there is no table of items.

    Args:
        run: the run folder.

    Raises:
        ModelFolderError: if the table is damaged.

    Examples:
        >>> ids_of(Path("nowhere"))
        frozenset()
    """
    return frozenset(_read(version_folder(run) / TABLE).places)


def _labels(model: TransferModel, ids: Sequence[str]) -> list[str | None]:
    """The label of each item in words, where the model keeps it."""
    kept = model.certainty
    if kept is None:
        return [None] * len(ids)
    known = dict(zip(kept.ids, labels_of(model.task, kept.y), strict=True))
    return [known.get(str(name)) for name in ids]


def labels_of(task: Task, y: NDArray[Any]) -> list[str]:
    """Labels as the table holds them: the label, labels joined by ``|``, or values joined by blanks.

    Args:
        task: the label schema.
        y: labels as in `Dataset`.

    Examples:
        >>> labels_of(Task("classification", ("a", "b")), np.array([1, 0]))
        ['b', 'a']
        >>> labels_of(Task("regression", ("x", "y")), np.array([[1.0, 2.5]]))
        ['1.0 2.5']
    """
    methods = task_methods(task)
    found = methods.decode(methods.targets(y, task.num_outputs), task)
    return [_in_words(one) for one in found]


def _in_words(label: Any) -> str:
    if isinstance(label, str):
        return label
    if isinstance(label, list | tuple) and all(isinstance(part, str) for part in label):
        return "|".join(label)
    return " ".join(repr(float(value)) for value in np.atleast_1d(np.asarray(label, np.float64)))


def codes_of(task: Task, words: Sequence[str]) -> NDArray[Any]:
    """Labels as in `Dataset`, from those that `labels_of` made.

    Args:
        task: the label schema.
        words: n labels.

    Raises:
        DataError: if a label is unknown to the task.

    Examples:
        >>> codes_of(Task("multilabel", ("a", "b")), ["b", "a|b", ""])
        array([[0., 1.],
               [1., 1.],
               [0., 0.]])
    """
    if is_classification(task):
        return encode_labels(list(words), task)
    if is_multilabel(task):
        return encode_labels([[part for part in one.split("|") if part] for one in words], task)
    return encode_labels([[float(value) for value in one.split()] for one in words], task)


@dataclass(frozen=True, eq=False)
class NewItems:
    """Which of the given items are to be counted.

    Attributes:
        added: positions of items that are new.
        relabelled: positions of items whose content is in the fit under another label, which they are to get now.
        duplicates: names of items whose content is in the fit, or earlier among them, with the same label.
        contradictions: by name of an item that is left out, the name of the one with the same content and another
            label.
        unknown: how many copies of items of the fit there are whose label there is not known; they are left out.

    Examples:
        >>> NewItems([0], [], [], {}).added
        [0]
    """

    added: list[int]
    relabelled: list[int]
    duplicates: list[str]
    contradictions: Mapping[str, str]
    unknown: int = 0


def new_items(
    known: KnownItems, ids: Sequence[str], contents: Sequence[str], labels: Sequence[str], *, relabel: bool
) -> NewItems:
    """Sort items into new ones, copies and contradictions.

    Args:
        known: the items of the fit.
        ids: n names.
        contents: n digests of the contents.
        labels: n labels as `labels_of` gives them.
        relabel: whether a contradiction is a correction: the last label of a content counts, also for one in the fit.

    Examples:
        >>> fit = KnownItems({"id": ["7"], "part": ["train"], "cluster": [0], "content": ["x"], "label": ["cat"]})
        >>> found = new_items(fit, ["0", "1", "2"], ["x", "y", "y"], ["dog", "cat", "cat"], relabel=False)
        >>> found.added, found.duplicates, found.contradictions
        ([1], ['2'], {'0': '7'})
        >>> new_items(fit, ["0"], ["x"], ["dog"], relabel=True).relabelled
        [0]
    """
    of_content: dict[str, list[int]] = {}
    for position, content in enumerate(contents):
        of_content.setdefault(content, []).append(position)
    added, relabelled, duplicates, unknown = [], [], [], 0
    contradictions: dict[str, str] = {}
    for content, positions in of_content.items():
        first, *others = positions[::-1] if relabel else positions
        differing = [k for k in others if labels[k] != labels[first]]
        duplicates += [ids[k] for k in others if labels[k] == labels[first]]
        contradictions |= {ids[k]: ids[first] for k in differing}
        place = known.contents.get(content)
        if differing and not relabel:  # none of them can be trusted
            contradictions[ids[first]] = ids[differing[0]]
        elif place is None:
            added.append(first)
        elif known.table["label"][place] is None:
            unknown += 1
        elif known.table["label"][place] == labels[first]:
            duplicates.append(ids[first])
        elif relabel:
            relabelled.append(first)
        else:
            contradictions[ids[first]] = str(known.table["id"][place])
    return NewItems(sorted(added), sorted(relabelled), duplicates, contradictions, unknown)


def write_known(
    folder: Path,
    known: KnownItems,
    *,
    without: Sequence[int] = (),
    dataset: Dataset | None = None,
    contents: Sequence[str] = (),
    labels: Sequence[str] = (),
    keys: Sequence[str | None] = (),
) -> None:
    """Write the table of items of a new version.

    Args:
        folder: the folder of the version.
        known: the items of the version before.
        without: positions in its table of items that are gone.
        dataset: the items that were added; None for none.
        contents: digests of their contents.
        labels: their labels.
        keys: where the feature store keeps their rows; for a table that has this column.

    Examples:
        >>> import tempfile
        >>> from pyarrow import parquet
        >>> folder = Path(tempfile.mkdtemp())
        >>> fit = KnownItems({"id": ["7"], "part": ["train"], "cluster": [0], "content": ["x"], "label": ["cat"]})
        >>> write_known(folder, fit, dataset=Dataset(["b"], ("8",), "text"), contents=["y"], labels=["dog"])
        >>> parquet.read_table(folder / "splits.parquet")["id"].to_pylist()
        ['7', '8']
    """
    import pyarrow as pa
    from pyarrow import parquet

    gone = set(without)
    kept = [k for k in range(len(known.table["id"])) if k not in gone]
    names = (*COLUMNS, KEYS) if KEYS in known.table else COLUMNS
    table = {name: [known.table[name][k] for k in kept] for name in names}
    if dataset is not None:
        last = max(map(int, table["cluster"]), default=-1)
        table["id"] += list(dataset.ids)
        table["part"] += ["train"] * len(dataset)
        table["cluster"] += [last + 1 + k for k in range(len(dataset))]
        table["content"] += list(contents)
        table["label"] += list(labels)
        if KEYS in table:
            table[KEYS] += list(keys) or [None] * len(dataset)
    columns = {
        name: pa.array(values, pa.int64() if name == "cluster" else pa.string()) for name, values in table.items()
    }
    parquet.write_table(pa.table(columns), folder / TABLE)
