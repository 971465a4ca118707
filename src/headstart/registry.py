"""Registries map names to objects: sources, heads, tasks, scores, strategies and other things that can be extended.

Headstart's own entries and those of other packages use the same mechanism. Another package declares an entry point in
the group ``headstart.<plural>``. Duplicate names raise an error; an unknown name suggests the nearest one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from headstart.errors import ParameterError, UnknownNameError

__all__ = ["OPERATIONS", "Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping of names to objects. An object given as ``"module:attribute"`` is imported on first use.

    Args:
        kind: singular noun for messages, such as ``"head"``.
        plural: its plural; third parties register under the entry-point group ``headstart.<plural>``.

    Raises:
        ParameterError: on registering a name twice.
        UnknownNameError: on looking up a name that is not registered.

    Examples:
        >>> colours = Registry[str]("colour")
        >>> colours.register("red", "#f00")
        >>> colours["red"], "blue" in colours, list(colours)
        ('#f00', False, ['red'])
        >>> colours.register("red", "#e00")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The colour 'red' is already registered; choose another name.
    """

    def __init__(self, kind: str, plural: str | None = None) -> None:
        self.kind = kind
        self.plural = plural or f"{kind}s"
        self._entries: dict[str, T | str] = {}
        self._import_paths: dict[str, str] = {}
        self._third_party_read = False

    def register(self, name: str, entry: T | str) -> None:
        """Add an entry under a new name.

        Args:
            name: the name that users give.
            entry: the object, or ``"module:attribute"`` to import it on first use.

        Raises:
            ParameterError: if the name is already registered.
        """
        if name in self._entries:
            raise ParameterError(f"The {self.kind} '{name}' is already registered; choose another name.")
        self._entries[name] = entry
        if _is_import_path(entry):
            self._import_paths[name] = str(entry)

    def import_path(self, name: str) -> str:
        """``"module:attribute"`` of an entry as it was registered, else the module of its class.

        Examples:
            >>> from headstart.tasks import TASKS
            >>> TASKS.import_path("regression")
            'headstart.tasks.regression:REGRESSION'
        """
        return self._import_paths.get(name) or type(self[name]).__module__

    def __getitem__(self, name: str) -> T:
        self._read_third_party()
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        entry = self._entries[name]
        if _is_import_path(entry):
            module, attribute = str(entry).split(":")
            entry = cast("T", getattr(import_module(module), attribute))
            self._entries[name] = entry
        return cast("T", entry)

    def __contains__(self, name: object) -> bool:
        self._read_third_party()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._read_third_party()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._read_third_party()
        return len(self._entries)

    def _read_third_party(self) -> None:
        if self._third_party_read:
            return
        self._third_party_read = True  # before the loop: loading an entry may look up a name here
        for point in entry_points(group=f"headstart.{self.plural}"):
            self.register(point.name, cast("T", point.load()))


def _is_import_path(entry: object) -> bool:
    return isinstance(entry, str) and ":" in entry and entry.startswith("headstart.")


OPERATIONS: Registry[Callable[..., Any]] = Registry("operation")
"""What a model can do that a layer above it provides, such as explaining an answer.

The top-level package registers each under its name. So a method of a model can call it, and the model does not import
what is built on models.
"""
