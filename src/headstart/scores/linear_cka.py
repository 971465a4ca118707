"""Linear CKA: how alike two descriptions of the same rows are, up to rotation and scale.

For centred rows, CKA = ‖XᵀZ‖²_F / (‖XᵀX‖_F ‖ZᵀZ‖_F), between 0 and 1. It grows with d/n for features that have nothing
in common; the debiased form takes unbiased estimates of each of the three terms,

    ‖XᵀZ‖²_F - n/(n-2) Σ_i ‖x_i‖²‖z_i‖² + Σ_i‖x_i‖² Σ_i‖z_i‖² / ((n-1)(n-2)),

up to a factor that cancels. Nothing of size n by n is made.

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
    """The similarity of two sets of features of the same rows; the debiased one may fall somewhat below 0.

    Args:
        x: (n, d) features, n at least 4.
        z: (n, e) other features of the same rows.
        debiased: whether to take the debiased form.

    Raises:
        ParameterError: if shapes are wrong or n differs.
        DataError: if a value is not finite, or rows do not vary (by the debiased form: no more than by chance).

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(20, 3))
        >>> round(linear_cka(x, 5 * x[:, ::-1] + 1), 12)
        1.0
    """
    x, z = check_rows(x, "x", "linear_cka", minimum=4), check_rows(z, "z", "linear_cka", minimum=4)
    if len(x) != len(z):
        raise ParameterError(f"linear_cka needs two descriptions of the same rows. Got {len(x)} and {len(z)} rows.")
    left, right = _centred(x), _centred(z)
    own = [_product(rows, rows, debiased) for rows in (left, right)]
    # the Frobenius norm of constant rows is rounding, if not zero
    if not min(own) > 0:
        raise DataError(
            "linear_cka needs rows that vary, and more of them where it is debiased. "
            f"Got self-similarities of {own[0]:g} and {own[1]:g}."
        )
    return float(_product(left, right, debiased) / np.sqrt(own[0]) / np.sqrt(own[1]))


def label_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Debiased CKA of features and one-hot labels: whether the features lie as the classes do.

    Args:
        x: (n, d) features, n at least 4.
        y: (n,) integer class codes.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: as `linear_cka`, or if there is one class only.

    Examples:
        >>> y = np.repeat([0, 1], 10)
        >>> round(label_cka(y[:, None] * [3.0, 1.0], y), 12)
        1.0
    """
    x = check_rows(x, "x", "label_cka", minimum=4)
    codes, classes = check_classes(y, len(x), "label_cka")
    return linear_cka(x, one_hot(codes, classes), debiased=True)


def _centred(rows: NDArray[Any]) -> Array:
    """Centred rows of mean square 1, which CKA does not depend on; zeros where all rows are the same."""
    if (rows == rows[0]).all():
        return np.zeros(rows.shape)
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / np.sqrt((centred**2).mean()))


def _product(left: Array, right: Array, debiased: bool) -> float:
    n = len(left)
    # ‖XᵀZ‖²_F = tr(XXᵀZZᵀ): the (d, e) side, not the (n, n) Gram matrices
    product = float(((left.T @ right) ** 2).sum())
    if not debiased:
        return product
    # the diagonals of both Gram matrices, which the debiased form takes out (Song et al. 2012)
    a, b = (left**2).sum(axis=1), (right**2).sum(axis=1)
    return product - n / (n - 2) * float(a @ b) + float(a.sum() * b.sum()) / ((n - 1) * (n - 2))


LINEAR_CKA = RegisteredScore("linear_cka", CLASSES, lambda x, y, _task, _groups, _seed: label_cka(x, y), MANY)
