"""A head whose probabilities are those under other class shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FittedHead

__all__ = ["LABEL_SHARES", "with_shares"]

LABEL_SHARES = "label_shares"
"""The name of this correction among the candidates."""
LEAST = 1e-6  # of a share, so that its logarithm is finite


def with_shares(head: FittedHead, shares: NDArray[np.float64], note: str) -> FittedHead:
    """The head with probabilities p'(c|x) ∝ p(c|x) π'_c/π_c, by an offset of its calibrated logits.

    Args:
        head: of a classifier, whose calibration has the shares π of the training data.
        shares: (C,) π', the new ones.
        note: a sentence about it.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.tasks import task_methods
        >>> from headstart.tasks.prior_correction import corrected
        >>> from headstart.types import Task
        >>> x, y, task = np.linspace(0, 1, 20)[:, None], np.arange(20) // 10, Task("classification", ("low", "high"))
        >>> head, new = select_head(x, y, task), np.array([0.9, 0.1])
        >>> old = replace(head, calibration={**head.calibration, "shares": np.array([0.5, 0.5])})
        >>> changed = with_shares(old, new, "")
        >>> before, after = (task_methods(task).outputs(h.scores(x), h.calibration) for h in (old, changed))
        >>> bool(np.allclose(after, corrected(before, np.array([0.5, 0.5]), new)))
        True
    """
    calibration = dict(head.calibration)
    old = calibration["shares"]
    ratio = np.log(np.maximum(shares, LEAST)) - np.log(np.maximum(old, LEAST))
    calibration["factor"] = calibration.get("factor", np.ones(len(shares)))
    calibration["offset"] = calibration.get("offset", np.zeros(len(shares))) + ratio
    calibration["shares"] = np.asarray(shares, dtype=np.float64)
    return replace(head, calibration=calibration, moments=None, evidence=None, left_out=None, notes=(*head.notes, note))
