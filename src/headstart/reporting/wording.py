"""Counts and lists of names for use in sentences."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["name_some", "plural"]


def plural(count: int, one: str, more: str | None = None) -> str:
    """A count with its noun in the singular or plural.

    Args:
        count: the number.
        one: the words after the number 1.
        more: the words after any other number; default: ``one`` with an s, or es after an s.

    Examples:
        >>> plural(1, "item"), plural(0, "class"), plural(2, "item is empty", "items are empty")
        ('1 item', '0 classes', '2 items are empty')
    """
    if count == 1:
        return f"1 {one}"
    return f"{count} {more or one + ('es' if one.endswith('s') else 's')}"


def name_some(names: Iterable[str], most: int = 10) -> str:
    """The first ``most`` names, quoted, and the number of the others.

    Examples:
        >>> name_some(["a", "b", "c"], most=2)
        "'a', 'b' and 1 more"
    """
    listed = list(names)
    shown = ", ".join(f"'{name}'" for name in listed[:most])
    return shown + (f" and {len(listed) - most} more" if len(listed) > most else "")
