"""YAML of annotation files: plain values only, without anchors, within bounds."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from headstart.data.annotations.location import Location
from headstart.errors import DataError

__all__ = ["load_yaml"]

MOST_BYTES = 2**20
DEEPEST = 50  # collections inside each other
LONGEST = 100  # characters of a number: thousands of digits take long to convert, and Python refuses to print them
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def load_yaml(location: Location, name: str) -> Any:
    """The value in a YAML file, of texts, numbers, lists and mappings.

    Aliases are refused, because a few lines of them stand for billions of values, and so are tags, numbers of more than
    100 characters, and codes of no letter.

    Args:
        location: the folder.
        name: of the file in it.

    Raises:
        DataError: with the line, if it cannot be read or holds one of these.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "data.yaml"
        >>> _ = path.write_text("names: [cat, dog]")
        >>> load_yaml(Location(path), "data.yaml")
        {'names': ['cat', 'dog']}
    """
    yaml: Any = import_module("yaml")  # it comes without types

    text = location.content(name, MOST_BYTES).decode("utf-8-sig", "replace")
    depth, resolver = 0, yaml.SafeLoader("")
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # before the rest is read, which takes minutes for a few thousand brackets
                raise RecursionError
            wrong = _refused(event, resolver)
            if wrong:
                raise DataError(f"Cannot read {location.title(name, event.start_mark.line + 1)}: it has {wrong}.")
        return yaml.safe_load(text)
    except DataError:
        raise
    except RecursionError:
        raise DataError(f"Cannot read {location.title(name)}: its values are too deep inside each other.") from None
    except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # YAMLError is not all: the library lets a code such as \UFFFFFFFF or an impossible date fail in Python itself
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        why = getattr(error, "problem", None) or (str(error).splitlines() or ["a wrong value"])[0]
        raise DataError(f"Cannot read {location.title(name, line)}: it is no plain YAML ({why}); repair it.") from None


def _refused(event: Any, resolver: Any) -> str:
    """What of an event is refused, why, and what to do; empty for plain values."""
    yaml: Any = import_module("yaml")
    if isinstance(event, yaml.AliasEvent):
        return (
            f"the alias '*{event.anchor:.40}', which is refused because aliases can stand for billions of values; "
            "write it out"
        )
    tag = getattr(event, "tag", None)  # of scalars and collections
    if tag is not None:
        return f"the tag '{tag:.40}', which is refused; write the plain value without a tag"
    if not isinstance(event, yaml.ScalarEvent):
        return ""
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in event.value):
        return "the code of no letter (0, or half of a surrogate pair); write the letter itself"
    if event.implicit[0] and len(event.value) > LONGEST:
        kind = resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if kind in NUMBERS:
            return (
                f"a number of {len(event.value)} characters, and at most {LONGEST} are read; quote it if it is a text"
            )
    return ""
