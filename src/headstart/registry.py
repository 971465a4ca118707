"""One door for everything that can be extended: sources, heads, tasks and what later layers add.

First-party entries register through the same door as third-party ones, which name an entry point in the
group ``headstart.<plural>``. Duplicate names raise; unknown names suggest the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from headstart.errors import ParameterError, UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to objects; an object may be given as ``"module:attribute"`` and is then imported on first use.

    Args:
        kind: singular noun for messages, such as ``"head"``.
        plural: its plural; third parties register under the entry-point group ``headstart.<plural>``.

    Raises:
        ParameterError: on registering a name twice.
        UnknownNameError: on asking for a name that nobody registered.

    Examples:
        >>> colours = Registry[str]("colour")
        >>> colours.register("red", "#f00")
        >>> colours["red"], "blue" in colours, list(colours)
        ('#f00', False, ['red'])
        >>> colours.register("red", "#e00")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The colour 'red' is registered already; choose another name.
    """

    def __init__(self, kind: str, plural: str | None = None) -> None:
        self.kind = kind
        self.plural = plural or f"{kind}s"
        self._entries: dict[str, T | str] = {}
        self._places: dict[str, str] = {}
        self._third_party_read = False

    def register(self, name: str, entry: T | str, *, place: str = "") -> None:
        """Add an entry under a new name; ``place`` is ``"module:attribute"`` of what an object stands for."""
        if name in self._entries:
            raise ParameterError(f"The {self.kind} '{name}' is registered already; choose another name.")
        self._entries[name] = entry
        if place or _is_place(entry):
            self._places[name] = place or str(entry)

    def place(self, name: str) -> str:
        """Where an entry stands: ``"module:attribute"`` as it was registered, else the module of its class.

        Examples:
            >>> from headstart.tasks import TASKS
            >>> TASKS.place("regression")
            'headstart.tasks.regression:REGRESSION'
        """
        return self._places.get(name) or type(self[name]).__module__

    def __getitem__(self, name: str) -> T:
        self._read_third_party()
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        entry = self._entries[name]
        if _is_place(entry):
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
        self._third_party_read = True
        for point in entry_points(group=f"headstart.{self.plural}"):
            self.register(point.name, cast("T", point.load()))


def _is_place(entry: object) -> bool:
    return isinstance(entry, str) and ":" in entry and entry.startswith("headstart.")
