"""Order of the sources by leave-one-out evidence, with a tie set.

The tie set holds the sources that the paired bootstrap of the item losses cannot distinguish from the source of lowest
loss. Only a source of the tie set can be first. Inside the tie set, and again outside, the order is by the mean of up
to three ranks: by the loss of the closed-form heads, by the loss of nearest neighbours, and by published accuracy if
several sources of the same source task state one. No single score wins everywhere, so the evidence is combined.

References:
    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; Agostinelli et al., "How stable are
    transferability metrics evaluations?", ECCV 2022 (no single score wins).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.evaluation import Metric
from headstart.evaluate.intervals.bootstrap import paired_difference
from headstart.transfer.ranking.measure import Measured

__all__ = ["Known", "Order", "average_ranks", "difference_from", "order_sources", "prior_ranks"]

RESAMPLES = 1000


@dataclass(frozen=True)
class Known:
    """Prior knowledge of a source, independent of the target data; usually none.

    Attributes:
        accuracy: published accuracy on its own source task; None if its publisher states none.
        source_task: that task.
    """

    accuracy: float | None = None
    source_task: str | None = None


@dataclass(frozen=True)
class Order:
    """An order of sources.

    Attributes:
        places: positions of the sources, first to last.
        tied: for each source, whether it is in the tie set.
        differences: for each source, its mean loss minus the lowest, with the 95% interval of the paired difference.
        ranks: for each source, the mean rank that it was ordered by.
        by_prior: whether published accuracies were used.

    Examples:
        >>> Order((1, 0), (False, True), (), (2.0, 1.0), False).places[0]
        1
    """

    places: tuple[int, ...]
    tied: tuple[bool, ...]
    differences: tuple[Metric, ...]
    ranks: tuple[float, ...]
    by_prior: bool


def order_sources(
    found: Sequence[Measured], known: Sequence[Known], groups: NDArray[np.int64] | None, seed: int
) -> Order:
    """Order sources that were measured on the same sample.

    Args:
        found: the results of each; two sources are compared on the items that both could encode.
        known: the prior knowledge of each.
        groups: (n,) codes of items that are resampled together, for all n items; or None.
        seed: of the 1,000 resamples.

    Examples:
        >>> def measured(losses):
        ...     loss, n = Metric(float(np.mean(losses)), 0, 0), len(losses)
        ...     return Measured(n, np.arange(n), np.array(losses), loss, loss, "ridge", "", None, None, {}, ())
        >>> rng = np.random.default_rng(0)
        >>> good = rng.normal(0.2, 0.1, 50)
        >>> found = [measured(good + 0.3), measured(good), measured(good + rng.normal(0.001, 0.1, 50))]
        >>> order = order_sources(found, [Known()] * 3, None, 0)
        >>> order.places[2], order.tied
        (0, (False, True, True))
    """
    losses = np.array([measured.loss.value for measured in found])
    best = found[int(losses.argmin())]
    differences = tuple(difference_from(best, measured, groups, seed) for measured in found)
    tied = tuple(not difference.low > 0 for difference in differences)  # true for a nan bound as well
    evidence = [average_ranks(losses)]
    if all(measured.neighbours is not None for measured in found):
        evidence.append(average_ranks(np.array([measured.neighbours for measured in found], float)))
    ranks = np.mean(evidence, axis=0)
    prior = prior_ranks(ranks, known)
    if prior is not None:
        ranks = (ranks * len(evidence) + prior) / (len(evidence) + 1)  # the mean, with the prior as one more rank
    order = sorted(range(len(found)), key=lambda k: (not tied[k], ranks[k], losses[k]))
    return Order(tuple(order), tied, differences, tuple(ranks.tolist()), prior is not None)


def average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1 for the lowest value; equal values share the mean of their ranks.

    Args:
        values: (n,) such as losses.

    Examples:
        >>> average_ranks(np.array([0.3, 0.1, 0.3]))
        array([2.5, 1. , 2.5])
    """
    below = (values[None, :] < values[:, None]).sum(axis=1)
    same = (values[None, :] == values[:, None]).sum(axis=1)
    return np.asarray(below + (same + 1) / 2)


def prior_ranks(ranks: NDArray[np.float64], known: Sequence[Known]) -> NDArray[np.float64] | None:
    """Ranks by published accuracy among sources of the same source task; all others keep their rank by the evidence.

    Within a source task, the most accurate source takes the best of the ranks that its sources hold, the second most
    accurate the next, and so on. A published accuracy therefore does not affect sources of other tasks.

    Args:
        ranks: (n,) ranks by the evidence.
        known: the prior knowledge of each.

    Returns:
        (n,) ranks; None if no two sources can be compared.

    Examples:
        >>> known = [Known(0.70, "ImageNet-1k"), Known(0.80, "ImageNet-1k"), Known(0.95, "CIFAR-10")]
        >>> prior_ranks(np.array([1.0, 2.0, 3.0]), known)
        array([2., 1., 3.])
    """
    tasks: dict[str, list[int]] = {}
    for k, one in enumerate(known):
        if one.accuracy is not None and one.source_task is not None:
            tasks.setdefault(one.source_task, []).append(k)
    comparable = {task: members for task, members in tasks.items() if len(members) > 1}
    return _reordered(ranks, known, comparable) if comparable else None


def _reordered(
    ranks: NDArray[np.float64], known: Sequence[Known], comparable: Mapping[str, list[int]]
) -> NDArray[np.float64]:
    out = ranks.copy()
    for members in comparable.values():
        accuracies = np.array([known[k].accuracy for k in members], float)
        own = np.sort(ranks[members])
        places = average_ranks(-accuracies)  # fractional for equal accuracies, hence the interpolation
        out[members] = np.interp(places, np.arange(1, len(own) + 1), own)
    return out


def difference_from(best: Measured, measured: Measured, groups: NDArray[np.int64] | None, seed: int) -> Metric:
    """Mean loss of a source minus that of the best one, on the items that both encoded, with its 95% interval.

    Args:
        best: the source of lowest loss.
        measured: another one.
        groups: (n,) codes of items that are resampled together, for all n items; or None.
        seed: of the 1,000 resamples.

    Examples:
        >>> loss = Metric(0.5, 0.4, 0.6)
        >>> one = Measured(2, np.arange(2), np.full(2, 0.5), loss, loss, "ridge", "", None, None, {}, ())
        >>> difference_from(one, one, None, 0)
        Metric(value=0.0, low=0.0, high=0.0)
    """
    if measured is best:
        return Metric(0.0, 0.0, 0.0)
    common, own, other = np.intersect1d(measured.index, best.index, assume_unique=True, return_indices=True)
    if not len(common):
        return Metric(measured.loss.value - best.loss.value, float("nan"), float("nan"))
    found = paired_difference(
        measured.losses[own], best.losses[other],
        groups=None if groups is None else groups[common], resamples=RESAMPLES, seed=seed,
    )  # fmt: skip
    return Metric(*found)
