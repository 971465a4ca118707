"""Exact leave-one-out: each row is predicted by the ridge fit without it, or without its group, with no refit.

The leave-one-out residual of a row is r_i = (y_i - f_i) / (1 - h_i); for a group B it is
e_B = (I - H_BB)⁻¹ (Y_B - F_B). Both follow from one spectrum, for every λ. For small λ, the residual and 1-h can both
go to zero. So each is split into its value at λ=0 and a term proportional to λ,

    y - f = (y - f)|₀ + λ Z G c,   1 - h = (1 - h)|₀ + λ w Z G Zᵀ,   G = diag(1 / (s²(s²+λ))),   c = VᵀX̃ᵀỸ,

and where the first part is zero, λ cancels, so the quotient is accurate to rounding down to λ=0.

References: Allen, Technometrics 1974; Cook & Weisberg, "Residuals and Influence in Regression", 1982; Woodbury for
groups; Rifkin & Lippert, "Notes on Regularized Least Squares", 2007.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_lambdas, check_matrix, check_targets, check_weights, chunks
from headstart.linear.leave_group_out import group_batches
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.rotated import Rotated, rotate
from headstart.linear.spectrum import Spectrum
from headstart.types import group_codes

__all__ = ["LeftOut", "fitted", "leave_one_group_out", "leave_one_out"]

Array = NDArray[np.float64]

# A share of the total weight above this leaves only rounding for the other rows.
ALL_WEIGHT = 1 - 1e-12


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Leave-one-out (or leave-one-group-out) predictions at one λ.

    Attributes:
        lam: the penalty λ.
        predictions: (n, k) prediction for each row by the fit without it (or without its group).
        leverage: (n,) h_i = ∂f_i/∂y_i, the weight of a row in its own fitted value: between 0 and 1.
        fitted: (n, k) prediction for each row by the fit on all rows.
    """

    lam: float
    predictions: Array
    leverage: Array
    fitted: Array


def fitted(spectrum: Spectrum, x: ArrayLike, lam: float) -> Array:
    """Predictions (n, k) of the ridge fit at λ for rows (n, d), converted to float64 in chunks.

    Args:
        spectrum: of the training rows.
        x: (n, d) rows of any real type.
        lam: the penalty, 0 or more.

    Raises:
        ParameterError: if d is wrong, or ``lam`` is negative.

    Examples:
        >>> spectrum = Spectrum.from_rows(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]))
        >>> fitted(spectrum, [[4.0]], lam=2.0)
        array([[3.5]])
    """
    x = check_matrix(x, "x", "fitted", columns=len(spectrum.mean))
    coefficients, _ = ridge_coefficients(spectrum, lam)
    out = np.empty((len(x), len(spectrum.target_mean)))
    for rows in chunks(len(x)):
        # centre first, which stays accurate for large means
        np.matmul(x[rows] - spectrum.mean, coefficients, out=out[rows])
    out += spectrum.target_mean
    return out


def leave_one_out(
    spectrum: Spectrum, x: ArrayLike, y: ArrayLike, lambdas: Iterable[float], *, sample_weight: ArrayLike | None = None
) -> Iterator[LeftOut]:
    """Each row predicted by the fit without it, exactly, for each λ in turn.

    Args:
        spectrum: of the training rows.
        x: (n, d) training rows: all of those in the spectrum, or any subset (the result for a row depends only on that
            row and the spectrum).
        y: (n, k) their targets.
        lambdas: penalties of 0 or more. An iterator is consumed lazily, so the next value can depend on earlier
            results.
        sample_weight: (n,) the weights of these rows in the spectrum; default: ones.

    Returns:
        An iterator of `LeftOut`, one per λ; the rows are projected once.

    Raises:
        ParameterError: if shapes or penalties are wrong, or one row has all of the weight.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [3.0], [2.0]])
        >>> (left,) = leave_one_out(Spectrum.from_rows(x, y), x, y, lambdas=[0.0])
        >>> left.predictions[1].round(12)      # the line through (0, 0) and (2, 2), at 1
        array([1.])
    """
    checked = _checked(lambdas, "leave_one_out", positive=False)
    rows = rotate(spectrum, x, y, sample_weight, "leave_one_out")
    if (rows.weights >= spectrum.weight * ALL_WEIGHT).any():
        raise ParameterError("leave_one_out needs at least two rows of positive weight. Got one with all the weight.")
    return _each_row(spectrum, rows, checked)


def _checked(lambdas: Iterable[float], owner: str, *, positive: bool) -> Iterable[float]:
    if isinstance(lambdas, Iterator):
        return (check_lambdas([lam], owner, positive=positive)[0] for lam in lambdas)
    return check_lambdas(lambdas, owner, positive=positive)


def _each_row(spectrum: Spectrum, rows: Rotated, lambdas: Iterable[float]) -> Iterator[LeftOut]:
    for lam in lambdas:
        spread = rows.spread(spectrum, lam)
        pull = rows.pull(spectrum, lam)
        residual = rows.left_out_residual(lam, pull, spread)
        # f_λ = y - (y - f)|₀ - λ Z G c
        fit = rows.targets - rows.residual - lam * pull
        yield LeftOut(lam, rows.targets - residual, rows.leverage(lam, spread), fit)


def leave_one_group_out(
    spectrum: Spectrum,
    x: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None,
    lambdas: Iterable[float],
    *,
    sample_weight: ArrayLike | None = None,
) -> Iterator[LeftOut]:
    """Each row predicted by the fit without its group, exactly, for each λ in turn.

    Groups of one row are computed as in `leave_one_out`. Small groups solve their |B| x |B| system, all groups of one
    size at once. A group whose system would cost more than refitting the r coefficients is refitted, from the spectrum
    with the group's moments subtracted. If only one group varies along some direction of the features, removing it
    leaves only rounding of s₁² = ``spectrum.values[0]`` in that direction; the relative error is then about
    1e-16 · s₁²/λ.

    Args:
        spectrum: of the training rows.
        x: (n, d) training rows: all of those in the spectrum, or some complete groups.
        y: (n, k) their targets.
        groups: (n,) integer codes; rows with the same code are left out together.
        lambdas: penalties above 0; an iterator is consumed lazily.
        sample_weight: (n,) the weights of these rows in the spectrum; default: ones.

    Returns:
        An iterator of `LeftOut`, one per λ; ``leverage`` is that of each single row.

    Raises:
        ParameterError: if shapes or penalties are wrong, one group has all of the weight, or λ is so small that the
            fit without some group is numerically singular.

    Examples:
        >>> x, y = np.array([[0.0], [0.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [4.0], [6.0]])
        >>> (left,) = leave_one_group_out(Spectrum.from_rows(x, y), x, y, [0, 0, 1, 1], lambdas=[1e-9])
        >>> left.predictions[:2].round(6)      # the line through (2, 4) and (4, 6), at 0
        array([[2.],
               [2.]])
    """
    checked = _checked(lambdas, "leave_one_group_out", positive=True)
    codes = np.asarray(groups)
    x = check_matrix(x, "x", "leave_one_group_out")
    y = check_targets(y, len(x), "leave_one_group_out")
    weights = check_weights(sample_weight, len(x), "leave_one_group_out")
    if codes.shape != (len(x),) or codes.dtype.kind not in "iu":
        raise ParameterError(
            f"The 'groups' parameter of leave_one_group_out must hold {len(x)} integer codes. "
            f"Got an array of shape {codes.shape} and type {codes.dtype} instead."
        )
    position = group_codes(codes, len(codes))
    sizes = np.bincount(position)[position]
    # sort by group size, then by group, so that each stack of groups is a contiguous view
    order = np.lexsort((codes, sizes))
    rows = rotate(spectrum, x[order], y[order], weights[order], "leave_one_group_out")
    _check_group_weight(spectrum, rows, codes[order])
    return _each_group(spectrum, rows, sizes[order], order, checked)


def _check_group_weight(spectrum: Spectrum, rows: Rotated, codes: NDArray[Any]) -> None:
    if (np.bincount(group_codes(codes, len(codes)), rows.weights) >= spectrum.weight * ALL_WEIGHT).any():
        raise ParameterError("leave_one_group_out needs two groups of positive weight. Got one with all the weight.")


def _each_group(
    spectrum: Spectrum, rows: Rotated, sizes: NDArray[np.intp], order: NDArray[np.intp], lambdas: Iterable[float]
) -> Iterator[LeftOut]:
    blocks = group_batches(spectrum, rows, sizes)
    alone = slice(0, int(np.searchsorted(sizes, 2)))
    for lam in lambdas:
        spread = rows.spread(spectrum, lam)
        pull = rows.pull(spectrum, lam)
        residual = np.empty_like(pull)
        residual[alone] = rows.left_out_residual(lam, pull, spread)[alone]
        for block in blocks:
            residual[block.rows] = block.solve(lam, pull[block.rows])
        place = np.argsort(order)  # back to the order of the rows as given
        fit = rows.targets - rows.residual - lam * pull
        yield LeftOut(lam, (rows.targets - residual)[place], rows.leverage(lam, spread)[place], fit[place])
