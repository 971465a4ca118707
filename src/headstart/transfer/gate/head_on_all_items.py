"""Leave-one-out losses of the head fitted on all training items, for the validation items among them.

A training holds out a validation part, so its candidates are fitted on fewer items than the head that is returned if
the body stays frozen: that head is fitted on all items. Fine-tuning has to beat this head as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FittedHead
from headstart.types import Dataset

__all__ = ["LeaveOneOutLosses", "leave_one_out_losses"]


class LeaveOneOutLosses(NamedTuple):
    """Leave-one-out losses of validation items.

    Attributes:
        places: (k,) positions among the validation items, of those that the head was selected on.
        losses: (k,) their losses: nats, or squared error in units of the target's variance.

    Examples:
        >>> LeaveOneOutLosses(np.array([0]), np.array([0.3])).losses.mean()
        np.float64(0.3)
    """

    places: NDArray[np.intp]
    losses: NDArray[np.float64]


def leave_one_out_losses(head: FittedHead, train: Dataset, valid: Dataset) -> LeaveOneOutLosses:
    """Leave-one-out losses of a head for some of the items that it was fitted on.

    Args:
        head: fitted on ``train``, with its evidence.
        train: n labelled items.
        valid: some of these items.

    Returns:
        Empty arrays if the head was loaded and has no evidence, or if its evidence holds none of these items; above
        5,000 rows the evidence is that of a sample (`headstart.heads.fitted.Evidence`).

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.frozen import FROZEN
        >>> shift = toy_shift()
        >>> train = shift.train.take(range(40))
        >>> found = leave_one_out_losses(FROZEN.fit(shift.source, train).head, train, train.take([3, 5]))
        >>> found.places, bool((found.losses > 0).all())
        (array([0, 1]), True)
    """
    place = {name: k for k, name in enumerate(valid.ids)}
    known = [] if head.evidence is None else zip(head.evidence.index, head.evidence.losses, strict=True)
    found = [(place[train.ids[k]], loss) for k, loss in known if train.ids[k] in place]
    return LeaveOneOutLosses(
        np.array([k for k, _ in found], np.intp), np.array([loss for _, loss in found], np.float64)
    )
