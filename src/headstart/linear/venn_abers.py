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

    Isotonic regression at a point is max over starts of min over stops of the mean in between (over tied scores as
    one), so both values follow from cumulative sums: one pass over the distinct scores for each distinct new score.

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
    points, place = np.unique(own, return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    hits: Array = np.bincount(place, labels.astype(np.float64)).astype(np.float64)
    values, back = np.unique(fresh, return_inverse=True)
    pairs = np.array([_pair(points, counts, hits, float(value)) for value in values]).reshape(-1, 2)
    return np.asarray(pairs[back])


def _pair(points: Array, counts: Array, hits: Array, value: float) -> tuple[float, float]:
    """p0 and p1 of one score: the isotonic fit with it, labelled 0 and 1, at its place."""
    at = int(np.searchsorted(points, value, side="left"))
    tied = at < len(points) and points[at] == value
    # sums of the scores below from each start, and above to each stop; the new score and its ties lie between
    below_n, below_y = (np.append(np.cumsum(part[:at][::-1])[::-1], 0.0) for part in (counts, hits))
    after = at + tied
    above_n, above_y = (np.append(0.0, np.cumsum(part[after:])) for part in (counts, hits))
    own_n, own_y = (counts[at] + 1, hits[at]) if tied else (1.0, 0.0)
    total = below_n[:, None] + above_n[None, :] + own_n
    sums = below_y[:, None] + above_y[None, :] + own_y
    low, high = ((sums + label) / total for label in (0.0, 1.0))
    return float(low.min(axis=1).max()), float(high.min(axis=1).max())


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
