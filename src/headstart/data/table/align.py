"""Column alignment: puts the columns of a new table in the order that a model was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["align_columns"]


def align_columns(dataset: Dataset, columns: Sequence[str]) -> Dataset:
    """Select and order the columns of rows of numbers by name, as a model needs them; other columns are dropped.

    Args:
        dataset: items as read. Rows of numbers without column names keep their order; items from one column (texts,
            paths, lists of numbers) are unchanged, because that column was chosen when they were read.
        columns: the model's columns in order; empty if it has no column names.

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
    # A dict of positions, because index() per column would take time quadratic in the number of columns.
    position = {name: place for place, name in enumerate(dataset.columns)}
    order = [position[name] for name in columns]
    items: Any = np.asarray(dataset.items)[:, order]
    return replace(dataset, items=items, columns=tuple(columns))
