"""Input checks of rows, targets, weights and penalties; unit-norm rows; slices for processing rows in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError

__all__ = [
    "CHUNK",
    "check_finite",
    "check_lambdas",
    "check_matrix",
    "check_targets",
    "check_weights",
    "chunks",
    "unit_rows",
]

SAFE_NORMS = (1e-30, 1e30)  # norms whose squares neither overflow nor underflow in float64, and that fit into float32
CHUNK = 4096
"""Rows converted to float64 at a time: 88 MB at 2,688 features, and enough for BLAS to run at full speed."""


def check_matrix(value: ArrayLike, name: str, owner: str, *, columns: int | None = None) -> NDArray[Any]:
    """Check for an array (n, d) of real numbers; an array is not copied.

    Args:
        value: the value to check.
        name: the parameter's name, for messages.
        owner: the function that the parameter belongs to, for messages.
        columns: the required d; None for any.

    Raises:
        ParameterError: if the number of dimensions or columns is wrong, or the values are not real numbers.

    Examples:
        >>> check_matrix([[1, 2]], "x", "project", columns=3)
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'x' parameter of project must be an array (n, 3). Got shape (1, 2) instead.
    """
    array = np.asarray(value)
    if array.ndim != 2 or (columns is not None and array.shape[1] != columns):
        wanted = "d" if columns is None else columns
        raise ParameterError(
            f"The '{name}' parameter of {owner} must be an array (n, {wanted}). Got shape {array.shape} instead."
        )
    if array.dtype.kind not in "fiub":
        raise ParameterError(
            f"The '{name}' parameter of {owner} must hold real numbers. Got an array of {array.dtype} instead."
        )
    return array


def check_finite(x: NDArray[Any], *, first: int = 0) -> None:
    """Raise unless all features are finite.

    Args:
        x: (n, d) rows.
        first: the index of the first row, for the message.

    Raises:
        DataError: if a value is not finite.

    Examples:
        >>> check_finite(np.array([[0.0, np.nan]]))
        Traceback (most recent call last):
        headstart.errors.DataError: Row 0 of the features holds a NaN or an infinity; leave it out or fill it.
    """
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        row = first + int(bad.argmax())
        raise DataError(f"Row {row} of the features holds a NaN or an infinity; leave it out or fill it.")


def check_targets(y: ArrayLike, n: int, owner: str, *, columns: int | None = None) -> NDArray[np.float64]:
    """Targets as a float64 array (n, k).

    Args:
        y: the value to check.
        n: the required number of rows.
        owner: the calling function, for messages.
        columns: the required k; None for any.

    Raises:
        ParameterError: if the shape is wrong.
        DataError: if a value is not finite.

    Examples:
        >>> check_targets([[1], [0]], 2, "stream").dtype
        dtype('float64')
    """
    array = np.asarray(check_matrix(y, "y", owner, columns=columns), dtype=np.float64)
    if len(array) != n:
        raise ParameterError(f"{owner} needs one row of 'y' for each row of 'x'. Got {len(array)} and {n}.")
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise DataError(f"{owner} needs finite targets. Row {row} of 'y' holds a NaN or an infinity; drop or fill it.")
    return array


def check_weights(sample_weight: ArrayLike | None, n: int, owner: str) -> NDArray[np.float64]:
    """Weights as a float64 array (n,); ones for None.

    Args:
        sample_weight: the value to check.
        n: the number of rows.
        owner: the calling function, for messages.

    Raises:
        ParameterError: if the shape is not (n,), or a weight is negative or not finite.

    Examples:
        >>> check_weights(None, 2, "stream")
        array([1., 1.])
    """
    if sample_weight is None:
        return np.ones(n)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,):
        raise ParameterError(
            f"The 'sample_weight' parameter of {owner} must have shape ({n},). Got {weights.shape} instead."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ParameterError(f"The 'sample_weight' parameter of {owner} must hold finite, non-negative numbers.")
    return weights


def check_lambdas(lambdas: Iterable[float], owner: str, *, positive: bool = False) -> list[float]:
    """Ridge penalties as a list of floats.

    Args:
        lambdas: the values to check.
        owner: the calling function, for messages.
        positive: whether zero is excluded, default false.

    Raises:
        ParameterError: if there are no values, or one is negative (or zero, if excluded) or not finite.

    Examples:
        >>> check_lambdas((1, 10), "gcv")
        [1.0, 10.0]
    """
    values = [float(lam) for lam in lambdas]
    if not values or not all(math.isfinite(lam) and (lam > 0 or (lam == 0 and not positive)) for lam in values):
        allowed = "above 0" if positive else "of 0 or more"
        raise ParameterError(f"{owner} needs one or more finite penalties λ {allowed}. Got {values} instead.")
    return values


def chunks(n: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices of at most ``size`` rows that cover n rows.

    Args:
        n: the number of rows.
        size: of a slice; default: 4,096.

    Examples:
        >>> list(chunks(5000))
        [slice(0, 4096, None), slice(4096, 5000, None)]
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def unit_rows(rows: ArrayLike) -> NDArray[Any]:
    """Rows divided by their L2 norm; a row of zeros stays as it is.

    Squares overflow for float32 entries above 1e19 and float64 entries above 1e154. So squares are summed in float64,
    and rows with extreme norms are first divided by their largest entry.

    Args:
        rows: (n, d) finite numbers; integers are converted to floats.

    Returns:
        (n, d) rows of the same type, float32 or float64.

    Examples:
        >>> unit_rows(np.float32([[3e30, 4e30], [0, 0]])).round(3)
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """
    rows = np.asarray(rows)
    rows = rows.astype(np.result_type(rows.dtype, np.float32), copy=False)
    with np.errstate(over="ignore", under="ignore"):
        norm = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    beyond = ~((norm > SAFE_NORMS[0]) & (norm < SAFE_NORMS[1]))
    if beyond.any():
        rows = rows.copy()
        top = np.abs(rows[beyond]).max(axis=1, initial=0)[:, None]
        rows[beyond] /= np.where(top > 0, top, 1)
        norm[beyond] = np.sqrt(np.einsum("ij,ij->i", rows[beyond], rows[beyond], dtype=np.float64))
    norm = np.where(norm > 0, norm, 1.0)[:, None]
    return np.asarray(rows / norm.astype(rows.dtype))
