"""Read data for every registered kind of task: labels are read as those of its base kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from headstart.data.read import read_with
from headstart.data.schema import ReadOptions
from headstart.params import check_choice
from headstart.tasks.registry import TASKS, base_task
from headstart.types import ANNOTATION_KINDS, Dataset

__all__ = ["base_dataset", "read_labelled"]


def read_labelled(data: Any, reading: ReadOptions) -> Dataset:
    """`headstart.data.read`, for every registered kind of task.

    Args:
        data: as in `headstart.data.read`, or a `Dataset`, which is returned as it is.
        reading: options of the reading; ``task`` is any registered kind, or None to infer it.

    Raises:
        DataError: if the data cannot be read, or their labels do not fit the task.
        ParameterError: if the kind of task is not registered.

    Examples:
        >>> read_labelled((["good", "bad"], [1, 2]), ReadOptions(task="regression")).task.kind
        'regression'
    """
    if isinstance(data, Dataset):
        return data
    if reading.task is None or reading.task in ANNOTATION_KINDS:
        return read_with(data, reading)
    check_choice(reading.task, "task", "read", (None, *TASKS, *ANNOTATION_KINDS))
    base = TASKS[reading.task].base
    dataset = read_with(data, reading if base == reading.task else replace(reading, task=base))
    if dataset.task is None or dataset.task.kind != base:
        return dataset
    return replace(dataset, task=replace(dataset.task, kind=reading.task)) if base != reading.task else dataset


def base_dataset(dataset: Dataset) -> Dataset:
    """The same data with a task of the base kind, for what depends on the format of labels alone: audits and splits.

    Examples:
        >>> from headstart.data import read
        >>> base_dataset(read((["good", "bad"], [1, 2]), task="regression")).task.kind
        'regression'
    """
    if dataset.task is None or dataset.task.kind in ANNOTATION_KINDS or base_task(dataset.task) is dataset.task:
        return dataset
    return replace(dataset, task=base_task(dataset.task))
