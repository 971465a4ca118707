"""Kept moments: the sufficient statistics saved with a model, so that rows can be added or removed exactly later."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.fitted import FittedHead
from headstart.heads.problem import HeadSearch, TargetRows
from headstart.heads.spectral.class_name_prior import prior_moments
from headstart.heads.spectral.class_weights import row_weights
from headstart.heads.spectral.spectra import stream_moments
from headstart.linear.moments import Moments
from headstart.rows import take_rows
from headstart.types import Rows, Task

__all__ = ["MAX_KEPT_FEATURES", "kept_moments"]

MAX_KEPT_FEATURES = 6144
"""Widest rows whose moments are kept: with 6144 columns they take 144 MiB in a run folder and twice that in memory."""


def kept_moments(rows: Rows, y: NDArray[Any], task: Task, head: FittedHead, search: HeadSearch) -> Moments:
    """The moments that determine the head: those of the weighted rows, plus those of the class rows if it uses them.

    Args:
        rows: (n, d) source rows that the head was fitted on.
        y: their labels as in `Dataset`.
        task: the label schema.
        head: the fitted head.
        search: the candidates that were compared when it was chosen.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y, task = np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b"))
        >>> kept_moments(x, y, task, select_head(x, y, task), HeadSearch()).n
        4
    """
    if head.moments is not None:
        return head.moments
    # a head solved from the n x n side has no moments yet: compute them on the rows it was fitted on
    kept = np.setdiff1d(np.arange(len(y)), head.dropped)
    rows, y = take_rows(rows, kept), y[kept]
    weights = row_weights(y, task, search.class_weight)
    moments = stream_moments(rows, TargetRows(y, task), head.feature_map, weights)
    if not head.prior or search.prior is None:
        return moments
    return moments + prior_moments(search.prior, head.feature_map, head.prior)
