"""Maximum mean discrepancy: a kernel distance between two domains, with a permutation test.

    MMD²_u = Σ_{i≠j} k(s_i,s_j)/(n(n-1)) + Σ_{i≠j} k(t_i,t_j)/(m(m-1)) - 2 Σ_ij k(s_i,t_j)/(nm),
    k(a,b) = exp(-‖a-b‖²/(2h²)),   h = the median distance between any two rows.

Lower means closer. The estimate is unbiased, so it is around 0, and can be negative, if the domains are the same. The
p-value is the share of random assignments of rows to domains, the true one included, with at least as large a value.

Reference: Gretton, Borgwardt, Rasch, Schölkopf & Smola, "A Kernel Two-Sample Test", JMLR 2012.

Command: - (it compares two domains; Python)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError
from headstart.params import check_number
from headstart.scores.inputs import check_rows, draw_rows

__all__ = ["DomainDiscrepancy", "maximum_mean_discrepancy"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DomainDiscrepancy:
    """The discrepancy of two domains.

    Attributes:
        squared: the unbiased MMD²; lower means closer.
        bandwidth: h, in units of the features.
        p_value: probability of at least this value if the domains are the same.
    """

    squared: float
    bandwidth: float
    p_value: float


def maximum_mean_discrepancy(
    xs: ArrayLike,
    xt: ArrayLike,
    *,
    bandwidth: float | None = None,
    permutations: int = 200,
    max_rows: int = 1000,
    seed: int = 0,
) -> DomainDiscrepancy:
    """The unbiased squared discrepancy of two domains, with its bandwidth and p-value.

    Args:
        xs: (n, d) source-domain rows.
        xt: (m, d) target-domain rows.
        bandwidth: h above 0; default: the median distance between the rows of both domains.
        permutations: number of random assignments, default 200; the p-value is at least 1/(permutations + 1).
        max_rows: above this number of rows, a random subset of a domain is used (default 1,000), since all pairs are
            compared.
        seed: of the subsets and of the permutations, default 0.

    Raises:
        ParameterError: if shapes or options are wrong.
        DataError: if a domain has fewer than 2 rows, a value is not finite, or half of the pairs of rows are equal.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(30, 2))
        >>> maximum_mean_discrepancy(x, rng.normal(size=(30, 2)) + 3).p_value < 0.01
        True
    """
    owner = "maximum_mean_discrepancy"
    xs = check_rows(xs, "xs", owner)
    xt = check_rows(xt, "xt", owner, columns=xs.shape[1])
    check_number(permutations, "permutations", owner, low=1, integer=True)
    if bandwidth is not None:
        check_number(bandwidth, "bandwidth", owner, low=0, open_low=True)
    parts = [rows[draw_rows(len(rows), max_rows, seed)] for rows in (xs, xt)]
    distances = _squared_distances(np.concatenate(parts).astype(np.float64))
    h = _median_distance(distances) if bandwidth is None else float(bandwidth)
    # the unbiased estimate excludes pairs of a row with itself
    kernel = np.exp(-distances / (2 * h * h))
    np.fill_diagonal(kernel, 0.0)
    sides = np.zeros((len(kernel), permutations + 1))
    sides[: len(parts[0])] = 1.0
    # column 0 is the true assignment of rows to domains; the others are random permutations of it
    sides[:, 1:] = np.random.default_rng(seed).permuted(sides[:, 1:], axis=0)
    values = _unbiased(kernel, sides)
    # tolerance: an equal value summed in another order must count as equal
    as_large = int(np.count_nonzero(values[1:] >= values[0] - 1e-12))
    return DomainDiscrepancy(float(values[0]), h, (1 + as_large) / (1 + permutations))


def _squared_distances(rows: Array) -> Array:
    rows = rows - rows.mean(axis=0)
    squares = (rows**2).sum(axis=1)
    # ‖a - b‖² = ‖a‖² + ‖b‖² - 2aᵀb; rows are centred first, as a large mean would cause cancellation
    distances: Array = np.maximum(squares[:, None] + squares - 2 * (rows @ rows.T), 0.0)
    # duplicates: what remains is rounding
    distances[distances < 1e-14 * squares.max(initial=0.0)] = 0.0
    return distances


def _median_distance(distances: Array) -> float:
    median = float(np.median(np.sqrt(distances[np.triu_indices(len(distances), 1)])))
    if not median > 0:
        raise DataError(
            "maximum_mean_discrepancy cannot use the median distance as its bandwidth: it is 0, since half of all "
            "pairs of rows are equal. Give a 'bandwidth'."
        )
    return median


def _unbiased(kernel: Array, sides: Array) -> Array:
    """MMD²_u (p,) for p assignments (N, p), 1 for source and 0 for target; the kernel must have a zero diagonal."""
    n, m = float(sides[:, 0].sum()), float((1 - sides[:, 0]).sum())
    # sᵀKs, sᵀK(1-s) and (1-s)ᵀK(1-s) for all p assignments from one product (N, N)(N, p)
    reached = kernel @ sides
    own = (sides * reached).sum(axis=0)
    across = reached.sum(axis=0) - own
    rest = kernel.sum() - own - 2 * across
    return np.asarray(own / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * across / (n * m))
