"""Records of JSON and of Python, and their nested objects laid out as columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.data.wording import name_some
from headstart.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_names", "flatten", "parse_json"]

MAX_DEPTH = 16
MAX_KEYS = 1000  # beyond, the keys are data rather than names of columns
MEDIA_KEYS = ({"bytes", "path"}, {"array", "sampling_rate"})


def check_names(names: Iterable[str], origin: str) -> None:
    """Raise if two columns have one name.

    Examples:
        >>> check_names(["a", "b", "a"], "table 'x.csv'")
        Traceback (most recent call last):
        headstart.errors.DataError: The table 'x.csv' has more than one column named 'a'; rename all but one.
    """
    twice = [name for name, count in Counter(name for name in names if name).items() if count > 1]
    if twice:
        raise DataError(f"The {origin} has more than one column named {name_some(twice)}; rename all but one.")


def parse_json(text: str, name: str, *, is_list: bool) -> pd.DataFrame:
    r"""The records of a JSON text as a frame.

    Args:
        text: one list of objects, or an object on each line.
        name: the file's name, for messages.
        is_list: whether it is one list.

    Raises:
        DataError: if it is not valid, or if a record is no object.

    Examples:
        >>> parse_json('{"a": 1}\n{"a": 2}\n', "a.jsonl", is_list=False)["a"].tolist()
        [1, 2]
    """
    import pandas as pd

    if is_list:
        records = _parse(text, f"'{name}'")
    else:
        lines = enumerate(text.split("\n"), 1)
        records = [_parse(line, f"Line {number} of '{name}'") for number, line in lines if line.strip()]
    if not all(isinstance(record, dict) for record in records):
        raise DataError(f'\'{name}\' must hold one JSON object for each row, such as {{"text": ..., "label": ...}}.')
    return pd.DataFrame.from_records(records)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not valid JSON: {error}.") from error


def flatten(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The frame with a column for each field of its nested objects, named ``outer.inner``.

    Cells that hold a picture or a sound as Hugging Face ``datasets`` do (``bytes`` and ``path``, or ``array`` and
    ``sampling_rate``) stay as they are, and so do objects with more than 1000 keys or nested deeper than 16 levels.

    Args:
        frame: the table, its names of columns strings.
        origin: what the table is, for messages.

    Raises:
        DataError: if a field gets the name of another column.

    Examples:
        >>> import pandas as pd
        >>> flatten(pd.DataFrame({"data": [{"text": "a b"}, {"text": "c d"}]}), "table").columns.tolist()
        ['data.text']
    """
    import pandas as pd

    for _ in range(MAX_DEPTH):
        parts = [_fields(frame[name]) for name in frame.columns]
        if all(part is None for part in parts):
            break
        columns = [frame[[name]] if part is None else part for name, part in zip(frame.columns, parts, strict=True)]
        frame = pd.concat(columns, axis=1)
        check_names(frame.columns, origin)
    return frame


def _fields(column: pd.Series[Any]) -> pd.DataFrame | None:
    """The fields of a column of objects; None where it is no such column."""
    import pandas as pd

    if column.dtype != object:
        return None
    known = column.dropna()
    if not len(known) or not isinstance(known.iloc[0], Mapping):
        return None
    cells = known.tolist()
    if not all(isinstance(cell, Mapping) and not any(keys <= cell.keys() for keys in MEDIA_KEYS) for cell in cells):
        return None
    names = list(dict.fromkeys(key for cell in cells for key in cell))
    if len(names) > MAX_KEYS:
        return None
    fields = {f"{column.name}.{key}": _column([cell.get(key) for cell in cells]) for key in names}
    return pd.DataFrame(fields).set_axis(known.index).reindex(column.index)


def _column(cells: list[Any]) -> pd.Series[Any]:
    """Cells as they are, in the narrowest type that holds them all."""
    import pandas as pd

    values = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        values[row] = cell
    return pd.Series(values).infer_objects()
