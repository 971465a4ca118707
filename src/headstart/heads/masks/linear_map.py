"""Linear maps from rows of cells to scores of classes at several penalties: ridge, and LDA by optimal scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import optimal_scoring_of

__all__ = ["KINDS", "LinearMap", "as_probabilities", "linear_maps"]

Array = NDArray[np.float64]

KINDS = ("ridge", "lda")
NO_SCALE = 1e-6  # of the largest deviation: columns below it do not vary
NEVER = -1e4  # the score of a class without cells


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map from rows to scores.

    Attributes:
        kind: ``"ridge"``: scores are estimates of the classes' shares; ``"lda"``: they are log-posteriors.
        lam: the penalty, relative to the weight of the rows, on standardised columns.
        weight: (d, k).
        bias: (k,).

    Examples:
        >>> LinearMap("lda", 0.1, np.eye(2), np.zeros(2)).probabilities(np.array([[0.0, 0.0]]))
        array([[0.5, 0.5]], dtype=float32)
    """

    kind: str
    lam: float
    weight: Array
    bias: Array

    def probabilities(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """(cells, k) float32 in [0, 1] of rows (cells, d)."""
        return as_probabilities(rows @ self.weight.astype(rows.dtype) + self.bias.astype(rows.dtype), self.kind)


def as_probabilities(scores: NDArray[np.floating], kind: str) -> NDArray[np.float32]:
    """Scores as numbers in [0, 1]: estimates of shares are clipped, log-posteriors go through the softmax.

    Args:
        scores: (..., k).
        kind: of the map that gave them.

    Examples:
        >>> as_probabilities(np.array([[-0.2, 1.2]]), "ridge")
        array([[0., 1.]], dtype=float32)
    """
    if kind == "ridge":
        return np.asarray(np.clip(scores, 0, 1), dtype=np.float32)
    from scipy.special import softmax

    return np.asarray(softmax(scores, axis=-1), dtype=np.float32)


def linear_maps(moments: Moments, lambdas: Sequence[float], kinds: Sequence[str] = KINDS) -> list[LinearMap]:
    """The maps for each penalty and kind; columns are standardised by the moments' own deviations.

    Args:
        moments: of rows with one-hot targets.
        lambdas: penalties relative to the weight of the rows; those that leave the system singular are left out.
        kinds: of `KINDS`.

    Raises:
        ParameterError: if the system is singular for all of them.

    Examples:
        >>> moments = Moments.from_rows(np.array([[0.0], [1.0]]), np.eye(2))
        >>> [(found.kind, found.bias.round(2).tolist()) for found in linear_maps(moments, [1.0], ["ridge"])]
        [('ridge', [0.75, 0.25])]
    """
    # after a subtraction the variance of a column that does not vary is rounding, of either sign
    scale = np.sqrt(np.maximum(moments.scatter.diagonal(), 0) / moments.w)
    scale[scale <= NO_SCALE * max(float(scale.max(initial=0.0)), 1e-300)] = np.inf  # such columns get weight 0
    correlation = moments.scatter / scale / scale[:, None] / moments.w
    cross = moments.cross / scale[:, None] / moments.w
    found: list[LinearMap] = []
    for lam in lambdas:
        coefficients = _solved(correlation, cross, lam)
        if coefficients is None:
            continue
        weight = coefficients / scale[:, None]
        bias = moments.target_mean - moments.mean @ weight
        for kind in kinds:
            if kind == "ridge":
                found.append(LinearMap(kind, lam, weight, bias))
                continue
            explained = moments.w * (cross.T @ coefficients)
            scoring = optimal_scoring_of(
                explained, moments.w, moments.target_mean, rank=len(scale), priors=moments.target_mean
            )
            directions, offsets = scoring.coefficients(weight, bias)
            found.append(LinearMap(kind, lam, directions, np.maximum(offsets, NEVER)))
    if not found:
        raise ParameterError("The moments of the cells are singular at every penalty; label more varied pictures.")
    return found


def _solved(correlation: Array, cross: Array, lam: float) -> Array | None:
    from scipy.linalg import cho_factor, cho_solve

    system = correlation.copy()
    system.flat[:: len(system) + 1] += lam
    try:
        return np.asarray(cho_solve(cho_factor(system, lower=True, overwrite_a=True), cross))
    except np.linalg.LinAlgError:
        return None
