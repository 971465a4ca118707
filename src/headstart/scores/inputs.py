"""What the scores share, such as input checks, one-hot targets, class means, spectra and sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_finite, check_matrix, chunks
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.params import check_number
from headstart.types import group_codes

__all__ = [
    "check_classes",
    "check_groups",
    "check_rows",
    "class_means",
    "class_spectrum",
    "draw_rows",
    "one_hot",
    "principal_rows",
]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def check_rows(x: ArrayLike, name: str, owner: str, *, minimum: int = 2, columns: int | None = None) -> NDArray[Any]:
    """Check for finite rows (n, d) of real numbers; an array is neither copied nor converted.

    Args:
        x: the value to check.
        name: the parameter's name, for messages.
        owner: the score that the parameter belongs to, for messages.
        minimum: the least number of rows, default 2.
        columns: the required d; None for any d of at least 1.

    Raises:
        ParameterError: if it is not an array (n, d) of real numbers.
        DataError: if there are too few rows, no columns, or a value is not finite.

    Examples:
        >>> check_rows([[1.0]], "x", "logme")
        Traceback (most recent call last):
        headstart.errors.DataError: The 'x' parameter of logme needs 2 rows or more and 1 column or more. Got (1, 1).
    """
    rows = check_matrix(x, name, owner, columns=columns)
    if len(rows) < minimum or not rows.shape[1]:
        raise DataError(
            f"The '{name}' parameter of {owner} needs {minimum} rows or more and 1 column or more. Got {rows.shape}."
        )
    for part in chunks(len(rows)):
        check_finite(rows[part], first=part.start)
    return rows


def check_classes(y: ArrayLike, n: int, owner: str) -> tuple[Codes, int]:
    """Class codes renumbered to 0 ... C-1 without gaps, and C; classes without rows are dropped.

    Args:
        y: (n,) integer class codes, with or without gaps.
        n: the number of rows.
        owner: the calling score, for messages.

    Raises:
        ParameterError: if ``y`` does not hold n integer codes.
        DataError: if there are fewer than two classes.

    Examples:
        >>> check_classes([0, 5, 5], 3, "logme")
        (array([0, 1, 1]), 2)
    """
    codes = np.asarray(y)
    if codes.shape != (n,) or codes.dtype.kind not in "iu":
        raise ParameterError(
            f"{owner} needs one integer class code for each of {n} rows. "
            f"Got an array of shape {codes.shape} and type {codes.dtype}."
        )
    classes, compact = np.unique(codes, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"{owner} needs rows of two classes or more. Got rows of {len(classes)}; add rows of another.")
    return compact.astype(np.intp), len(classes)


def check_groups(groups: ArrayLike | None, n: int, owner: str) -> Codes | None:
    """Integer codes (n,) of groups given as codes or names; None for None.

    Args:
        groups: (n,) codes or names of groups, or None.
        n: the number of rows.
        owner: the calling score, for messages.

    Raises:
        ParameterError: if the shape is wrong.
        DataError: if all rows belong to one group.

    Examples:
        >>> check_groups(["ann", "bob", "ann"], 3, "nearest_neighbours")
        array([0, 1, 0])
    """
    if groups is None:
        return None
    names = np.asarray(groups)
    if names.shape != (n,):
        raise ParameterError(f"The 'groups' parameter of {owner} must have shape ({n},). Got {names.shape} instead.")
    codes = group_codes(names, n)
    count = int(codes.max(initial=-1)) + 1
    if count < 2:
        raise DataError(f"{owner} leaves out one group at a time and needs two or more. Got {count}; omit 'groups'.")
    return codes


def one_hot(codes: Codes, classes: int) -> Array:
    """One-hot rows (n, C) of codes (n,).

    Args:
        codes: class codes below ``classes``.
        classes: C.

    Examples:
        >>> one_hot(np.array([1, 0]), 2)
        array([[0., 1.],
               [1., 0.]])
    """
    out = np.zeros((len(codes), classes))
    out[np.arange(len(codes)), codes] = 1.0
    return out


def class_spectrum(x: NDArray[Any], codes: Codes, classes: int) -> Spectrum:
    """The spectrum of rows with one-hot targets; if n >= d, the targets are built in chunks.

    Args:
        x: (n, d) rows.
        codes: (n,) class codes below ``classes``.
        classes: C.

    Examples:
        >>> class_spectrum(np.array([[0.0], [2.0]]), np.array([0, 1]), 2).values
        array([2.])
    """
    if len(x) < x.shape[1]:
        return Spectrum.from_rows(x, one_hot(codes, classes))
    return Spectrum.from_moments(Moments.stream((x[part], one_hot(codes[part], classes)) for part in chunks(len(x))))


def principal_rows(spectrum: Spectrum, x: NDArray[Any], components: int | None, owner: str) -> Array:
    """Principal component scores (n, r) of rows; r is the smaller of their rank and ``components``.

    Args:
        spectrum: of the rows.
        x: (n, d) the same rows.
        components: number of components to keep; None for all.
        owner: the calling score, for messages.

    Raises:
        DataError: if all rows are the same.

    Examples:
        >>> x = np.array([[0.0, 0.0], [2.0, 0.0]])
        >>> abs(principal_rows(class_spectrum(x, np.array([0, 1]), 2), x, 32, "parc"))
        array([[1.],
               [1.]])
    """
    if components is not None:
        check_number(components, "components", owner, low=1, integer=True)
    if not len(spectrum.values):
        raise DataError(f"{owner} needs features that differ between rows. All {len(x)} rows are the same.")
    mean, vectors = spectrum.mean, np.ascontiguousarray(spectrum.vectors[:, :components])
    out = np.empty((len(x), vectors.shape[1]))
    for part in chunks(len(x)):
        np.matmul(x[part] - mean, vectors, out=out[part])
    return out


def class_means(z: Array, codes: Codes, classes: int) -> tuple[Array, Array]:
    """Means (C, d) and numbers of rows (C,) of the classes.

    Args:
        z: (n, d) rows.
        codes: (n,) class codes below ``classes``; every class has rows.
        classes: C.

    Examples:
        >>> class_means(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), 2)
        (array([[1.],
               [5.]]), array([2., 1.]))
    """
    counts = np.bincount(codes, minlength=classes).astype(np.float64)
    # sums by class as a product of one-hot targets (C, m) and rows (m, d), in chunks
    sums = np.zeros((classes, z.shape[1]))
    for part in chunks(len(z)):
        sums += one_hot(codes[part], classes).T @ z[part]
    return sums / counts[:, None], counts


def draw_rows(n: int, max_rows: int, seed: int, groups: Codes | None = None) -> Codes:
    """Sorted positions of a random subset of rows, or of all rows if they are few enough.

    The subset depends only on n, the seed and the groups, so the scores of several sources use the same rows.

    Args:
        n: the number of rows.
        max_rows: the size of the subset. With groups, complete groups (at least two) are drawn until there are at
            least this many rows.
        seed: of the random draw.
        groups: (n,) integer codes, or None.

    Raises:
        ParameterError: if ``max_rows`` is less than 2.

    Examples:
        >>> draw_rows(4, 2, 0)
        array([2, 3])
    """
    check_number(max_rows, "max_rows", "a score", low=2, integer=True)
    if n <= max_rows:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    if groups is None:
        return np.sort(rng.choice(n, max_rows, replace=False))
    counts = np.bincount(groups)
    order = rng.permutation(len(counts))
    # complete groups in random order, as many as hold max_rows rows
    enough = int(np.searchsorted(np.cumsum(counts[order]), max_rows)) + 1
    return np.flatnonzero(np.isin(groups, order[: max(enough, 2)]))
