"""Which sizes a learning curve is measured at, and with how many subsamples, within a bound on the time."""

from __future__ import annotations

import numpy as np

from headstart.evaluate.curves.measure import PENALTIES, Subject
from headstart.tasks import is_classification

__all__ = ["planned"]

LARGEST = 0.5  # of the rows: an order and its reverse then share none, and the noise of the draw can be estimated
STEPS = 6  # sizes at most, each √2 smaller than the one before, down to a twelfth of the rows
PAIR = 2  # an order and its reverse
LEAST_ROWS = 12
ROWS_A_CLASS = 2
LEAST_GROUPS = 3  # of a subsample, since choosing λ leaves one out
OPERATIONS_A_SECOND = 1.5e10  # of one core in an eigendecomposition
OVERHEAD = 0.010  # seconds of one fit, however few its rows: mostly the temperature for each λ
PRIOR_WEIGHTS = 3


def planned(subject: Subject, judged: int, *, draws: int, seconds: float) -> dict[int, int]:
    """Sizes in ascending order, each with an even number of subsamples.

    The largest size is the largest of which two subsamples fit into the time, with two of half and of a quarter of it.
    What time is left goes to sizes in between, and then to more subsamples, the smallest size first. The plan depends
    on counts alone, so that two runs on the same data agree.

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
        >>> planned(subject, 400, draws=4, seconds=0.1)
        {50: 2, 100: 2, 141: 2, 200: 2}
    """
    sizes = _sizes(subject)
    costs = {size: _cost(subject, size, judged) for size in sizes}
    for start in range(len(sizes)):
        kept = sizes[start : start + STEPS]
        counts = dict.fromkeys(kept[::2], PAIR)
        if sum(PAIR * costs[size] for size in counts) <= seconds:
            break
    else:
        return {}
    left = seconds - sum(PAIR * costs[size] for size in counts)
    for size in kept[1::2]:
        if PAIR * costs[size] <= left:
            counts[size] = PAIR
            left -= PAIR * costs[size]
    counts = dict(sorted(counts.items()))
    for count in range(2 * PAIR, draws + 1, PAIR):
        for size in counts:
            if counts[size] == count - PAIR and PAIR * costs[size] <= left:
                counts[size] = count
                left -= PAIR * costs[size]
    return counts


def _sizes(subject: Subject) -> list[int]:
    """The sizes to choose from, the largest first."""
    n = len(subject.y)
    if subject.groups is not None and len(np.unique(subject.groups)) < 2 * LEAST_GROUPS:
        return []
    smallest = max(LEAST_ROWS, ROWS_A_CLASS * len(np.unique(subject.y)) if is_classification(subject.task) else 0)
    if subject.groups is not None:
        smallest = max(smallest, -(-n * LEAST_GROUPS // len(np.unique(subject.groups))))
    sizes = [round(LARGEST * n / 2 ** (step / 2)) for step in range(4 * STEPS)]
    return [size for size in dict.fromkeys(sizes) if size >= smallest]


def _cost(subject: Subject, size: int, judged: int) -> float:
    """Seconds of one fit: Gram matrix, eigendecomposition, leave-one-out for each λ, and scores of the judged items."""
    d, k = subject.feature_map.num_features, subject.task.num_outputs
    side = min(size, d)
    operations = 2.0 * max(size, d) * side**2 + 12.0 * side**3 + 4.0 * PENALTIES * size * side * k
    operations += 2.0 * judged * d * k
    return (OVERHEAD + operations / OPERATIONS_A_SECOND) * (1 if subject.prior is None else PRIOR_WEIGHTS)
