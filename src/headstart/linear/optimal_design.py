"""I-optimal design: the rows whose labels lower the mean predictive variance of a ridge fit most, one after another.

With unit noise the fitted value at z has the variance k(z, z), and a label at x lowers it by k(z, x)² / (1 + k(x, x)),

    k(z, x) = 1/Σw + (z-μ)ᵀ (X̃ᵀX̃ + λ)⁻¹ (x-μ) = φ(z)ᵀφ(x),

whatever the label is. After each choice k is downdated (Sherman & Morrison 1950),
k(z, x) - k(z, x*) k(x*, x) / (1 + k(x*, x*)), so that what is like a chosen row counts less: the choice is spread by
construction. The sums over the reference rows,
Σ_z w(z) k(z, x)², are downdated with it, so a step costs O(n r) and no n x n matrix is formed.

References: Fedorov, "Theory of Optimal Experiments", 1972 (I-optimality, there called Q); Cohn, Ghahramani & Jordan,
"Active Learning with Statistical Models", JAIR 1996; Yu, Bi & Tresp, "Active Learning via Transductive Experimental
Design", ICML 2006 (sequential, regularised).

Command: headstart suggest RUN UNLABELLED
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_matrix
from headstart.linear.moments import Moments
from headstart.params import check_number

__all__ = ["Design", "VarianceFactor", "greedy_design"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VarianceFactor:
    """φ, the square root of the predictive variance of a ridge fit.

    Attributes:
        mean: (d,) weighted mean μ of the training rows.
        root: (d, d) lower Cholesky factor L of X̃ᵀX̃ + λ.
        weight: Σw.

    Examples:
        >>> moments = Moments.from_rows(np.array([[0.0], [2.0]]), np.zeros((2, 1)))
        >>> phi = VarianceFactor.of(moments, lam=2.0)(np.array([[1.0], [3.0]]))
        >>> (phi @ phi.T).round(3)          # 1/2 + (z - 1)(x - 1) / (2 + 2)
        array([[0.5, 0.5],
               [0.5, 1.5]])
    """

    mean: Array
    root: Array
    weight: float

    @classmethod
    def of(cls, moments: Moments, lam: float) -> VarianceFactor:
        """The factor for the fit on these moments.

        Args:
            moments: of the training rows.
            lam: the penalty, above 0.

        Raises:
            ParameterError: if ``lam`` is not above 0, or there are no rows.
        """
        check_number(lam, "lam", "VarianceFactor.of", low=0.0, open_low=True)
        if not moments.w > 0:
            raise ParameterError(f"VarianceFactor needs rows of positive weight. Got {moments.n} rows of weight 0.")
        system = moments.scatter.copy()
        system[np.diag_indices_from(system)] += lam
        return cls(moments.mean, np.asarray(np.linalg.cholesky(system), np.float64), moments.w)

    def __call__(self, x: ArrayLike) -> Array:
        """φ(x) = (1/√Σw, L⁻¹(x-μ)), (n, 1 + d), for rows (n, d)."""
        from scipy.linalg import solve_triangular

        rows = check_matrix(x, "x", "VarianceFactor", columns=len(self.mean))
        out = np.empty((len(rows), 1 + len(self.mean)))
        out[:, 0] = 1 / np.sqrt(self.weight)
        out[:, 1:] = solve_triangular(self.root, (rows - self.mean).T, lower=True, overwrite_b=True).T
        return out


@dataclass(frozen=True, eq=False)
class Design:
    """The chosen rows, in the order of the choice.

    Attributes:
        index: (m,) positions among the candidates; fewer than asked for if the limits leave no more.
        reduction: (m,) the fall of the weighted mean variance of the reference rows by each choice.
        before: the weighted mean variance before the first choice.

    Examples:
        >>> Design(np.array([3, 1]), np.array([0.4, 0.1]), 1.0).share
        0.5
    """

    index: NDArray[np.intp]
    reduction: Array
    before: float

    @property
    def share(self) -> float:
        """The share of the variance that all choices remove."""
        return float(self.reduction.sum() / self.before) if self.before > 0 else 0.0


def greedy_design(
    candidates: ArrayLike,
    count: int,
    *,
    reference: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    preference: ArrayLike | None = None,
    limits: Sequence[tuple[NDArray[np.integer], int]] = (),
    closes: Callable[[int], NDArray[np.bool_]] | None = None,
) -> Design:
    """Choose candidates one after another, each the one with the largest fall of the mean variance that is left.

    Args:
        candidates: (n, r) φ of the rows to choose from.
        count: m, how many to choose.
        reference: (q, r) φ of the rows whose variance counts; default: the candidates.
        weights: (q,) weights of the reference rows; default: equal.
        preference: (n,) factors of 0 or more by which each candidate's fall is multiplied for the choice; default: 1.
        limits: pairs of codes (n,) and the most choices with one code, such as groups.
        closes: gives for a chosen position the candidates (n,) that may not be chosen after it, such as its copies.

    Returns:
        The chosen candidates.

    Raises:
        ParameterError: if shapes do not fit, or ``count`` is not a positive integer.

    Examples:
        >>> rows = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 0.9]])
        >>> greedy_design(rows, 2).index        # the second row is like the first
        array([1, 2])
    """
    check_number(count, "count", "greedy_design", low=1, integer=True)
    phi = check_matrix(candidates, "candidates", "greedy_design").astype(np.float64)
    others = phi if reference is None else check_matrix(reference, "reference", "greedy_design", columns=phi.shape[1])
    mass = _sizes(weights, len(others), "weights")
    mass = mass / mass.sum() if mass.sum() > 0 else np.full(len(others), 1 / len(others))
    prefer = _sizes(preference, len(phi), "preference")
    weighted = others * mass[:, None]
    # G(x) = Σ_z w(z) k(z, x)² = φ(x)ᵀ (Σ w φφᵀ) φ(x)
    total = np.einsum("ij,ij->i", phi @ (weighted.T @ others), phi)
    variance = np.einsum("ij,ij->i", phi, phi)
    before = float(mass @ np.einsum("ij,ij->i", others, others))
    open_rows = np.ones(len(phi), dtype=bool)
    mine, theirs = np.empty((len(phi), 0)), np.empty((len(others), 0))
    index: list[int] = []
    falls: list[float] = []
    while len(index) < min(count, len(phi)) and open_rows.any():
        fall = total / (1 + variance)
        chosen = int(np.argmax(np.where(open_rows, fall * prefer, -np.inf)))
        index.append(chosen)
        falls.append(float(fall[chosen]))
        # c = k(·, x*) / √(1 + k(x*, x*)) under the k of this step, for candidates and for reference rows
        scale = np.sqrt(1 + variance[chosen])
        near = (phi @ phi[chosen] - mine @ mine[chosen]) / scale
        far = (others @ phi[chosen] - theirs @ mine[chosen]) / scale
        pull = mass * far
        shared = phi @ (others.T @ pull) - mine @ (theirs.T @ pull)  # Σ_z w(z) k(z, x) c(z)
        total = np.maximum(total - 2 * near * shared + near**2 * (pull @ far), 0.0)
        variance = np.maximum(variance - near**2, 0.0)
        mine, theirs = np.column_stack([mine, near]), np.column_stack([theirs, far])
        open_rows[chosen] = False
        _close(open_rows, index, limits)
        if closes is not None:
            open_rows &= ~closes(chosen)
    return Design(np.array(index, dtype=np.intp), np.array(falls), before)


def _sizes(values: ArrayLike | None, count: int, name: str) -> Array:
    found = np.ones(count) if values is None else np.asarray(values, np.float64)
    if found.shape != (count,) or not np.isfinite(found).all() or (found < 0).any():
        raise ParameterError(f"The '{name}' parameter of greedy_design must hold {count} numbers of 0 or more.")
    return found


def _close(
    open_rows: NDArray[np.bool_], index: Sequence[int], limits: Sequence[tuple[NDArray[np.integer], int]]
) -> None:
    """Close the candidates whose code has been chosen as often as it may."""
    for codes, most in limits:
        code = codes[index[-1]]
        if (codes[list(index)] == code).sum() >= most:
            open_rows[codes == code] = False
