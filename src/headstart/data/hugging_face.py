"""Hugging Face ``datasets``: pictures and sounds stay encoded, class codes become names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.data.formats.records import flatten
from headstart.data.schema import SPLITS, ReadOptions, RowsRead
from headstart.data.table.files import read_frame
from headstart.errors import DataError
from headstart.reporting.wording import name_some

if TYPE_CHECKING:
    import datasets
    import pandas as pd

__all__ = ["read_hugging_face"]


def read_hugging_face(data: object, options: ReadOptions) -> RowsRead:
    """Read a ``datasets.Dataset``, or a ``DatasetDict`` whose keys are the given split.

    Image and Audio features are kept as encoded bytes, and ClassLabel codes become names. If there is exactly one
    ClassLabel feature, it is the label column unless another one is named.

    Args:
        data: the dataset.
        options: how to read.

    Raises:
        DataError: if it is streamed, or if no key of the dict names a split or two keys name the same one.

    Examples:
        >>> read_hugging_face(object(), ReadOptions())
        Traceback (most recent call last):
        headstart.errors.DataError: The object given cannot be read; give a Dataset or a DatasetDict (not streamed).
    """
    from datasets import Dataset, DatasetDict

    if isinstance(data, DatasetDict):
        return _read_dict(data, options)
    if not isinstance(data, Dataset):
        raise DataError(
            f"The {type(data).__name__} given cannot be read; give a Dataset or a DatasetDict (not streamed)."
        )
    frame, found = _frame(data)
    rows = read_frame(frame, _with_label(options, found), "the dataset")
    return replace(rows, is_classes=False)


def _read_dict(data: datasets.DatasetDict, options: ReadOptions) -> RowsRead:
    import pandas as pd

    names = {key: SPLITS.get(str(key).lower()) for key in data}
    known = {key: split for key, split in names.items() if split is not None}
    if not known or len(set(known.values())) < len(known):
        raise DataError(
            f"The keys of a DatasetDict must be train, validation and test. Got {name_some(names)} instead."
        )
    frames = {key: _frame(data[key]) for key in known}
    options = _with_label(options, next(iter(frames.values()))[1])
    joined = pd.concat([frame for frame, _ in frames.values()], ignore_index=True)
    ids = [f"{key}/{row}" for key, (frame, _) in frames.items() for row in range(len(frame))]
    rows = read_frame(joined, options, "the dataset", names=ids)
    split = np.repeat([known[key] for key in frames], [len(frame) for frame, _ in frames.values()]).astype(np.str_)
    notes = [f"Took the given split from the key{'s' if len(known) > 1 else ''} {name_some(known)}."]
    rest = [str(key) for key in names if key not in known]
    if rest:
        notes.append(f"Did not read the split{'s' if len(rest) > 1 else ''} {name_some(rest)}.")
    return replace(rows, split=split, notes=(*notes, *rows.notes))


def _with_label(options: ReadOptions, found: list[str]) -> ReadOptions:
    return replace(options, label=(found[0],)) if options.label is None and len(found) == 1 else options


def _frame(data: datasets.Dataset) -> tuple[pd.DataFrame, list[str]]:
    """The dataset as a frame, and its columns of class labels."""
    import pandas as pd
    from datasets import Audio, ClassLabel, Image

    for name, feature in data.features.items():
        if isinstance(feature, (Image, Audio)):
            data = data.cast_column(name, type(feature)(decode=False))
    frame: pd.DataFrame = data.with_format(None).to_pandas()
    labels = []
    for name, feature in data.features.items():
        inner = getattr(feature, "feature", None)  # of lists, whose class differs between releases of datasets
        if isinstance(feature, ClassLabel):
            frame[name] = [
                None if code is None or code < 0 else feature.names[int(code)] for code in _codes(frame[name])
            ]
            labels.append(name)
        elif isinstance(inner, ClassLabel):
            frame[name] = pd.Series([_names(inner, row) for row in frame[name]], dtype=object)
            labels.append(name)
    return flatten(frame.reset_index(drop=True), "dataset"), labels


def _names(feature: datasets.ClassLabel, row: Sequence[int] | None) -> list[str] | None:
    return None if row is None else [feature.names[int(code)] for code in row]


def _codes(column: pd.Series[Any]) -> list[int | None]:
    return [None if missing else int(code) for code, missing in zip(column, column.isna(), strict=True)]
