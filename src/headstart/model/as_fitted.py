"""Read data for a fitted model: by the columns that it was fitted on, with labels coded as its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from headstart.data import ReadOptions, align_columns
from headstart.data.folder.archives import is_archive, unpack
from headstart.data.table.files import table_kind
from headstart.errors import DataError, ItemError
from headstart.model import TransferModel
from headstart.tasks import encode_labels, is_classification, is_multilabel, read_labelled
from headstart.types import Dataset, Source

__all__ = ["ItemReading", "check_any_left", "part_of", "read_as_fitted", "read_for"]


class ItemReading(Protocol):
    """What a fitted model knows about the tables of its items.

    Examples:
        >>> from headstart import zero_shot
        >>> model: ItemReading = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> model.item_column is None, model.label_columns
        (True, [])
    """

    @property
    def source(self) -> Source:
        """The body."""
        ...

    @property
    def item_column(self) -> str | tuple[str, ...] | None:
        """The column or columns of the items, or None."""
        ...

    @property
    def label_columns(self) -> list[str]:
        """The columns of the labels, which are not features."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the items were read from."""
        ...


def read_as_fitted(data: Any, model: ItemReading, options: ReadOptions) -> Dataset:
    """The data, read by the column of items that the model was fitted on.

    Args:
        data: what `headstart.data.read` takes.
        model: the fitted model.
        options: options of the reading; an item column that is named there replaces the model's.

    Raises:
        DataError: if the data cannot be read; where the model's column is missing, the error names it.

    Examples:
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> read_as_fitted(["where is it"], model, ReadOptions(labelled=False)).modality
        'text'
    """
    is_named = bool(options.item or options.items)
    numbers = model.columns if model.source.info.modality == "vector" else ()
    known = replace(options if is_named else options.with_item(model.item_column), numbers=numbers)
    try:
        return read_labelled(data, known)
    except DataError as error:
        if not is_named and "given has no columns" in str(error):  # a list holds the items themselves
            return read_labelled(data, replace(options, numbers=numbers))
        if not is_named and f"no column '{model.item_column}'" in str(error):
            raise DataError(
                f"{error} The model was fitted on '{model.item_column}'; name another by --item."
            ) from error
        raise


def check_any_left(count: int, names: Sequence[str], failures: Mapping[int, str]) -> None:
    """Raise if no item could be read, so that earlier results are not overwritten.

    Args:
        count: the number of readable items.
        names: the names of all items.
        failures: the reason for each unreadable item, by position.

    Raises:
        ItemError: with the first reason.

    Examples:
        >>> check_any_left(1, ["a", "b"], {1: "The text is empty."})
    """
    if count == 0:
        first = min(failures)
        raise ItemError(f"None of the items ({len(names)}) can be read; the first, '{names[first]}': {failures[first]}")


def read_for(model: TransferModel, data: Any, options: ReadOptions, *, new_labels: bool = False) -> Dataset:
    """Labelled data, read and coded as the model was fitted.

    Args:
        model: the model to evaluate.
        data: what `headstart.data.read` takes.
        options: options of the reading; the model's own apply where they are not set.
        new_labels: whether labels that the model does not have are new ones; else they are refused.

    Raises:
        DataError: if the data cannot be read, or do not fit the model.

    Examples:
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> read_for(model, (["give it back", "where is it"], ["refund", "parcel"]), ReadOptions()).y
        array([1, 0])
    """
    options = replace(options, task=options.task or model.task.kind)
    if _holds_tables(data) and model.task.column != "folder":
        label = options.label or tuple(model.label_columns) or None
        dataset = read_as_fitted(data, model, replace(options, label=label))
    else:
        dataset = read_labelled(data, options)
    if dataset.modality != model.source.info.modality:
        raise DataError(
            f"{_named(data)} holds {dataset.modality} items, but the model reads {model.source.info.modality} items; "
            "give data of that kind."
        )
    return align_columns(_coded_as_fitted(dataset, model, new_labels=new_labels), model.columns)


def part_of(dataset: Dataset, wanted: str | None) -> tuple[Dataset, str]:
    """The part of the data to evaluate on: the wanted one, else test, else val, else train; all without a split.

    Args:
        dataset: the data.
        wanted: ``"train"``, ``"val"``, ``"test"`` or ``"all"``; None for the default.

    Returns:
        The part, and its description.

    Raises:
        DataError: if there is no such part.

    Examples:
        >>> part_of(Dataset(items=["a"], ids=("0",), modality="text"), None)[1]
        'all of it'
    """
    if dataset.split is None:
        if wanted not in (None, "all"):
            raise DataError(
                f"The data {dataset.origin} come without a split, so there is no part '{wanted}'; leave --split out."
            )
        return dataset, "all of it"
    there = [name for name in ("test", "val", "train") if name in dataset.split]
    name = wanted or there[0]
    if name == "all":
        return dataset, "all of it"
    if name not in there:
        raise DataError(f"The data {dataset.origin} have no part '{name}'; its parts are {', '.join(there)}.")
    return dataset.take(np.flatnonzero(dataset.split == name)), f"its part '{name}'"


def _named(data: object) -> str:
    return f"'{data}'" if isinstance(data, str | Path) else f"The {type(data).__name__}"


def _holds_tables(data: object) -> bool:
    """Whether the data are tables, whose label columns must be named; folders of files hold their labels themselves."""
    if not isinstance(data, str | Path):
        return not isinstance(data, tuple | list)
    path = Path(data)
    if path.is_file() and is_archive(path):
        path = unpack(path)
    files = list(path.iterdir()) if path.is_dir() else [path]
    return any(table_kind(file) is not None for file in files)


def _coded_as_fitted(dataset: Dataset, model: TransferModel, *, new_labels: bool) -> Dataset:
    """The data with labels coded by the model's task."""
    found, codes = dataset.labelled()
    task = model.task
    if found.kind != task.kind:
        raise DataError(
            f"The task of {dataset.origin} is {found.kind}, but that of the model is {task.kind}; set it with --task."
        )
    if is_classification(task):
        labels = [found.labels[code] for code in codes]
        task = model.with_new_labels(labels) if new_labels else task
        y = encode_labels(labels, task)
    elif is_multilabel(task):
        names = np.array(found.labels)
        lists = [names[row > 0.5].tolist() for row in codes]
        task = model.with_new_labels(lists) if new_labels else task
        y = encode_labels(lists, task)
    else:
        y = encode_labels(codes, task)
    return replace(dataset, task=task, y=y)
