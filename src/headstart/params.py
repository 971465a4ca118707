"""Checks of the parameters that users give, with uniform error messages."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection

from headstart.errors import ParameterError

__all__ = ["check_choice", "check_number", "parse_duration"]


def check_choice(value: object, name: str, owner: str, allowed: Collection[object]) -> None:
    """Raise unless ``value`` is one of ``allowed``.

    Args:
        value: what was given.
        name: the parameter's name.
        owner: the function, class or command that it belongs to.
        allowed: the values that may be given.

    Raises:
        ParameterError: if the value is not allowed.

    Examples:
        >>> check_choice("knn", "head", "fit", ["ridge", "lda"])
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'head' parameter of fit must be one of 'ridge', 'lda'. Got 'knn' instead.
    """
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ParameterError(f"The '{name}' parameter of {owner} must be one of {choices}. Got {value!r} instead.")


def check_number(
    value: object,
    name: str,
    owner: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    integer: bool = False,
    open_low: bool = False,
) -> None:
    """Raise unless ``value`` is a finite number between ``low`` and ``high``.

    Args:
        value: what was given.
        name: the parameter's name.
        owner: the function, class or command that it belongs to.
        low: smallest allowed value.
        high: largest allowed value.
        integer: whether only integers are allowed.
        open_low: whether ``low`` itself is excluded.

    Raises:
        ParameterError: if the value is not such a number.

    Examples:
        >>> check_number(0, "folds", "fit", low=2, integer=True)
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'folds' parameter of fit must be an integer in [2, inf). Got 0 instead.
    """
    kinds = (int,) if integer else (int, float)
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    inside = is_number and low <= value <= high and not (open_low and value == low)  # type: ignore[operator]
    inside = inside and abs(value) <= sys.float_info.max  # type: ignore[arg-type]  # no infinity, and no larger integer
    if not inside:
        left = "(" if open_low or low == -math.inf else "["
        right = ")" if high == math.inf else "]"
        kind = "an integer" if integer else "a number"
        raise ParameterError(
            f"The '{name}' parameter of {owner} must be {kind} in {left}{low:g}, {high:g}{right}. "
            f"Got {value!r} instead."
        )


def parse_duration(text: str) -> float:
    """Seconds in a duration such as ``"90s"``, ``"10m"``, ``"1.5h"`` or ``"30"`` (seconds).

    Args:
        text: a number, optionally followed by a unit: s (seconds, the default), m (minutes) or h (hours).

    Returns:
        The duration in seconds.

    Raises:
        ParameterError: if the text is not a duration.

    Examples:
        >>> parse_duration("10m")
        600.0
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    if match is None:
        raise ParameterError(f"A duration must be a number with s, m or h, such as '10m'. Got {text!r} instead.")
    return float(match.group(1)) * {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}[match.group(2)]
