"""Groups that are said by names: a pattern over the items' names, or over the values of a column."""

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
    r"""The group of each item: what the pattern captures of its name.

    Args:
        pattern: a regular expression of Python, searched in each name. What its groups capture is the group's name; all
            that it matches where it has none. An item that it does not match is a group of its own.
        names: n names, such as paths of files below the folder of the data.
        origin: where the data came from, for messages.

    Returns:
        (n,) names of groups, and one sentence on what was found.

    Raises:
        DataError: if the pattern is none, matches no name, or gives one group only.

    Examples:
        >>> groups, note = groups_by_pattern(r"_([a-z]+)_", ["7/7_ann_1.wav", "7/7_bob_1.wav", "8/8_ann_1.wav"], "")
        >>> groups.tolist(), note
        (['ann', 'bob', 'ann'], 'Took 2 groups from the names, such as ann and bob.')
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"The pattern '{pattern}' of the groups is no regular expression ({error}); give one such as '_([a-z]+)_'."
        ) from None
    found = [_captured(compiled.search(name)) for name in names]
    known = list(dict.fromkeys(value for value in found if value is not None))
    missed = sum(value is None for value in found)
    if not known:
        raise DataError(
            f"The pattern '{pattern}' matches the name of no item of {origin or 'the data'}, such as '{names[0]}'; "
            "give one that captures what belongs together."
        )
    if len(known) + missed < 2:
        raise DataError(
            f"The pattern '{pattern}' gives one group only, '{known[0]}'; give one that captures what tells groups "
            "apart."
        )
    groups = [f"(no group) {name}" if value is None else value for name, value in zip(names, found, strict=True)]
    some = " and ".join(known[:2]) if len(known) == 2 else ", ".join(known[:SHOWN])
    alone = f" {plural(missed, 'item')} did not match, each a group of its own." if missed else ""
    return np.array(groups, dtype=np.str_), f"Took {plural(len(known), 'group')} from the names, such as {some}.{alone}"


def _captured(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    parts = [part for part in match.groups() if part is not None]
    return " ".join(parts) if parts else match.group(0)
