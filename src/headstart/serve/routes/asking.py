"""What a request asks for besides its items: the options of an answer, from the query, a JSON body or a form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headstart.serve.batching.served import AnswerOptions
from headstart.serve.http.errors import RequestError

__all__ = ["OPTION_NAMES", "OPTION_SCHEMAS", "answer_options", "whole_number"]

SHARES, FLAGS = ("coverage", "max_error"), ("per_class", "novel")
OPTION_NAMES = (*SHARES, *FLAGS, "top")
OPTION_SCHEMAS: dict[str, dict[str, Any]] = {
    "coverage": {
        "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1,
        "description": "Also give a set of labels, or an interval, that holds the right one for this share of items.",
    },
    "max_error": {
        "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1,
        "description": "Withhold answers unless at most this share of those given is promised to be wrong.",
    },
    "per_class": {"type": "boolean", "description": "The coverage holds for the items of each class."},
    "novel": {"type": "boolean", "description": "Also say whether an item is unlike all training items."},
    "top": {
        "type": "integer", "minimum": 1, "maximum": 1_000_000,
        "description": "Give only so many probabilities, the largest first.",
    },
}  # fmt: skip
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": True}


def answer_options(*given: Mapping[str, Any]) -> AnswerOptions:
    """The options of a request; where two mappings name one, the last counts.

    Args:
        given: the query, then the body: values of JSON, or texts.

    Raises:
        RequestError: 422, for a value of another type.

    Examples:
        >>> answer_options({"coverage": "0.9", "novel": "true"}, {"top": 3})
        AnswerOptions(coverage=0.9, per_class=False, max_error=None, novel=True, top=3)
    """
    merged = {name: value for mapping in given for name, value in mapping.items() if name in OPTION_NAMES}
    found = {name: _value(name, value) for name, value in merged.items() if value is not None}
    return AnswerOptions(**found)


def whole_number(value: Any, name: str, most: int) -> int:
    """A whole number of a query, a JSON body or a form.

    Args:
        value: a number, or its text.
        name: of the member.
        most: the largest that is allowed; the least is 1.

    Raises:
        RequestError: 422, for anything else.

    Examples:
        >>> whole_number("5", "n", 50), whole_number(50, "n", 50)
        (5, 50)
        >>> whole_number("00000000051", "n", 50)
        Traceback (most recent call last):
        headstart.serve.http.errors.RequestError: 'n' must be a whole number from 1 to 50. Got '00000000051' instead.
    """
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    fits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not fits or not 1 <= int(text) <= most:
        raise RequestError(422, f"'{name}' must be a whole number from 1 to {most}. Got {_short(value)} instead.")
    return int(text)


def _value(name: str, value: Any) -> Any:
    if name in FLAGS:
        known = value if isinstance(value, bool) else WORDS.get(value.lower()) if isinstance(value, str) else None
        if known is None:
            raise RequestError(422, f"'{name}' must be true or false. Got {_short(value)} instead.")
        return known
    wanted = int if name == "top" else float
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RequestError(422, f"'{name}' must be a number. Got {_short(value)} instead.")
    try:
        number = wanted(value)
        if number != float(value) or not math.isfinite(number):
            raise ValueError(name)
    except (ValueError, OverflowError):
        kind = "a whole number" if name == "top" else "a number"
        raise RequestError(422, f"'{name}' must be {kind}. Got {_short(value)} instead.") from None
    return number


def _short(value: object) -> str:
    return f"{value!r:.40}"
