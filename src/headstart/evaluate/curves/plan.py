"""Which sizes a learning curve is measured at, and with how many subsamples, within a bound on the time."""

from __future__ import annotations

import numpy as np

from headstart.evaluate.curves.measure import PENALTIES, Subject
from headstart.tasks import is_classification

__all__ = ["planned"]

LARGEST = 0.5  # of the rows: an order and its reverse then share none, and the noise of the draw can be estimated
STEPS = 6  # sizes at most, each √2 smaller than the one before, down to a twelfth of the rows
LEAST_ROWS = 12
ROWS_A_CLASS = 2
LEAST_GROUPS = 3  # of a subsample, since choosing λ leaves one out
OPERATIONS_A_SECOND = 1.5e10  # of one core in an eigendecomposition
OVERHEAD = 0.010  # seconds of one fit, however few its rows: mostly the temperature for each λ
PRIOR_WEIGHTS = 3


def planned(subject: Subject, judged: int, *, draws: int, seconds: float) -> dict[int, int]:
    """Sizes in ascending order, each with an even number of subsamples.

    Each size gets an equal part of the time; a size of which two subsamples don't fit into its part is left out, from
    the largest down. The plan depends on counts alone, so that two runs on the same data agree.

    Args:
        subject: the training rows and the head.
        judged: number of judged items.
        draws: subsamples of a size at most.
        seconds: about how long all of them may take.

    Examples:
        >>> from headstart.heads import FeatureMap
        >>> from headstart.heads.ridge import RIDGE
        >>> from headstart.types import Task
        >>> x, identity = np.ones((400, 8)), FeatureMap("rows", ((0, 8),), "none")
        >>> subject = Subject(x, x[:, :1], Task("regression", ("y",)), identity, RIDGE)
        >>> planned(subject, 400, draws=4, seconds=0.5)
        {35: 4, 50: 4, 71: 4, 100: 4, 141: 4, 200: 4}
    """
    n = len(subject.y)
    if subject.groups is not None and len(np.unique(subject.groups)) < 2 * LEAST_GROUPS:
        return {}
    smallest = max(LEAST_ROWS, ROWS_A_CLASS * len(np.unique(subject.y)) if is_classification(subject.task) else 0)
    if subject.groups is not None:
        smallest = max(smallest, -(-n * LEAST_GROUPS // len(np.unique(subject.groups))))
    sizes = [round(LARGEST * n / 2 ** (step / 2)) for step in range(2 * STEPS)]
    sizes = [size for size in dict.fromkeys(sizes) if size >= smallest]
    while sizes:
        kept = sizes[:STEPS]
        counts = {size: int(seconds / len(kept) / _cost(subject, size, judged)) // 2 * 2 for size in kept}
        if counts[kept[0]] >= 2:
            return {size: min(counts[size], draws - draws % 2) for size in reversed(kept)}
        sizes = sizes[1:]
    return {}


def _cost(subject: Subject, size: int, judged: int) -> float:
    """Seconds of one fit: Gram matrix, eigendecomposition, leave-one-out for each λ, and scores of the judged items."""
    d, k = subject.feature_map.num_features, subject.task.num_outputs
    side = min(size, d)
    operations = 2.0 * max(size, d) * side**2 + 12.0 * side**3 + 4.0 * PENALTIES * size * side * k
    operations += 2.0 * judged * d * k
    return (OVERHEAD + operations / OPERATIONS_A_SECOND) * (1 if subject.prior is None else PRIOR_WEIGHTS)
