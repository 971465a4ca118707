"""Venn-Abers predictors: probabilities with an interval that is valid for any distribution, from left-out scores.

For each hypothetical label of a new item, its score joins the left-out scores and isotonic regression is fitted to all:
the two values at the new score are p0 and p1, one of which is calibrated. The pair is merged to p1 / (1 - p0 + p1),
which has the least worst-case log-loss.

Reference: Vovk, Petej & Fedorova, "Large-Scale Probabilistic Predictors with and without Guarantees of Validity",
NeurIPS 2015; several classes: Manokhin, "Multi-Class Probabilistic Classification Using Inductive and Cross Venn-Abers
Predictors", COPA 2017 (each class against the others, normalised).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError

__all__ = ["merged", "venn_abers", "venn_abers_classes"]

Array = NDArray[np.float64]


def venn_abers(scores: ArrayLike, y: ArrayLike, new: ArrayLike) -> Array:
    """The inductive Venn-Abers probabilities (m, 2) of the positive class: p0 and p1 of each new score.

    Reference: Vovk, Petej & Fedorova, "Large-Scale Probabilistic Predictors with and without Guarantees of Validity",
    NeurIPS 2015.

    Both values at every left-out score come from two passes over them in order, by the convex minorants of the paper;
    a new score between two of them has the p0 of the lower and the p1 of the upper one: O(n log n) once, then O(log n).

    Args:
        scores: (n,) left-out scores, n at least 1.
        y: (n,) zeros and ones.
        new: (m,) scores of new items.

    Raises:
        ParameterError: if shapes differ, or ``y`` holds values other than 0 and 1.
        DataError: if a score is not finite.

    Examples:
        >>> venn_abers([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], [0.85]).round(3)
        array([[0.5, 1. ]])
    """
    own, labels = np.asarray(scores, dtype=np.float64), np.asarray(y)
    fresh = np.asarray(new, dtype=np.float64)
    if own.ndim != 1 or not len(own) or labels.shape != own.shape or not np.isin(labels, (0, 1)).all():
        raise ParameterError(
            "venn_abers needs scores of shape (n,), n at least 1, and labels 0 or 1 of the same shape. "
            f"Got scores of shape {own.shape} and labels of shape {labels.shape}."
        )
    if fresh.ndim != 1 or not (np.isfinite(own).all() and np.isfinite(fresh).all()):
        raise DataError("venn_abers needs finite scores of new items, of shape (m,). Got others.")
    points, low, high = _table(own, labels.astype(np.float64))
    # p0 is that of the last known score at or below, p1 that of the first one at or above; outside: 0 and 1
    below, above = np.searchsorted(points, fresh, side="right"), np.searchsorted(points, fresh, side="left")
    return np.stack([np.append(0.0, low)[below], np.append(high, 1.0)[above]], axis=1)


def _table(scores: Array, labels: Array) -> tuple[Array, Array, Array]:
    """The distinct scores, ascending, and p0 and p1 of a new score at each of them."""
    points, place = np.unique(scores, return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    hits: Array = np.bincount(place, labels).astype(np.float64)
    # a label 0 is a label 1 of the scores and labels turned round
    return points, 1 - _highest(counts[::-1], (counts - hits)[::-1])[::-1], _highest(counts, hits)


def _highest(counts: Array, hits: Array) -> Array:
    """p1 at each of m distinct scores, in O(m): algorithms 1 and 2 of the paper.

    Corners are the cumulative (items, positives). The new item (1, 1) stands first and moves up by one score at a
    time; the stack holds the corners of the greatest convex minorant from the new item on, leftmost on top.
    """
    xs, ys = ([0.0, *np.cumsum(part).tolist()] for part in (counts, hits))
    stack: list[tuple[float, float]] = []
    for corner in zip([*xs[::-1], -1.0], [*ys[::-1], -1.0], strict=True):
        _push(stack, corner)
    out = np.empty(len(counts))
    for i in range(len(counts)):
        (x, y), (further, higher) = stack[-1], stack[-2]
        out[i] = (higher - y) / (further - x)
        # the corner before the new item, once it stands after score i
        corner = (xs[i + 1] - 1, ys[i + 1] - 1)
        if (corner[1] - y) * (further - x) < (higher - y) * (corner[0] - x):
            stack.pop()
            _push(stack, corner)
    return out


def _push(stack: list[tuple[float, float]], corner: tuple[float, float]) -> None:
    """Add a corner to the left of a convex chain, without the corners that then lie on or above it."""
    x, y = corner
    while len(stack) > 1:
        (x1, y1), (x2, y2) = stack[-1], stack[-2]
        if (y1 - y) * (x2 - x) < (y2 - y) * (x1 - x):
            break
        stack.pop()
    stack.append(corner)


def merged(pairs: ArrayLike) -> Array:
    """One probability (m,) for each pair (m, 2) of p0 and p1: p1 / (1 - p0 + p1).

    Args:
        pairs: from `venn_abers`.

    Examples:
        >>> merged([[0.5, 1.0]]).round(4)
        array([0.6667])
    """
    low, high = np.moveaxis(np.asarray(pairs, dtype=np.float64), -1, 0)
    return np.asarray(high / (1 - low + high))


def venn_abers_classes(scores: ArrayLike, y: ArrayLike, new: ArrayLike) -> Array:
    """Probabilities (m, C) of classes: each against the others by `venn_abers`, merged and normalised.

    Reference: Manokhin, "Multi-Class Probabilistic Classification Using Inductive and Cross Venn-Abers Predictors",
    COPA 2017.

    Args:
        scores: (n, C) left-out scores or log-probabilities, comparable between items.
        y: (n,) integer class codes.
        new: (m, C) scores of new items.

    Raises:
        ParameterError: as `venn_abers`.
        DataError: as `venn_abers`.

    Examples:
        >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
        >>> venn_abers_classes(scores, [0, 0, 1, 1], [[0.85, 0.15]]).round(3)
        array([[0.667, 0.333]])
    """
    own, fresh, codes = np.asarray(scores, np.float64), np.asarray(new, np.float64), np.asarray(y)
    columns = range(own.shape[1])
    found = np.stack([merged(venn_abers(own[:, c], (codes == c).astype(int), fresh[:, c])) for c in columns], axis=1)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
