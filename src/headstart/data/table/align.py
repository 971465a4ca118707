"""Columns of a new table in the order of the table that a model was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["align_columns"]


def align_columns(dataset: Dataset, columns: Sequence[str]) -> Dataset:
    """Rows of numbers with the columns that a model knows, by their names; further columns are left out.

    Args:
        dataset: items as read. Rows whose numbers have no names are taken in the order in which they stand; items
            of one column (texts, paths, lists of numbers) as they are, for it was chosen when they were read.
        columns: the model's columns; empty where it has no names for them.

    Raises:
        DataError: if a column is missing.

    Examples:
        >>> rows = Dataset(np.array([[1.0, 2.0, 3.0]]), ("0",), "vector", columns=("c", "b", "a"))
        >>> align_columns(rows, ("a", "c")).items
        array([[3., 1.]])
    """
    named = dataset.modality == "vector" and np.shape(dataset.items)[1:] == (len(dataset.columns),)
    if not columns or not named or tuple(columns) == dataset.columns:
        return dataset
    missing = [name for name in columns if name not in dataset.columns]
    if missing:
        some = ", ".join(f"'{name}'" for name in missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{dataset.origin} lacks {len(missing)} of the {len(columns)} columns that the model was fitted on: {some}."
        )
    # A place for each name first: index() for each column would take the square of their number.
    position = {name: place for place, name in enumerate(dataset.columns)}
    order = [position[name] for name in columns]
    items: Any = np.asarray(dataset.items)[:, order]
    return replace(dataset, items=items, columns=tuple(columns))
