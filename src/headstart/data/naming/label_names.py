"""Label names: how values become class names, how names are sorted, and which cells have no label."""

from __future__ import annotations

import math
import re
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Self

import numpy as np

from headstart.data.text.unicode import normalized

__all__ = ["MISSING_WORDS", "NO_NUMBER", "WrittenNumber", "is_missing", "label_name", "natural_key"]

MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "none", "null"})
"""Strings, in lower case, that stand for a missing number."""

NO_NUMBER = MISSING_WORDS | {
    "<na>", "#n/a", "#na", "#value!", "#div/0!", "#ref!", "#num!", "-", "--", ".", "..", "?", "nil", "missing",
    "unknown", "k.a.", "n.a.", "inf", "-inf", "+inf", "infinity", "-infinity", "\N{EN DASH}", "\N{EM DASH}", "\\n",
}  # fmt: skip
"""Cells of a column of numbers, in lower case, that stand for a missing number."""


MAX_DIGITS = 4300  # Python's own limit for int(), whose time grows with the square of the length


class WrittenNumber(float):
    """A number that keeps its original spelling, which is its name as a class.

    Examples:
        >>> number = WrittenNumber(1.1, "1.10")
        >>> number + 1, label_name(number)
        (2.1, '1.10')
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: float, text: str) -> Self:
        """The number ``value``, written as ``text``."""
        number = super().__new__(cls, value)
        number.text = text
        return number


def label_name(value: object) -> str:
    r"""The name of a label, independent of where it comes from: a table, a list, an array or an estimator.

    Whole numbers have no decimal point, whatever their type: pandas turns 3 into 3.0 in a column with missing cells.
    Dates at midnight have no time of day. Strings are `headstart.data.text.unicode.normalized`.

    Args:
        value: a label that is not missing.

    Examples:
        >>> [label_name(value) for value in (1.0, np.int8(1), " 1", True, "cafe\u0301", np.datetime64("2024-01-02"))]
        ['1', '1', '1', 'True', 'café', '2024-01-02']
    """
    if isinstance(value, WrittenNumber):
        return normalized(value.text)
    if isinstance(value, (float, np.floating, Decimal, Fraction)):
        return _number_name(value)
    if isinstance(value, Enum):
        return label_name(value.value)
    if isinstance(value, bytes):
        return normalized(value.decode("utf-8", "replace"))
    if isinstance(value, datetime) and value.time() == time() and value.tzinfo is None:
        return value.date().isoformat()
    text = str(value)
    return normalized(text.removesuffix("T00:00:00.000000000") if isinstance(value, np.datetime64) else text)


def _number_name(value: float | np.floating[Any] | Decimal | Fraction) -> str:
    if math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value.normalize()) if isinstance(value, Decimal) else str(value)


def is_missing(value: object) -> bool:
    """Whether a cell has no label: None, NaN, NaT, pandas' NA or whitespace only.

    Examples:
        >>> [is_missing(value) for value in (None, float("nan"), "  ", 0, "none", [])]
        [True, True, True, False, False, False]
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, (list, tuple, np.ndarray, set)):
        return False
    differs = value != value  # noqa: PLR0124  only NaN and NaT differ from themselves; comparing pandas' NA gives NA
    return not isinstance(differs, (bool, np.bool_)) or bool(differs)


def natural_key(name: str) -> tuple[Any, ...]:
    """A sort key for natural order: numbers in names are compared as numbers.

    Examples:
        >>> sorted(["10", "9", "fold10", "fold9", "-1", "0.5"], key=natural_key)
        ['-1', '0.5', '9', '10', 'fold9', 'fold10']
    """
    number = _number(name)
    if number is not None:
        return (0, number, name)
    # Numbers sort before words at each position; the name itself breaks ties such as "07" and "7".
    parts = re.split(r"(\d+)", name)
    return (1, tuple((0, int(part), "") if _is_short_number(part) else (1, 0, part) for part in parts), name)


def _is_short_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_DIGITS


def _number(name: str) -> float | None:
    """The finite number that a name spells; None if it is not a number."""
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
