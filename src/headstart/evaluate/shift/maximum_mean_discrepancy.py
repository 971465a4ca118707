"""Maximum mean discrepancy (MMD): the distance of two samples in the space of a kernel, unbiased.

MMD² = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), the first two over pairs of different rows; its expectation is 0
without a shift, so it may be negative. The kernel is the mean of Gaussian kernels exp(-‖x - y‖² / (2 w m)), where m is
the median of the squared distances of all pairs (median heuristic) and w is 1/4, 1/2, 1, 2 and 4.

Reference: Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", JMLR 2012.
Command: headstart drift RUN NEW
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.shift.pooled import Pooled

__all__ = ["WIDTHS", "gaussian_kernel", "mmd_of_kernel"]

Array = NDArray[np.float64]
WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths of the kernels, in units of the median squared distance."""


def gaussian_kernel(pooled: Pooled) -> Array:
    """Mean of Gaussian kernels of several bandwidths around the median distance.

    Args:
        pooled: n rows.

    Returns:
        (n, n), with zeros on the diagonal.

    Examples:
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> gaussian_kernel(pooled_rows([[0.0], [1.0]], [[5.0]]))[0].round(3).tolist()
        [0.0, 0.954, 0.442]
    """
    squares = pooled.distances
    median = float(np.median(squares[np.triu_indices(len(squares), 1)])) if len(squares) > 1 else 0.0
    scaled = squares / (2 * (median or 1.0))
    kernel = np.zeros_like(scaled)
    for width in WIDTHS:
        kernel += np.exp(-scaled / width)
    kernel /= len(WIDTHS)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def mmd_of_kernel(kernel: Array, sides: Array) -> Array:
    """Unbiased MMD² for many assignments of the rows to two samples.

    Args:
        kernel: (n, n) with zeros on the diagonal.
        sides: (n, b) of 0 and 1, one assignment a column, with at least two rows of each.

    Returns:
        (b,) values of MMD².

    Examples:
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> rows = np.arange(8.0)[:, None]
        >>> apart, mixed = np.repeat([0.0, 1.0], 4), np.tile([0.0, 1.0], 4)
        >>> kernel = gaussian_kernel(pooled_rows(rows[:4], rows[4:]))
        >>> mmd_of_kernel(kernel, np.stack([apart, mixed], axis=1)).round(2)
        array([ 0.69, -0.2 ])
    """
    size = sides.sum(axis=0)
    other = len(sides) - size
    product = kernel @ sides
    total, column = float(kernel.sum()), product.sum(axis=0)
    inside = np.einsum("ij,ij->j", product, sides)
    across = column - inside
    outside = total - inside - 2 * across
    return np.asarray(
        inside / (size * (size - 1)) + outside / (other * (other - 1)) - 2 * across / (size * other), np.float64
    )
