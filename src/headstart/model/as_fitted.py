"""Data for a model that is there already: read by its columns, coded by its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.data import ReadOptions, align_columns
from headstart.data.folder.archives import is_archive, unpack
from headstart.data.table.files import table_kind
from headstart.errors import DataError, ItemError
from headstart.model import TransferModel
from headstart.tasks import encode_labels, is_classification, is_multilabel, read_labelled
from headstart.types import Dataset, Task

__all__ = ["check_any_left", "part_of", "read_as_fitted", "read_for"]


def read_as_fitted(data: Any, model: TransferModel, options: ReadOptions) -> Dataset:
    """The data, read by the column of items that the model was fitted on; an error about it says so.

    Args:
        data: what is read.
        model: what knows the column.
        options: how to read; a column of items that is named there takes the place of the model's.

    Raises:
        DataError: if the data cannot be read.

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
        if not is_named and f"no column '{model.item_column}'" in str(error):
            raise DataError(
                f"{error} The model was fitted on '{model.item_column}'; name another by --item."
            ) from error
        raise


def check_any_left(count: int, names: Sequence[str], failures: Mapping[int, str]) -> None:
    """Raise if no item could be read, so that nothing is written over earlier results.

    Args:
        count: how many items could be read.
        names: of all items.
        failures: position to reason of the others.

    Raises:
        ItemError: with the first reason.

    Examples:
        >>> check_any_left(1, ["a", "b"], {1: "The text is empty."})
    """
    if count == 0:
        first = min(failures)
        raise ItemError(f"None of the items ({len(names)}) can be read; the first, '{names[first]}': {failures[first]}")


def read_for(model: TransferModel, data: Any, options: ReadOptions) -> Dataset:
    """Labelled data, read and coded as the model was fitted.

    Args:
        model: what judges.
        data: what `headstart.data.read` takes.
        options: how to read; what is not named there is read as for the fit.

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
    return align_columns(_in_words_of(dataset, model.task), model.columns)


def part_of(dataset: Dataset, wanted: str | None) -> tuple[Dataset, str]:
    """The part of given splits that is judged: as asked, else test, else val, else everything.

    Args:
        dataset: the data.
        wanted: ``"train"``, ``"val"``, ``"test"`` or ``"all"``; None for the default.

    Returns:
        The part, and what it is in words.

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
    """Whether the data are tables, whose columns must be named; folders of files name their labels themselves."""
    if not isinstance(data, str | Path):
        return not isinstance(data, tuple | list)
    path = Path(data)
    if path.is_file() and is_archive(path):
        path = unpack(path)
    files = list(path.iterdir()) if path.is_dir() else [path]
    return any(table_kind(file) is not None for file in files)


def _in_words_of(dataset: Dataset, task: Task) -> Dataset:
    """The data with labels coded as the model codes them."""
    found, codes = dataset.labelled()
    if found.kind != task.kind:
        raise DataError(
            f"The task of {dataset.origin} is {found.kind}, but the model does {task.kind}; set it with --task."
        )
    if is_classification(task):
        y = encode_labels([found.labels[code] for code in codes], task)
    elif is_multilabel(task):
        names = np.array(found.labels)
        y = encode_labels([names[row > 0.5].tolist() for row in codes], task)
    else:
        y = encode_labels(codes, task)
    return replace(dataset, task=task, y=y)
