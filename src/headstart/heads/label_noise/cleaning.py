"""Pruning of suspect labels: refit a head without the training rows whose label the other rows contradict.

Only training rows are dropped; validation and test items stay complete.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.heads.fitted import FittedHead
from headstart.heads.label_noise.suspects import find_suspects
from headstart.heads.problem import HeadSearch
from headstart.heads.spectral.leave_one_out import leave_one_out_outputs
from headstart.rows import take_rows
from headstart.tasks import is_classification
from headstart.types import Rows, Task

__all__ = ["fit_without_suspects"]

# A class keeps its suspects if it would have fewer rows without them.
LEAST_ROWS = 2


class Fit(Protocol):
    """A function that fits a head to rows: `headstart.heads.select_head` with its other arguments bound."""

    def __call__(
        self, rows: Rows, y: NDArray[Any], *, groups: NDArray[np.int64] | None, search: HeadSearch
    ) -> FittedHead:
        """The head with the lowest out-of-fold loss."""
        ...


def fit_without_suspects(
    fit: Fit, rows: Rows, y: NDArray[Any], task: Task, *, groups: NDArray[np.int64] | None, search: HeadSearch
) -> FittedHead:
    """Pruning of suspects: fit a closed-form head on all rows, drop its suspects, and run the search on the rest.

    Reference: Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021.

    Command: headstart fit DATA --drop-suspects

    Args:
        fit: fits a head to rows and labels.
        rows: (n, d) source rows.
        y: (n,) class codes.
        task: the label schema.
        groups: (n,) integer codes of rows that are left out together, or None.
        search: the candidates to compare.

    Returns:
        The head, with the positions of the dropped rows in ``dropped``.

    Raises:
        ParameterError: if the task is not classification.

    Examples:
        >>> from headstart.heads import select_head
        >>> x = np.concatenate([np.linspace(0, 1, 20), np.linspace(4, 5, 20), [0.5]])[:, None]
        >>> y, task = np.repeat([0, 1, 1], [20, 20, 1]), Task("classification", ("low", "high"))
        >>> select_head(x, y, task, search=HeadSearch(drop_suspects=True)).dropped
        array([40])
    """
    if not is_classification(task):
        raise ParameterError(f"Suspect labels can be dropped in classification only. Got a {task.kind} task.")
    plain = replace(search, drop_suspects=False)
    # closed-form heads (heads=None), whose exact leave-one-out outputs cover every row
    first = fit(rows, y, groups=groups, search=replace(plain, heads=None))
    outputs = leave_one_out_outputs(rows, y, task, first, groups=groups, search=plain)
    found = find_suspects(outputs, y).index
    left = np.bincount(np.delete(y, found), minlength=task.num_outputs)
    dropped = np.sort(found[left[y[found]] >= LEAST_ROWS])
    if not len(dropped):
        return first if search.heads is None else fit(rows, y, groups=groups, search=plain)
    kept = np.setdiff1d(np.arange(len(y)), dropped)
    together = None if groups is None else groups[kept]
    head = fit(take_rows(rows, kept), y[kept], groups=together, search=plain)
    # positions among the kept rows become positions among all rows
    evidence = head.evidence and replace(head.evidence, index=kept[head.evidence.index])
    return replace(head, evidence=evidence, dropped=dropped)
