"""LEEP: log expected empirical prediction, the log-likelihood of target labels given the source head's predictions.

With θ_iz the probability of source class z for row i, P̂(y,z) = (1/n) Σ_i [y_i=y] θ_iz and P̂(y|z) = P̂(y,z)/P̂(z),

    LEEP = (1/n) Σ_i ln Σ_z P̂(y_i|z) θ_iz.

It is at most 0, and at least NCE plus the mean of ln θ at each row's most probable class.

Reference: Nguyen, Hassner, Seeger & Archambeau, "LEEP: A New Measure to Evaluate Transferability of Learned
Representations", ICML 2020.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from headstart.errors import DataError
from headstart.scores.inputs import check_classes, check_rows, one_hot

__all__ = ["leep"]

SUM_TOLERANCE = 1e-4  # float32 probabilities of a thousand classes sum to one within this


def leep(probabilities: ArrayLike, y: ArrayLike) -> float:
    """The LEEP of a source's class probabilities.

    Args:
        probabilities: (n, Z) of the source's own classes; rows must sum to 1 within 1e-4 and are renormalised.
        y: (n,) integer class codes of the target.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if rows are not probabilities or there is only one class.

    Examples:
        >>> leep([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0, 0, 1])
        0.0
        >>> round(leep(np.full((4, 3), 1 / 3), [0, 0, 1, 1]), 4)       # uninformative source: ln 1/2
        -0.6931
    """
    rows = np.asarray(check_rows(probabilities, "probabilities", "leep"), dtype=np.float64)
    sums = rows.sum(axis=1)
    bad = (rows < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"leep needs rows of non-negative probabilities that sum to 1. Row {row} has the minimum "
            f"{rows[row].min():g} and the sum {sums[row]:g}; apply a softmax first."
        )
    codes, classes = check_classes(y, len(rows), "leep")
    theta = rows / sums[:, None]
    # n·P̂(y, z) (C, Z); the factor n cancels in P̂(y|z) = P̂(y, z) / P̂(z)
    joint = one_hot(codes, classes).T @ theta
    marginal = joint.sum(axis=0)
    given = joint / np.where(marginal > 0, marginal, 1.0)
    # Σ_z P̂(y_i|z) θ_iz is at most 1, but rounding can exceed it
    return float(np.log(np.minimum((given[codes] * theta).sum(axis=1), 1.0)).mean())
