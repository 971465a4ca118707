"""JSON of annotation files, within bounds, with errors that name the line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from headstart.data.annotations.location import Location
from headstart.errors import DataError

__all__ = ["checked_list", "checked_object", "load_json", "load_lines"]

MOST_LINE = 64 * 2**20  # characters of a line of JSON lines


def load_json(location: Location, name: str) -> Any:
    """The value in a JSON file.

    Args:
        location: the folder.
        name: of the file in it.

    Raises:
        DataError: with the line, if it is no JSON, too large, or too deep.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = path.write_text('{"images": []}')
        >>> load_json(Location(path), "a.json")
        {'images': []}
    """
    text, _ = location.text(name)
    return _parsed(text.lstrip("\ufeff"), location, name, 1)


def load_lines(location: Location, name: str) -> Iterator[tuple[int, Any]]:
    """The values of a file of JSON lines, each with its line number; blank lines are skipped.

    Args:
        location: the folder.
        name: of the file in it.

    Raises:
        DataError: with the line, if it is no JSON.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
        >>> _ = path.write_text('{"text": "a"}')
        >>> list(load_lines(Location(path), "a.jsonl"))
        [(1, {'text': 'a'})]
    """
    text, _ = location.text(name)
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        if len(line) > MOST_LINE:
            raise DataError(
                f"Cannot read {location.title(name, number)}: it has {len(line)} characters, and at most {MOST_LINE} "
                "are read; write a record a line."
            )
        if line.strip():
            yield number, _parsed(line, location, name, number)


def _parsed(text: str, location: Location, name: str, first: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = location.title(name, first + error.lineno - 1)
        raise DataError(
            f"Cannot read {where}: it is no JSON ({error.msg} at column {error.colno}); repair it."
        ) from None
    except RecursionError:
        raise DataError(
            f"Cannot read {location.title(name, first)}: its lists are too deep inside each other."
        ) from None
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"Cannot read {location.title(name, first)}: it is no JSON ({error}); repair it.") from None


def checked_list(value: Any, what: str, where: str) -> list[Any]:
    """A value that must be a list.

    Args:
        value: as read.
        what: the name of the value, for messages.
        where: its file and place.

    Raises:
        DataError: if it is none.

    Examples:
        >>> checked_list([1], "'images'", "'a.json'")
        [1]
    """
    if not isinstance(value, list):
        raise DataError(f"{what} in {where} must be a list. Got {_kind(value)} instead.")
    return value


def checked_object(value: Any, what: str, where: str) -> Mapping[str, Any]:
    """A value that must be an object.

    Args:
        value: as read.
        what: the name of the value, for messages.
        where: its file and place.

    Raises:
        DataError: if it is none.

    Examples:
        >>> checked_object({"id": 1}, "The image", "'a.json'")
        {'id': 1}
    """
    if not isinstance(value, dict):
        raise DataError(f"{what} in {where} must be an object in braces. Got {_kind(value)} instead.")
    return value


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
