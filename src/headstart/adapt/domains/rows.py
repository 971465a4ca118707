"""Checks of the rows of two domains, weights of source rows under target class shares, and random subsets of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_finite, check_matrix

__all__ = ["check_codes", "check_domains", "draw", "share_weights"]

Array = NDArray[np.float64]


def check_domains(xs: ArrayLike, xt: ArrayLike, owner: str) -> tuple[Array, Array]:
    """The rows of both domains as float64; each needs two rows or more, of the same columns.

    Args:
        xs: (n, d) source rows.
        xt: (m, d) target rows.
        owner: the method, for messages.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if a domain has fewer than two rows, or a value is not finite.

    Examples:
        >>> check_domains([[0], [1]], [[2]], "coral")
        Traceback (most recent call last):
        headstart.errors.DataError: coral needs two rows or more of each domain. Got 2 source and 1 target rows.
    """
    source = np.asarray(check_matrix(xs, "xs", owner), dtype=np.float64)
    target = np.asarray(check_matrix(xt, "xt", owner, columns=source.shape[1]), dtype=np.float64)
    if min(len(source), len(target)) < 2:
        raise DataError(
            f"{owner} needs two rows or more of each domain. Got {len(source)} source and {len(target)} target rows."
        )
    check_finite(source)
    check_finite(target)
    return source, target


def check_codes(ys: ArrayLike | None, n: int, owner: str) -> NDArray[np.intp]:
    """Class codes (n,) of source rows.

    Args:
        ys: the value to check.
        n: the number of source rows.
        owner: the method, for messages.

    Raises:
        ParameterError: if they are missing, or no n codes of 0 or more.

    Examples:
        >>> check_codes([0, 1], 2, "coral")
        array([0, 1])
    """
    codes = np.asarray(ys)
    if ys is None or codes.shape != (n,) or codes.dtype.kind not in "iu" or (n and int(codes.min()) < 0):
        got = "none" if ys is None else f"an array of shape {codes.shape} and type {codes.dtype}"
        raise ParameterError(f"{owner} needs one class code of 0 or more for each of {n} source rows. Got {got}.")
    return codes.astype(np.intp)


def share_weights(ys: ArrayLike | None, n: int, shares: Sequence[float] | None, owner: str) -> Array:
    """Weights (n,) of sum 1 of source rows, with which their class shares are those of the target.

    Class shares that differ between the domains move means and covariances even where every class looks the same. A
    method that matches moments would take this for a change of the features, and mix the classes.

    Args:
        ys: (n,) class codes; needed with ``shares`` only.
        n: the number of source rows.
        shares: class shares of the target, as `headstart.adapt.label_shift` estimates them; None for equal weights.
        owner: the method, for messages.

    Raises:
        ParameterError: if codes or shares are wrong, or a class with a share has no rows.

    Examples:
        >>> share_weights([0, 0, 1], 3, (0.5, 0.5), "coral")
        array([0.25, 0.25, 0.5 ])
    """
    if shares is None:
        return np.full(n, 1 / n)
    codes = check_codes(ys, n, owner)
    wanted = np.asarray(shares, dtype=np.float64)
    if wanted.ndim != 1 or not np.isfinite(wanted).all() or (wanted < 0).any() or not wanted.sum() > 0:
        raise ParameterError(
            f"The class shares of {owner} must be numbers of 0 or more, not all 0. Got {shares!r:.80}."
        )
    counts = np.bincount(codes, minlength=len(wanted))
    if len(counts) > len(wanted) or (counts[wanted > 0] == 0).any():
        raise ParameterError(
            f"The class shares of {owner} must be one for each class of the source rows, and 0 for a class without "
            f"rows. Got {len(wanted)} shares for the classes 0 to {len(counts) - 1}."
        )
    weights = wanted[codes] / counts[codes]
    return np.asarray(weights / weights.sum())


def draw(rows: NDArray[Any], max_rows: int, seed: int) -> NDArray[np.intp]:
    """Sorted positions of at most ``max_rows`` rows, drawn at random.

    Args:
        rows: (n, d) rows.
        max_rows: the most that are drawn.
        seed: of the draw.

    Examples:
        >>> draw(np.zeros((4, 1)), 2, 0)
        array([2, 3])
    """
    if len(rows) <= max_rows:
        return np.arange(len(rows))
    return np.sort(np.random.default_rng(seed).choice(len(rows), max_rows, replace=False))
