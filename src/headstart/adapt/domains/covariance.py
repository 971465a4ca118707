"""The shrinkage of a covariance matrix, and powers of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ledoit_wolf", "power"]

Array = NDArray[np.float64]


def ledoit_wolf(z: Array, weights: Array, d: int) -> float:
    """Ledoit-Wolf shrinkage: the weight of a multiple of the identity that minimises the expected squared error.

    Reference: Ledoit & Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", Journal of
    Multivariate Analysis 2004.

    Args:
        z: (n, r) centred rows, in an orthonormal basis of a subspace that has all of them.
        weights: (n,) of sum 1; the formula counts 1 / Σw² rows.
        d: the number of columns that the rows have outside of this basis.

    Examples:
        >>> z = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
        >>> ledoit_wolf(z, np.full(4, 0.25), 2)
        1.0
    """
    covariance = (z * weights[:, None]).T @ z
    mean = float(np.trace(covariance)) / d
    # ‖C‖² and the spread of the rows' own outer products around C; Σw² stands for 1/n
    square = float((covariance**2).sum())
    spread = float((weights * (z**2).sum(axis=1) ** 2).sum()) - square
    distance = square - mean**2 * d
    if distance <= 0:
        return 1.0
    return float(np.clip(spread * float((weights**2).sum()) / distance, 0.0, 1.0))


def power(matrix: Array, exponent: float) -> Array:
    """A power of a symmetric positive semi-definite matrix (d, d); its null space stays null.

    Args:
        matrix: the matrix.
        exponent: such as 0.5 or -0.5.

    Examples:
        >>> power(np.array([[4.0, 0.0], [0.0, 0.0]]), -0.5)
        array([[0.5, 0. ],
               [0. , 0. ]])
    """
    values, vectors = np.linalg.eigh(matrix)
    kept = values > max(len(values), 100) * np.finfo(np.float64).eps * max(values.max(), 0.0)
    raised = np.zeros_like(values)
    raised[kept] = values[kept] ** exponent
    return np.asarray((vectors * raised) @ vectors.T)
