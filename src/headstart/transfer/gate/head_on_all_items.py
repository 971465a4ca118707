"""The leave-one-out losses of the head on all training items, for the validation items among them.

A training holds a part out to judge by, so that its candidates know less than the head that is handed over if the body
stays: that one is fitted on all items. Fine-tuning has to be better than this head as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FittedHead
from headstart.types import Dataset

__all__ = ["LeftOutLosses", "left_out_losses"]


class LeftOutLosses(NamedTuple):
    """Left-out losses of validation items.

    Attributes:
        places: (k,) positions among the validation items, of those that the choice of the head looked at.
        losses: (k,) their leave-one-out losses.

    Examples:
        >>> LeftOutLosses(np.array([0]), np.array([0.3])).losses.mean()
        np.float64(0.3)
    """

    places: NDArray[np.intp]
    losses: NDArray[np.float64]


def left_out_losses(head: FittedHead, train: Dataset, valid: Dataset) -> LeftOutLosses:
    """The leave-one-out losses of a head for some of the items that it was fitted on.

    Args:
        head: fitted on ``train``, with its evidence.
        train: n labelled items.
        valid: some of these items.

    Returns:
        Empty arrays where the head was loaded and has no evidence, or its evidence holds none of these items; above
        5,000 rows it is that of a sample (`headstart.heads.fitted.Evidence`).

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.frozen import FROZEN
        >>> shift = toy_shift()
        >>> train = shift.train.take(range(40))
        >>> found = left_out_losses(FROZEN.fit(shift.source, train).head, train, train.take([3, 5]))
        >>> found.places, bool((found.losses > 0).all())
        (array([0, 1]), True)
    """
    place = {name: k for k, name in enumerate(valid.ids)}
    known = [] if head.evidence is None else zip(head.evidence.index, head.evidence.losses, strict=True)
    found = [(place[train.ids[k]], loss) for k, loss in known if train.ids[k] in place]
    return LeftOutLosses(np.array([k for k, _ in found], np.intp), np.array([loss for _, loss in found], np.float64))
