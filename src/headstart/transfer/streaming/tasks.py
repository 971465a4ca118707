"""The tasks of a stream: labelled items of several data sets, or of one table with a column that names the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions
from headstart.data.read import read_with
from headstart.data.splits import split
from headstart.errors import DataError
from headstart.tasks import is_classification
from headstart.types import Dataset, Task

__all__ = ["StreamTask", "joined", "narrowed", "stream_of"]


@dataclass(frozen=True, eq=False)
class StreamTask:
    """One task of a stream.

    Attributes:
        name: such as the name of its file.
        train: labelled items to learn from; the codes are those of all labels of the stream.
        test: labelled items to judge on.
    """

    name: str
    train: Dataset
    test: Dataset


def stream_of(
    data: Sequence[Any], options: ReadOptions, *, task_col: str | None = None, seed: int = 0
) -> list[StreamTask]:
    """Read the tasks of a stream; all have the same label schema, which is the union of their classes.

    A given test part of a task is judged on; otherwise a fifth of its items is held out, stratified by label.

    Args:
        data: what `headstart.data.read` reads, or gives: one for each task, or a single table with ``task_col``.
        options: how to read; its group column is taken by ``task_col``.
        task_col: column that names the task of each item; tasks come in the order of their first items.
        seed: of the items that are held out.

    Raises:
        DataError: if there are fewer than two tasks, or labels are not one class per item.

    Examples:
        >>> first, second = (["good", "bad"] * 5, ["+", "-"] * 5), (["who", "where"] * 5, ["person", "place"] * 5)
        >>> found = stream_of([first, second], ReadOptions())
        >>> [task.name for task in found], found[1].train.task.labels, sorted(set(found[1].train.y.tolist()))
        (['task 1', 'task 2'], ('+', '-', 'person', 'place'), [2, 3])
    """
    if task_col is None:
        options = replace(options, task=options.task or "classification")
        named = [(_name(one, k), _read(one, options)) for k, one in enumerate(data)]
    else:
        named = _by_column(data, replace(options, group_col=task_col), task_col)
    if len({name for name, _ in named}) < len(named):  # such as files of one name in several folders
        named = [(f"{k} {name}", one) for k, (name, one) in enumerate(named, start=1)]
    if len(named) < 2:
        raise DataError(
            f"A stream needs two or more tasks. Got {len(named)}; give several data sets, or a table with a column "
            "that names the task of each item (--task-col)."
        )
    labels: set[str] = set()
    for name, one in named:
        task, _ = one.labelled()
        if not is_classification(task) or one.modality != named[0][1].modality:
            raise DataError(
                f"The tasks of a stream have one class per item, of one kind of items. Got a {task.kind} of "
                f"{one.modality} in '{name}', after {named[0][1].modality} in '{named[0][0]}'."
            )
        labels |= set(task.labels)
    union = Task("classification", tuple(sorted(labels)))
    return [_parted(name, _with_labels(one, union), seed) for name, one in named]


def narrowed(data: Dataset) -> Dataset:
    """The same items with a label schema of the classes that occur.

    Args:
        data: labelled items with one class each.

    Examples:
        >>> data = Dataset(["a", "b"], ("0", "1"), "text", Task("classification", ("x", "y", "z")), np.array([2, 0]))
        >>> found = narrowed(data)
        >>> found.task.labels, found.y.tolist()
        (('x', 'z'), [1, 0])
    """
    task, y = data.labelled()
    seen = np.unique(y)
    return replace(data, task=Task("classification", tuple(task.labels[k] for k in seen)), y=np.searchsorted(seen, y))


def joined(parts: Sequence[Dataset]) -> Dataset:
    """The items of several data sets with one label schema, one after the other.

    Args:
        parts: one or more, with codes into the same labels.

    Examples:
        >>> data = Dataset(["a"], ("0",), "text", Task("classification", ("x", "y")), np.array([1]))
        >>> joined([data, data]).ids, joined([data, data]).y.tolist()
        (('0/0', '1/0'), [1, 1])
    """
    if len(parts) == 1:
        return parts[0]
    items = [item for part in parts for item in part.items]
    ids = tuple(f"{k}/{name}" for k, part in enumerate(parts) for name in part.ids)
    task, _ = parts[0].labelled()
    return Dataset(items, ids, parts[0].modality, task, np.concatenate([part.labelled()[1] for part in parts]))


def _by_column(data: Sequence[Any], options: ReadOptions, column: str) -> list[tuple[str, Dataset]]:
    if len(data) != 1:
        raise DataError(f"A column that names the task is that of one table. Got {len(data)} data sets and '{column}'.")
    whole = read_with(data[0], options)
    if whole.groups is None:
        raise DataError(f"'{column}' is no column of {whole.origin}; name the column of the tasks.")
    names: NDArray[Any] = whole.groups
    plain = replace(whole, groups=None)
    return [(str(name), plain.take(np.flatnonzero(names == name))) for name in dict.fromkeys(names.tolist())]


def _read(data: Any, options: ReadOptions) -> Dataset:
    return data if isinstance(data, Dataset) else read_with(data, options)


def _name(data: Any, position: int) -> str:
    return Path(data).stem if isinstance(data, (str, Path)) else f"task {position + 1}"


def _with_labels(data: Dataset, union: Task) -> Dataset:
    task, y = data.labelled()
    code = np.array([union.labels.index(label) for label in task.labels], dtype=np.int64)
    return replace(data, task=union, y=code[y])


def _parted(name: str, data: Dataset, seed: int) -> StreamTask:
    # without labels that have no items here, by which a split would stratify
    found = split(narrowed(data), None, seed=seed)
    return StreamTask(name, data.take(found.train), data.take(found.test))
