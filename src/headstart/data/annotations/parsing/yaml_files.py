"""YAML of annotation files: plain values only, without anchors, within bounds."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from headstart.data.annotations.location import Location
from headstart.errors import DataError

__all__ = ["load_yaml"]

MOST_BYTES = 2**20
DEEPEST = 50  # collections inside each other


def load_yaml(location: Location, name: str) -> Any:
    """The value in a YAML file, of texts, numbers, lists and mappings.

    Anchors and aliases are refused, because a few lines of them stand for billions of values, and so are tags.

    Args:
        location: the folder.
        name: of the file in it.

    Raises:
        DataError: with the line, if it cannot be read.

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
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # before the rest is read, which takes minutes for a few thousand brackets
                raise RecursionError
            if isinstance(event, yaml.AliasEvent):
                raise DataError(
                    f"Cannot read {location.title(name, event.start_mark.line + 1)}: it has the alias "
                    f"'*{event.anchor}', which is refused because aliases can stand for billions of values; write "
                    "it out."
                )
        return yaml.safe_load(text)
    except DataError:
        raise
    except RecursionError:
        raise DataError(f"Cannot read {location.title(name)}: its values are too deep inside each other.") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        why = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise DataError(f"Cannot read {location.title(name, line)}: it is no plain YAML ({why}); repair it.") from None
