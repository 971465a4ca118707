"""Which items a report shows: mistakes first, a few right ones of each class, suspects, near duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["choose_clusters", "choose_predictions", "choose_worst"]

MISTAKE_SHARE = 0.8  # of the shown items, where there are that many mistakes


def choose_predictions(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], loss: NDArray[np.float64], limit: int
) -> NDArray[np.intp]:
    """Positions of the classified items to show, the worst first.

    Mistakes come first: the worst of each pair of classes (the most confused pairs first), then the second of each, and
    so on, at most 80% of the limit where right items are left. Then right items of each class in turns, alternately the
    least and the most certain.

    Args:
        truth: (n,) class codes.
        predicted: (n,) class codes.
        loss: (n,) loss of each item.
        limit: the largest number of items.

    Examples:
        >>> truth, loss = np.array([0, 0, 1, 1, 1]), np.array([0.1, 2.0, 0.3, 0.2, 3.0])
        >>> choose_predictions(truth, np.array([0, 1, 1, 1, 0]), loss, 4)
        array([4, 1, 2, 0])
    """
    right = truth == predicted
    wrong = _in_turns(np.flatnonzero(~right), list(zip(truth.tolist(), predicted.tolist(), strict=True)), loss)
    proper = [*_typical_first(np.flatnonzero(right), truth, loss)]
    room = max(int(MISTAKE_SHARE * limit), limit - len(proper))
    chosen = np.array([*wrong[:room], *proper[: max(0, limit - min(len(wrong), room))]], dtype=np.intp)
    return chosen[np.lexsort((-loss[chosen], right[chosen]))]


def _in_turns(rows: NDArray[np.intp], keys: list[tuple[int, int]], loss: NDArray[np.float64]) -> list[int]:
    """Rows ordered by their rank of loss among those of the same key, then by the size of the key, then by loss."""
    ordered = rows[np.argsort(-loss[rows], kind="stable")].tolist()
    seen: dict[tuple[int, int], int] = defaultdict(int)
    sizes = Counter(keys[row] for row in ordered)
    ranked = []
    for place, row in enumerate(ordered):
        ranked.append((seen[keys[row]], -sizes[keys[row]], place, row))
        seen[keys[row]] += 1
    return [row for *_, row in sorted(ranked)]


def _typical_first(rows: NDArray[np.intp], truth: NDArray[np.int64], loss: NDArray[np.float64]) -> Iterable[int]:
    """Of each class in turns its least certain item, its most certain one, its second least certain one, and so on."""
    ranked = []
    for code in np.unique(truth[rows]).tolist():
        own = rows[truth[rows] == code]
        own = own[np.argsort(-loss[own], kind="stable")].tolist()
        alternating = [own[place // 2] if place % 2 == 0 else own[-(place // 2) - 1] for place in range(len(own))]
        ranked += [(rank, code, row) for rank, row in enumerate(alternating)]
    return [row for _, _, row in sorted(ranked)]


def choose_worst(loss: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    """Positions of the items of largest loss, the worst first; then, for half of the limit, evenly spaced others.

    Args:
        loss: (n,) loss of each item.
        limit: the largest number of items.

    Examples:
        >>> choose_worst(np.array([0.3, 0.1, 0.9, 0.2]), 2)
        array([2, 1])
    """
    order = np.argsort(-loss, kind="stable")
    if len(order) <= limit:
        return order
    worst = limit - limit // 2
    rest = order[worst:]
    spaced = np.linspace(len(rest) / limit, len(rest) - 1, limit - worst).round().astype(np.intp)
    return np.concatenate([order[:worst], rest[spaced]])


def choose_clusters(
    clusters: NDArray[np.int64], labels: list[str], most: int
) -> tuple[list[tuple[NDArray[np.intp], bool]], int]:
    """Clusters of two or more near duplicates: those with conflicting labels first, then in the order of the items.

    Args:
        clusters: (n,) codes of clusters.
        labels: n labels.
        most: the largest number of clusters.

    Returns:
        For each chosen cluster the positions of its items and whether their labels differ; and the number of clusters.

    Examples:
        >>> choose_clusters(np.array([0, 1, 0, 1]), ["a", "b", "a", "c"], 1)
        ([(array([1, 3]), True)], 2)
    """
    order = np.argsort(clusters, kind="stable")
    edges = np.flatnonzero(np.diff(clusters[order])) + 1
    several = [part for part in np.split(order, edges) if len(part) > 1]
    marked = [(part, len({labels[row] for row in part.tolist()}) > 1) for part in several]
    return sorted(marked, key=lambda one: (not one[1], one[0][0]))[:most], len(several)
