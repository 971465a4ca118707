"""Records from JSON and Python, with nested objects flattened into columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.data.formats.set_aside import MOST_ASIDE, SetAside
from headstart.data.media.file_kinds import media_suffix
from headstart.data.text.unicode import invalid_unicode
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Records", "check_names", "flatten", "parse_json"]

MAX_DEPTH = 16
MAX_KEYS = 1000  # with more, the keys are data rather than column names
MEDIA_KEYS = ({"bytes", "path"}, {"array", "sampling_rate"})


def check_names(names: Iterable[str], origin: str) -> None:
    """Raise if two columns have the same name.

    Examples:
        >>> check_names(["a", "b", "a"], "table 'x.csv'")
        Traceback (most recent call last):
        headstart.errors.DataError: The table 'x.csv' has more than one column named 'a'; rename all but one.
    """
    twice = [name for name, count in Counter(name for name in names if name).items() if count > 1]
    if twice:
        raise DataError(f"The {origin} has more than one column named {name_some(twice)}; rename all but one.")


@dataclass(frozen=True)
class Records:
    """The records of a JSON file.

    Attributes:
        frame: one row for each record that could be read.
        numbers: the position of each in the file, counted from 0.
        set_aside: the other records.

    Examples:
        >>> parse_json('{"a": 1}', "a.jsonl").numbers
        [0]
    """

    frame: pd.DataFrame
    numbers: list[int]
    set_aside: tuple[SetAside, ...] = ()


def parse_json(text: str, name: str) -> Records:
    r"""Parse a JSON text: one object per line, one list of objects, or one object of columns.

    Lines that are not valid JSON, records that are not objects, and records with invalid Unicode are set aside.

    Args:
        text: the content of the file.
        name: its name, for messages.

    Raises:
        DataError: if most of the records cannot be read.

    Examples:
        >>> parse_json('{"a": 1}\n{"a": \n{"a": 2}\n', "a.jsonl").set_aside[0].line
        2
        >>> parse_json('{"a": [1, 2], "b": ["x", "y"]}', "a.json").frame["b"].tolist()
        ['x', 'y']
    """
    import pandas as pd

    single = _single_value(text, name)
    lines = ((line, part) for line, part in enumerate(text.split("\n"), 1) if part.strip())
    found = [(line, _parse(part)) for line, part in lines] if single is None else [(0, record) for record in single]
    records, numbers, aside = [], [], []
    for number, (line, record) in enumerate(found):
        reason = _reason(record)
        if reason is None:
            records.append(record)
            numbers.append(number)
        else:
            aside.append(SetAside(number, line, reason))
    if len(aside) >= MOST_ASIDE * max(len(found), 1):
        where = f"Line {aside[0].line} of '{name}': " if aside[0].line else f"Record {aside[0].row} of '{name}': "
        count = f"{len(aside)} of {plural(len(found), 'record')}"
        raise DataError(
            f"{where}{aside[0].reason} ({count} cannot be read); give one JSON object for each row, such as "
            '{"text": ..., "label": ...}.'
        )
    return Records(pd.DataFrame.from_records(records), numbers, tuple(aside))


def _single_value(text: str, name: str) -> list[Any] | None:
    """The records of a text that is a single JSON value; None if it has one value per line."""
    head, _, rest = text.lstrip().partition("\n")
    first = _parse(head)
    if head[:1] not in ("[", "{") or (isinstance(first, dict) and rest.strip()):
        return None
    value = _parse(text)
    if isinstance(value, Broken):
        if head[:1] == "[" and isinstance(first, Broken):
            raise DataError(f"'{name}' cannot be read: {value.reason}.")
        return None
    return _from_columns(value) if isinstance(value, dict) else value


def _from_columns(value: dict[str, Any]) -> list[Any]:
    """The records of one object: columns as pandas writes them, files with their labels, or its only list of rows."""
    parts = list(value.values())
    if len(parts) > 1 and not any(isinstance(part, dict) for part in parts) and all(map(media_suffix, value)):
        return [{"file": name, "label": part} for name, part in value.items()]
    lists = [part for part in parts if isinstance(part, list)]
    of_rows = [part for part in lists if part and all(isinstance(row, dict) for row in part)]
    if len(of_rows) == 1:
        return of_rows[0]
    if lists and len(lists) == len(parts) and len(set(map(len, lists))) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]
    if len(parts) > 1 and all(isinstance(part, dict) for part in parts) and len({tuple(part) for part in parts}) == 1:
        return [{name: part[key] for name, part in value.items()} for key in parts[0]]
    return [value]


@dataclass(frozen=True)
class Broken:
    """A JSON text that could not be parsed.

    Attributes:
        reason: why, as a clause.
    """

    reason: str


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return Broken(invalid_unicode(text) or f"it is not valid JSON ({error})")


def _reason(record: object) -> str | None:
    if isinstance(record, Broken):
        return record.reason
    if not isinstance(record, dict):
        return f"it is not a JSON object but of type {type(record).__name__}"
    return next((reason for value in _strings(record) if (reason := invalid_unicode(value))), None)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def flatten(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Flatten a frame: each field of a nested object becomes a column, named ``outer.inner``.

    Pictures and sounds as Hugging Face ``datasets`` stores them (``bytes`` and ``path``, or ``array`` and
    ``sampling_rate``) stay as they are. So do objects with more than 1000 keys or nested deeper than 16 levels.

    Args:
        frame: the table, with strings as column names.
        origin: what the table is, for messages.

    Raises:
        DataError: if a field would get the name of another column.

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
    """The fields of a column of objects; None if it is not such a column."""
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
    """The cells as a series of the narrowest type that holds them all."""
    import pandas as pd

    values = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        values[row] = cell
    return pd.Series(values).infer_objects()
