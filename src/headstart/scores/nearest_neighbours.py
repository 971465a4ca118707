"""Leave-one-out nearest neighbours: whether rows are close to other rows of their class.

With cosine similarities s_ij to all rows except row i (and its group), N_k the k nearest and v_j ∝ exp(s_ij/0.07),

    p(c|i) = (k Σ_{j in N_k, y_j=c} v_j + 1/C) / (k + 1),   Σ v = 1.

The term 1/C acts as one more neighbour that is equally divided among classes, so no class is impossible. The score is
the mean of ln p(y_i|i). It has no fitted parameters. In a comparison over 42,000 transfers it was the best of 23
scores.

References: Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018 (weights
and 0.07, also DINOv2's); Cover & Hart 1967; arXiv 2503.18528 (the comparison).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import chunks, unit_rows
from headstart.params import check_number
from headstart.scores.inputs import check_classes, check_groups, check_rows, draw_rows
from headstart.scores.registry import CLASSES, MANY, RegisteredScore
from headstart.types import Task

__all__ = ["NEAREST_NEIGHBOURS", "LeaveOneOutNeighbours", "nearest_neighbours"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

TEMPERATURE = 0.07
QUERIES = 512  # rows whose neighbours are searched at a time


@dataclass(frozen=True, eq=False)
class LeaveOneOutNeighbours:
    """Leave-one-out results of k nearest neighbours, at the k with the highest likelihood.

    Attributes:
        k: number of neighbours.
        log_likelihood: the score, minus the mean of ``losses``.
        accuracy: leave-one-out accuracy; among equally probable classes the first is predicted.
        losses: (m,) log-loss of each row, in nats.
        rows: (m,) positions of these rows among those given.
    """

    k: int
    log_likelihood: float
    accuracy: float
    losses: Array
    rows: Codes


def nearest_neighbours(
    x: ArrayLike,
    y: ArrayLike,
    *,
    neighbours: Sequence[int] = (1, 5, 10, 20),
    groups: ArrayLike | None = None,
    max_rows: int = 5000,
    seed: int = 0,
) -> LeaveOneOutNeighbours:
    """Leave-one-out likelihood and accuracy of k nearest neighbours, at the best k.

    Besides the rows, it needs memory for 512 x 4,096 similarities, for any n. Time grows with n times ``max_rows``.

    Args:
        x: (n, d) features; a row of zeros has similarity 0 to all others.
        y: (n,) integer class codes.
        neighbours: the values of k to compare, default 1 to 20 (DINOv2's k is 20). If fewer rows remain, all are used.
        groups: (n,) codes or names of groups, such as frames of one video; rows of a group are never neighbours.
        max_rows: above this number of rows, neighbours are searched (among all rows) for a random subset of this size
            or complete groups; default 5,000.
        seed: of that subset, default 0.

    Raises:
        ParameterError: if shapes or types are wrong, or a k is less than 1.
        DataError: if features are not finite, or there is only one class or one group.

    Examples:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> found = nearest_neighbours(x, np.array([0, 0, 1, 1]), neighbours=[1])
        >>> found.accuracy, round(found.log_likelihood, 4)      # ln((1 + 1/2) / 2)
        (1.0, -0.2877)
    """
    owner = "nearest_neighbours"
    x = check_rows(x, "x", owner)
    codes, classes = check_classes(y, len(x), owner)
    together = check_groups(groups, len(x), owner)
    if not neighbours:
        raise ParameterError("nearest_neighbours needs at least one number of neighbours. Got none.")
    for k in neighbours:
        check_number(k, "neighbours", owner, low=1, integer=True)
    counts = sorted({min(k, len(x) - 1) for k in neighbours})
    rows = draw_rows(len(x), max_rows, seed, together)
    owners = np.arange(len(x)) if together is None else together
    blocks = (rows[i : i + QUERIES] for i in range(0, len(rows), QUERIES))
    nearest = (_nearest(x, queries, owners, counts[-1]) for queries in blocks)
    shares = np.concatenate(
        [_shares(similarity, codes[place], classes, counts) for similarity, place in nearest], axis=1
    )
    truth = codes[rows]
    found = [_result_at(k, p, truth, rows) for k, p in zip(counts, shares, strict=True)]
    return max(found, key=lambda candidate: candidate.log_likelihood)


def _result_at(k: int, shares: Array, truth: Codes, rows: Codes) -> LeaveOneOutNeighbours:
    losses = -np.log(shares[np.arange(len(truth)), truth])
    accuracy = float((shares.argmax(axis=1) == truth).mean())
    return LeaveOneOutNeighbours(k, -float(losses.mean()), accuracy, losses, rows)


def _shares(similarity: Array, found: Codes, classes: int, counts: list[int]) -> Array:
    """Probabilities (len(counts), m, C), from similarities (m, k) and classes (m, k) of neighbours, nearest first."""
    # subtract the largest similarity against overflow; it cancels in the normalised weights
    weights = np.exp((similarity - similarity[:, :1]) / TEMPERATURE)
    line = np.arange(len(found))
    votes, total = np.zeros((len(found), classes)), np.zeros((len(found), 1))
    out = np.empty((len(counts), len(found), classes))
    for j in range(counts[-1]):
        # running sums over neighbours give the result for every k on the way
        votes[line, found[:, j]] += weights[:, j]
        total += weights[:, j : j + 1]
        if j + 1 in counts:
            # fewer than k if the other rows are all of the row's own group
            used = np.isfinite(similarity[:, : j + 1]).sum(axis=1)[:, None]
            out[counts.index(j + 1)] = (used * votes / total + 1 / classes) / (used + 1)
    return out


def _nearest(x: NDArray[Any], queries: Codes, owners: NDArray[np.intp], k: int) -> tuple[Array, Codes]:
    """Similarities (m, k) and positions (m, k) of the nearest rows of other groups, nearest first, in one pass."""
    looking = unit_rows(np.asarray(x[queries], dtype=np.float64))
    similarity = np.full((len(queries), 0), -np.inf)
    place = np.zeros((len(queries), 0), dtype=np.intp)
    for part in chunks(len(x)):
        found = looking @ unit_rows(np.asarray(x[part], dtype=np.float64)).T
        # exclude the row itself and its group
        found[owners[queries][:, None] == owners[part]] = -np.inf
        here = np.broadcast_to(np.arange(part.start, part.start + found.shape[1]), found.shape)
        similarity, place = np.hstack([similarity, found]), np.hstack([place, here])
        if similarity.shape[1] > k:
            # keep only the k nearest so far
            keep = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
            similarity, place = np.take_along_axis(similarity, keep, 1), np.take_along_axis(place, keep, 1)
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.take_along_axis(similarity, order, 1), np.take_along_axis(place, order, 1)


def _neighbours(x: ArrayLike, y: ArrayLike, _task: Task, groups: ArrayLike | None, seed: int) -> float:
    return nearest_neighbours(x, y, groups=groups, seed=seed).log_likelihood


NEAREST_NEIGHBOURS = RegisteredScore("nearest_neighbours", CLASSES, _neighbours, MANY)
