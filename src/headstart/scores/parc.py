"""PARC: pairwise annotation representation comparison, the rank correlation of feature and label dissimilarity.

Spearman's correlation over all pairs of rows between 1 - corr(z_i, z_j) and 1 - corr of their one-hot labels, where z
are the first 32 principal components, standardised. Two different labels are always equally dissimilar, so the second
quantity is set to 0 or 1; computing it, as in published code, breaks ties between equal labels by rounding. The
correlation of two rows depends on the arbitrary signs of the components; as in scikit-learn, the largest loading of
each component is made positive.

Reference: Bolya, Mittapalli & Hoffman, "Scalable Diverse Model Selection for Accessible Transfer Learning", NeurIPS
2021 (where the score is multiplied by 100).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError
from headstart.linear.checks import unit_rows
from headstart.scores.inputs import check_classes, check_rows, class_spectrum, draw_rows, principal_rows
from headstart.scores.registry import CLASSES, RegisteredScore

__all__ = ["PARC", "parc"]

Array = NDArray[np.float64]


def parc(x: ArrayLike, y: ArrayLike, *, components: int = 32, max_rows: int = 2000, seed: int = 0) -> float:
    """Rank correlation of the pairwise dissimilarities of features and of labels, between -1 and 1.

    Args:
        x: (n, d) features of rank 2 or more.
        y: (n,) integer class codes.
        components: number of principal components to keep, default 32 as published.
        max_rows: above this number of rows, a random subset of this size is used, since there are n²/2 pairs (16 MB at
            the default of 2,000).
        seed: of that subset, default 0.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if a value is not finite, there is only one class, no two rows have the same class, or features
            have rank 1.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1, 2], 10)
        >>> parc(3 * np.eye(3)[y] + rng.normal(size=(30, 3)), y) > parc(rng.normal(size=(30, 3)), y)
        True
    """
    from scipy.stats import rankdata

    x = check_rows(x, "x", "parc")
    rows = draw_rows(len(x), max_rows, seed)
    x, y = x[rows], _taken(y, len(x), rows)
    codes, classes = check_classes(y, len(x), "parc")
    spectrum = class_spectrum(x, codes, classes)
    z = principal_rows(spectrum, x, components, "parc") * _signs(spectrum.vectors[:, :components])
    if z.shape[1] < 2:
        raise DataError("parc correlates rows over at least two principal components. Got features of rank 1.")
    first, second = np.triu_indices(len(x), 1)
    differ = (codes[first] != codes[second]).astype(np.float64)
    if differ.all():
        raise DataError("parc needs a class with at least two rows. Got one row of each class; add rows.")
    # Spearman is Pearson on ranks; the ranks of a 0/1 variable are a linear map of it, so it needs no ranking
    ranks = rankdata(_unlikeness(z)[first, second])
    return float(np.corrcoef(ranks, differ)[0, 1]) if np.ptp(ranks) else 0.0


def _signs(vectors: Array) -> Array:
    """Signs (r,) that make the largest loading of each component (d, r) positive."""
    return np.asarray(np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]))


def _taken(y: ArrayLike, n: int, rows: NDArray[np.intp]) -> Any:
    codes = np.asarray(y)
    return codes[rows] if codes.shape == (n,) else codes


def _unlikeness(z: Array) -> Array:
    """1 - corr of all pairs of rows (n, n), after standardising columns; a constant row has correlation 0."""
    z = z / z.std(axis=0)
    z = z - z.mean(axis=1, keepdims=True)
    z = unit_rows(z)
    return np.asarray(1 - z @ z.T)


PARC = RegisteredScore("parc", CLASSES, lambda x, y, _task, _groups, seed: parc(x, y, seed=seed))
