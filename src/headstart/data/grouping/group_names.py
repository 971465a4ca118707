"""Groups from names: a regular expression applied to item names, or to the values of a column."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.reporting.wording import plural

__all__ = ["groups_by_pattern"]

SHOWN = 3


def groups_by_pattern(pattern: str, names: Sequence[str], origin: str) -> tuple[NDArray[np.str_], str]:
    r"""The group of each item: the part of its name that a pattern captures.

    Args:
        pattern: a Python regular expression, searched for in each name. The text captured by its capturing groups names
            the group of the item; without capturing groups, its entire match does. An item without a match is a group
            of its own.
        names: n names, such as file paths relative to the data folder.
        origin: where the data came from, for messages.

    Returns:
        (n,) names of groups, and one sentence for the user.

    Raises:
        DataError: if the pattern is invalid, matches no name, or yields only one group.

    Examples:
        >>> groups, note = groups_by_pattern(r"_([a-z]+)_", ["7/7_ann_1.wav", "7/7_bob_1.wav", "8/8_ann_1.wav"], "")
        >>> groups.tolist(), note
        (['ann', 'bob', 'ann'], 'Found 2 groups in the names, such as ann and bob.')
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"The group pattern '{pattern}' is not a valid regular expression ({error}); give one such as '_([a-z]+)_'."
        ) from None
    found = [_captured(compiled.search(name)) for name in names]
    known = list(dict.fromkeys(value for value in found if value is not None))
    missed = sum(value is None for value in found)
    if not known:
        raise DataError(
            f"The group pattern '{pattern}' matches no item name of {origin or 'the data'}, such as '{names[0]}'; "
            "give one that captures what the items of a group have in common."
        )
    if len(known) + missed < 2:
        raise DataError(
            f"The group pattern '{pattern}' yields only one group, '{known[0]}'; give one that tells groups apart."
        )
    groups = [f"(no group) {name}" if value is None else value for name, value in zip(names, found, strict=True)]
    some = " and ".join(known[:2]) if len(known) == 2 else ", ".join(known[:SHOWN])
    alone = f" {plural(missed, 'item')} did not match; each forms its own group." if missed else ""
    return np.array(groups, dtype=np.str_), f"Found {plural(len(known), 'group')} in the names, such as {some}.{alone}"


def _captured(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    parts = [part for part in match.groups() if part is not None]
    return " ".join(parts) if parts else match.group(0)
