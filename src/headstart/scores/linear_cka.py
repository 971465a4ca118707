"""Linear CKA: similarity of two representations of the same rows, invariant to rotation and scale.

For centred rows, CKA = ‖XᵀZ‖²_F / (‖XᵀX‖_F ‖ZᵀZ‖_F), between 0 and 1. For unrelated features it grows with d/n, so the
debiased form uses an unbiased estimate of each of the three terms,

    ‖XᵀZ‖²_F - n/(n-2) Σ_i ‖x_i‖²‖z_i‖² + Σ_i‖x_i‖² Σ_i‖z_i‖² / ((n-1)(n-2)),

up to a factor that cancels. No n x n matrix is formed.

References: Kornblith, Norouzi, Lee & Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019; Song
et al., "Feature Selection via Dependence Maximization", JMLR 2012 (the unbiased estimate).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.scores.inputs import check_classes, check_rows, one_hot
from headstart.scores.registry import CLASSES, MANY, RegisteredScore

__all__ = ["LINEAR_CKA", "label_cka", "linear_cka"]

Array = NDArray[np.float64]


def linear_cka(x: ArrayLike, z: ArrayLike, *, debiased: bool = False) -> float:
    """Linear CKA of two sets of features of the same rows; the debiased estimate can be slightly negative.

    Args:
        x: (n, d) features, n at least 4.
        z: (n, e) other features of the same rows.
        debiased: whether to use the debiased form, default false.

    Raises:
        ParameterError: if shapes are wrong or n differs.
        DataError: if a value is not finite, or rows do not vary (in the debiased form: not more than by chance).

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(20, 3))
        >>> round(linear_cka(x, 5 * x[:, ::-1] + 1), 12)
        1.0
    """
    x, z = check_rows(x, "x", "linear_cka", minimum=4), check_rows(z, "z", "linear_cka", minimum=4)
    if len(x) != len(z):
        raise ParameterError(f"linear_cka needs two sets of features of the same rows. Got {len(x)} and {len(z)} rows.")
    left, right = _centred(x), _centred(z)
    own = [_product(rows, rows, debiased) for rows in (left, right)]
    # constant rows give zero; the debiased estimate can also be negative
    if not min(own) > 0:
        raise DataError(
            "linear_cka needs rows that vary, and the debiased form needs more rows. "
            f"Got self-similarities of {own[0]:g} and {own[1]:g}."
        )
    return float(_product(left, right, debiased) / np.sqrt(own[0]) / np.sqrt(own[1]))


def label_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Debiased linear CKA of features and one-hot labels: whether the features are arranged by class.

    Args:
        x: (n, d) features, n at least 4.
        y: (n,) integer class codes.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: as in `linear_cka`, or if there is only one class.

    Examples:
        >>> y = np.repeat([0, 1], 10)
        >>> round(label_cka(y[:, None] * [3.0, 1.0], y), 12)
        1.0
    """
    x = check_rows(x, "x", "label_cka", minimum=4)
    codes, classes = check_classes(y, len(x), "label_cka")
    return linear_cka(x, one_hot(codes, classes), debiased=True)


def _centred(rows: NDArray[Any]) -> Array:
    """Centred rows scaled to mean square 1, to which CKA is invariant; zeros if all rows are the same."""
    if (rows == rows[0]).all():
        return np.zeros(rows.shape)
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / np.sqrt((centred**2).mean()))


def _product(left: Array, right: Array, debiased: bool) -> float:
    n = len(left)
    # ‖XᵀZ‖²_F = tr(XXᵀZZᵀ), from the (d, e) product instead of (n, n) Gram matrices
    product = float(((left.T @ right) ** 2).sum())
    if not debiased:
        return product
    # the debiased form removes the diagonals of both Gram matrices, ‖x_i‖² and ‖z_i‖² (Song et al. 2012)
    a, b = (left**2).sum(axis=1), (right**2).sum(axis=1)
    return product - n / (n - 2) * float(a @ b) + float(a.sum() * b.sum()) / ((n - 1) * (n - 2))


LINEAR_CKA = RegisteredScore("linear_cka", CLASSES, lambda x, y, _task, _groups, _seed: label_cka(x, y), MANY)
