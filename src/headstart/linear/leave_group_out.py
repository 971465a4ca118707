"""Leave-one-group-out: residuals by a |B| x |B| system for a small group B, by an r x r refit for a large one.

With K = 1/Σw + Z (S²+λ)⁻¹ Zᵀ, the leave-group-out residuals e solve e = E + K_BB W_B e, which also holds for rows of
weight zero. The refit gives the same result (Woodbury's identity) and costs r³/3 for each λ, for any group size.

Reference: Woodbury, "Inverting Modified Matrices", Princeton 1950.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.linear.rotated import Rotated, resolvent
from headstart.linear.spectrum import Spectrum

__all__ = ["GroupBatch", "Refit", "Stack", "group_batches"]

Array = NDArray[np.float64]

# Entries of a temporary array of stacked blocks, at most: 64 MB.
STACK_NUMBERS = 8_000_000
# Number of λ that share the Gram matrix of a refit: the size of the default grid.
USUAL_LAMBDAS = 17


class GroupBatch(Protocol):
    """Complete groups whose leave-group-out residuals are computed together.

    `Stack` solves small groups of one size, `Refit` a single large group; `group_batches` picks the cheaper one.
    """

    @property
    def rows(self) -> slice:
        """Where the rows of these groups are."""

    def solve(self, lam: float, pull: Array) -> Array:
        """Leave-group-out residuals (rows, k) at λ, given the rows' ``pull``."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Groups of one size m, solved as a stack of m x m systems.

    Attributes:
        rows: where their rows are, group after group.
        size: m.
        rotated: all rows.
        spectrum: of the fit.

    Examples:
        >>> x, y = np.array([[0.0], [0.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [4.0], [6.0]])
        >>> from headstart.linear.rotated import rotate
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> rotated = rotate(spectrum, x, y, None, "leave_one_group_out")
        >>> Stack(slice(0, 4), 2, rotated, spectrum).solve(1e-6, rotated.pull(spectrum, 1e-6)).round(3).ravel()
        array([-1.,  1.,  2.,  4.])
    """

    rows: slice
    size: int
    rotated: Rotated
    spectrum: Spectrum

    def solve(self, lam: float, pull: Array) -> Array:
        """Leave-group-out residuals (rows, k) at λ, given the rows' ``pull``."""
        # z (groups, m, r) and weights (groups, 1, m), for one stacked solve
        z = self.rotated.z[self.rows].reshape(-1, self.size, self.rotated.z.shape[1])
        weights = self.rotated.weights[self.rows].reshape(-1, 1, self.size)
        if self.spectrum.interpolates and weights.all():
            # interpolation: I-H = λ Z G Zᵀ W and Y-F = λ Z G c, so λ cancels in (I-H_BB)⁻¹(Y_B-F_B)
            kernel = (z * resolvent(self.spectrum, lam)) @ z.swapaxes(1, 2)
            system, right = kernel * weights, pull
        else:
            kernel = (z / (self.spectrum.values + lam)) @ z.swapaxes(1, 2) + 1 / self.spectrum.weight
            # (I - K_BB W_B) e = E, with E = E₀ + λ Z G c
            system = np.eye(self.size) - kernel * weights
            right = self.rotated.residual[self.rows] + lam * pull
        right = right.reshape(len(z), self.size, -1)
        try:
            solved = np.linalg.solve(system, right)
        except np.linalg.LinAlgError:
            raise _undetermined(lam) from None
        return np.asarray(solved, dtype=np.float64).reshape(len(pull), -1)


@dataclass(frozen=True, eq=False)
class Refit:
    """One large group, predicted by a refit on the other rows.

    Attributes:
        rows: where its rows are.
        z: (m, r) its rows, centred on the mean of the other rows.
        targets: (m, k) its targets, centred on the mean of the other rows.
        scatter: (r, r) centred Gram matrix of the other rows.
        cross: (r, k) centred cross products of the other rows.

    Examples:
        >>> x, y = np.array([[0.0], [0.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [4.0], [6.0]])
        >>> from headstart.linear.rotated import rotate
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> rotated = rotate(spectrum, x, y, None, "leave_one_group_out")
        >>> Refit.without(slice(0, 2), rotated, spectrum).solve(1e-9, y[:2]).round(6).ravel()
        array([-1.,  1.])
    """

    rows: slice
    z: Array
    targets: Array
    scatter: Array
    cross: Array

    @classmethod
    def without(cls, rows: slice, rotated: Rotated, spectrum: Spectrum) -> Refit:
        """The refit without the group at ``rows``."""
        z, weights = rotated.z[rows], rotated.weights[rows]
        targets = rotated.targets[rows] - spectrum.target_mean
        rest = spectrum.weight - weights.sum()
        # all rows together are centred, so the sums of the other rows are minus those of the group
        mean, target_mean = -(weights @ z) / rest, -(weights @ targets) / rest
        root = np.sqrt(weights)[:, None]
        weighted = root * z
        # S² minus the group's Gram matrix, minus the shift of the mean: the other rows have a mean that is not 0
        scatter = np.diag(spectrum.values) - weighted.T @ weighted - np.outer(rest * mean, mean)
        cross = spectrum.cross - weighted.T @ (root * targets) - np.outer(rest * mean, target_mean)
        return cls(rows, z - mean, targets - target_mean, scatter, cross)

    def solve(self, lam: float, pull: Array) -> Array:  # noqa: ARG002 (one contract for all blocks)
        """Leave-group-out residuals (rows, k) at λ; ``pull`` is not used."""
        from scipy.linalg.lapack import dposv

        if not len(self.scatter):  # the rows do not vary, so only the mean of the others predicts
            return np.asarray(self.targets)
        system = self.scatter.T.copy(order="F")  # LAPACK's memory order; the matrix is symmetric
        system[np.diag_indices_from(system)] += lam
        _, coefficients, info = dposv(system, self.cross, overwrite_a=1)
        if info:
            raise _undetermined(lam)
        return np.asarray(self.targets - self.z @ coefficients)


def group_batches(spectrum: Spectrum, rotated: Rotated, sizes: NDArray[np.intp]) -> list[GroupBatch]:
    """Batches of complete groups that cover all groups of two or more rows.

    Args:
        spectrum: of the fit.
        rotated: rows ordered by the size of their group, then by group.
        sizes: (n,) the size of each row's group.

    Returns:
        The batches, each of the cheaper kind.

    Examples:
        >>> x, y = np.array([[0.0], [0.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [4.0], [6.0]])
        >>> from headstart.linear.rotated import rotate
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> rotated = rotate(spectrum, x, y, None, "leave_one_group_out")
        >>> batches = group_batches(spectrum, rotated, np.array([2, 2, 2, 2]))
        >>> [type(batch).__name__ for batch in batches]
        ['Refit', 'Refit']
    """
    rank = len(spectrum.values)
    found: list[GroupBatch] = []
    for size in np.unique(sizes[sizes > 1]).tolist():
        start, stop = np.searchsorted(sizes, [size, size + 1]).tolist()
        if _refit_is_cheaper(size, rank) and not spectrum.interpolates:
            found += [Refit.without(slice(i, i + size), rotated, spectrum) for i in range(start, stop, size)]
            continue
        step = size * max(1, STACK_NUMBERS // (size * (rank + size)))
        for i in range(start, stop, step):
            found.append(Stack(slice(i, min(i + step, stop)), size, rotated, spectrum))
    return found


def _refit_is_cheaper(size: int, rank: int) -> bool:
    # multiplications per λ; the Gram matrix of a refit is symmetric and computed once for all λ
    block = size**2 * rank + size**3 / 3
    refit = rank**3 / 6 + size * rank**2 / 2 / USUAL_LAMBDAS
    return refit < block


def _undetermined(lam: float) -> ParameterError:
    return ParameterError(
        f"leave_one_group_out cannot solve for λ={lam:g}: without one of the groups the fit is numerically singular; "
        "use a larger λ."
    )
