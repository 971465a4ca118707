"""Codes of labels as users write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from headstart.data import label_name
from headstart.errors import DataError
from headstart.types import Task

__all__ = ["is_list", "label_codes"]


def is_list(label: object) -> bool:
    """Whether a label as a user writes it is a collection of labels.

    Examples:
        >>> is_list(["a", "b"]), is_list("ab")
        (True, False)
    """
    return isinstance(label, list | tuple | set | frozenset | np.ndarray)


def label_codes(labels: Iterable[Any], task: Task) -> Iterator[int]:
    """The codes of labels as a user writes them.

    Raises:
        DataError: for a label that the task does not have.

    Examples:
        >>> list(label_codes(["bee", "ant"], Task("classification", ("ant", "bee"))))
        [1, 0]
    """
    code = {label: i for i, label in enumerate(task.labels)}
    for label in labels:
        name = label_name(label)
        if name not in code:
            known = ", ".join(task.labels[:10]) + (", ..." if len(task.labels) > 10 else "")
            raise DataError(f"The label {name!r} is unknown to this model; its labels are: {known}.")
        yield code[name]
