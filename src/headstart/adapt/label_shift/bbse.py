"""Black-box shift estimation (BBSE): class shares of new items from the confusion matrix of left-out predictions.

If the items of each class look as before, the mean prediction for new items is μ = M π', where M (C, C) has the mean
prediction for each class as its columns. So

    π' = M⁻¹ μ,   and the weights w = π' / π solve Ĉ w = μ with the joint confusion matrix Ĉ = M diag(π).

Left-out predictions make M unbiased without a set of labelled items that the model did not see. Negative shares, which
sampling can cause, are set to 0, and the shares are divided by their sum.

Reference: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018.

Command: - (Python)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.label_shift.shares import (
    Outputs,
    Resampled,
    ShareEstimate,
    check_outputs,
    draw_counts,
    share_estimate,
)
from headstart.errors import DataError
from headstart.params import check_number

__all__ = ["MOST_CONDITION", "bbse"]

Array = NDArray[np.float64]
MOST_CONDITION = 50.0
"""Condition number of M above which BBSE refuses: sampling errors of μ would be multiplied by about as much."""


def bbse(
    left_out: ArrayLike,
    y: ArrayLike,
    new: ArrayLike,
    *,
    soft: bool = True,
    coverage: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> ShareEstimate:
    """Estimate the class shares of new items by inverting the confusion matrix.

    The condition number is that of M, not of Ĉ, which would also count how rare a class is.

    Args:
        left_out: (n, C) left-out probabilities of the labelled items.
        y: (n,) their class codes.
        new: (m, C) probabilities of the new items, by the model of all labelled items.
        soft: whether means of probabilities are used (default), which vary less; else of predicted classes, as in the
            paper.
        coverage: of the interval, default 0.95.
        resamples: bootstrap resamples of labelled items, within each class, and of new items; default 200.
        seed: of the resamples, default 0.

    Raises:
        ParameterError: if shapes, codes, probabilities or options are wrong.
        DataError: if there are no new items, fewer than two classes, or the predictions do not tell the classes apart:
            M has a condition number above 50.

    Examples:
        >>> left_out = np.array([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6], [0.4, 0.6]])
        >>> found = bbse(left_out, [0, 0, 1, 1], [[0.8, 0.2]] * 3 + [[0.4, 0.6]])
        >>> found.shares.round(6), found.weights.round(6)
        (array([0.75, 0.25]), array([1.5, 0.5]))
    """
    check_number(resamples, "resamples", "bbse", low=1, integer=True)
    inputs = check_outputs(left_out, y, new, "bbse")
    own, other = (one if soft else _one_hot(one) for one in (inputs.left_out, inputs.new))
    confusion = _class_means(own, inputs.y, np.ones((1, len(own))))[0]
    condition = float(np.linalg.cond(confusion))
    if not condition <= MOST_CONDITION:
        raise DataError(
            f"bbse cannot tell the class shares from these predictions: their confusion matrix has the condition "
            f"number {condition:.3g}, and at most {MOST_CONDITION:g} is allowed; use a more accurate model, or merge "
            "classes that it confuses."
        )
    smallest = float(np.linalg.svd(confusion * inputs.shares, compute_uv=False).min())
    shares = _solved(confusion, other.mean(axis=0))
    resampled = _resampled(inputs, own, other, resamples, np.random.default_rng(seed))
    return share_estimate("bbse", inputs, shares, resampled, coverage, condition=condition, smallest=smallest)


def _resampled(inputs: Outputs, own: Array, other: Array, resamples: int, rng: np.random.Generator) -> Resampled:
    confusions = _class_means(own, inputs.y, draw_counts(rng, inputs.y, resamples))
    m = len(other)
    means = rng.multinomial(m, np.full(m, 1 / m), size=resamples) @ other / m
    shares = np.array([_solved(confusion, mean) for confusion, mean in zip(confusions, means, strict=True)])
    return Resampled(shares, rng.multinomial(len(own), inputs.shares, size=resamples) / len(own))


def _class_means(rows: Array, y: NDArray[np.intp], counts: Array) -> Array:
    """(B, K, K): the mean row of each class as a column, with each item counted (B, n) times."""
    means = [counts[:, y == code] @ rows[y == code] / (y == code).sum() for code in range(rows.shape[1])]
    return np.stack(means, axis=2)


def _solved(confusion: Array, mean: Array) -> Array:
    # the least-squares solution: a resampled matrix may be singular
    raw = np.maximum(np.linalg.lstsq(confusion, mean, rcond=None)[0], 0.0)
    return np.asarray(raw / raw.sum())


def _one_hot(rows: Array) -> Array:
    return np.asarray(np.eye(rows.shape[1])[rows.argmax(axis=1)])
