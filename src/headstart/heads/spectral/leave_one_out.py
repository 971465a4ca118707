"""Exact leave-one-out outputs of every training row for a fitted closed-form head; groups are left out together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.heads.fitted import FittedHead
from headstart.heads.problem import HeadSearch, Problem, TargetRows
from headstart.heads.registry import HEADS, SpectralHead
from headstart.heads.spectral.class_name_prior import spectrum_with_prior
from headstart.heads.spectral.class_weights import row_weights
from headstart.heads.spectral.spectra import solve_spectrum
from headstart.linear.checks import CHUNK
from headstart.linear.leave_out import leave_one_group_out, leave_one_out
from headstart.linear.spectrum import Spectrum
from headstart.tasks import task_methods
from headstart.types import Rows, Task

__all__ = ["leave_one_out_outputs", "spectrum_of"]


def spectrum_of(rows: Rows, y: NDArray[Any], task: Task, head: FittedHead, search: HeadSearch) -> Spectrum:
    """The spectrum that a closed-form head was solved from: that of its weighted rows and its class rows.

    Args:
        rows: (n, d) source rows that the head was fitted on.
        y: their labels as in `Dataset`.
        task: the label schema.
        head: the fitted head.
        search: the candidates that were compared when it was chosen.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y, task = np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b"))
        >>> spectrum_of(x, y, task, select_head(x, y, task), HeadSearch()).n
        4
    """
    weights = row_weights(y, task, search.class_weight)
    spectrum, moments = solve_spectrum(rows, TargetRows(y, task), head.feature_map, weights)
    if not head.prior or search.prior is None:
        return spectrum
    problem = Problem(rows, y, task, (), None, 0, weights)
    return spectrum_with_prior(problem, search.prior, head.feature_map, moments, head.prior)[0]


def leave_one_out_outputs(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    head: FittedHead,
    *,
    groups: NDArray[np.int64] | None = None,
    search: HeadSearch = HeadSearch(),
) -> NDArray[np.float64]:
    """Calibrated leave-one-out outputs (n, k) of all rows, computed in chunks; a group is left out as one.

    Args:
        rows: (n, d) source rows that the head was fitted on.
        y: their labels as in `Dataset`.
        task: the label schema.
        head: a fitted closed-form head.
        groups: (n,) integer codes of rows that are left out together; None if every row is its own group.
        search: the candidates that were compared when the head was chosen.

    Raises:
        ParameterError: if the head is not a closed-form head.

    References:
        Allen, Technometrics 1974 (see `headstart.linear.leave_out`).

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> leave_one_out_outputs(x, y, task, select_head(x, y, task)).argmax(axis=1)
        array([0, 0, 1, 1])
    """
    kind = HEADS[head.head]
    if not isinstance(kind, SpectralHead):
        raise ParameterError(
            "leave_one_out_outputs needs a head that is solved in closed form, such as 'ridge' or 'lda'. "
            f"Got '{head.head}'."
        )
    spectrum, methods = spectrum_of(rows, y, task, head, search), task_methods(task)
    weights, targets = row_weights(y, task, search.class_weight), TargetRows(y, task)
    outputs = np.empty((len(y), task.num_outputs))
    for part in _chunks_of_groups(len(y), groups):
        mapped, truth = head.feature_map(rows[part]), targets[part]
        own = None if weights is None else weights[part]
        together = None if groups is None else groups[part]
        if together is None or len(np.unique(together)) == len(together):
            (left_out,) = leave_one_out(spectrum, mapped, truth, [head.lam], sample_weight=own)
        else:
            (left_out,) = leave_one_group_out(spectrum, mapped, truth, together, [head.lam], sample_weight=own)
        scores = kind.left_out_scores(spectrum, left_out, truth, together, sample_weight=own)
        outputs[part] = methods.outputs(scores, head.calibration)
    return outputs


def _chunks_of_groups(n: int, groups: NDArray[np.int64] | None) -> Iterator[NDArray[np.intp]]:
    """Positions of about 4,096 rows at a time; no group is split."""
    if groups is None:
        for start in range(0, n, CHUNK):
            yield np.arange(start, min(start + CHUNK, n))
        return
    order = np.argsort(groups, kind="stable")
    # where each group begins in the sorted order; the prepended value differs from the first code
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order[0]] - 1))
    cuts, last = [], 0
    for start in starts.tolist():
        if start - last >= CHUNK:
            cuts.append(start)
            last = start
    yield from np.split(order, cuts)
