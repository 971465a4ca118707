"""A time at which the training of cells stops with an error, so that a search keeps its time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from headstart.errors import DataError

__all__ = ["check_deadline", "training_until"]

_UNTIL: ContextVar[float] = ContextVar("training_until", default=math.inf)


@contextmanager
def training_until(until: float) -> Iterator[None]:
    """Let trainings within the block end with an error at a value of `time.perf_counter`.

    Examples:
        >>> with training_until(0.0):
        ...     check_deadline()
        Traceback (most recent call last):
        headstart.errors.DataError: The time limit was reached while a cell was trained.
    """
    token = _UNTIL.set(until)
    try:
        yield
    finally:
        _UNTIL.reset(token)


def check_deadline() -> None:
    """Raise `DataError` after the time of `training_until`.

    Examples:
        >>> check_deadline() is None     # there is no limit here
        True
    """
    if time.perf_counter() > _UNTIL.get():
        raise DataError("The time limit was reached while a cell was trained.")
