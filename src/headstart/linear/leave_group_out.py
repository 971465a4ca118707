"""Leave-one-group-out: residuals by a |B| by |B| system for a small group, by an r by r refit for a large one.

With K = 1/Σw + Z (S²+λ)⁻¹ Zᵀ the residuals of a left-out group solve e = E + K_BB W_B e, which also holds for rows of
weight zero. The refit is the same by Woodbury's identity; it costs r³/3 for each λ, however large the group is.

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

# Numbers that a stack of equal blocks may have in a temporary: 64 MB.
STACK_NUMBERS = 8_000_000
# The refit's one Gram matrix is shared by as many λ as the default grid has.
USUAL_LAMBDAS = 17


class GroupBatch(Protocol):
    """Some whole groups whose left-out residuals are found together.

    `Stack` solves equal small groups, `Refit` one large group; `group_batches` says which is cheaper.
    """

    @property
    def rows(self) -> slice:
        """Where the rows of these groups stand."""

    def solve(self, lam: float, pull: Array) -> Array:
        """Left-out residuals (rows, k) at λ, given the rows' ``pull``."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Groups of one size m, solved at once.

    Attributes:
        rows: where their rows stand, group after group.
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
        """Left-out residuals (rows, k) at λ, given the rows' ``pull``."""
        # (groups, m, r), and weights (groups, 1, m): one stacked solve for all groups of a size
        z = self.rotated.z[self.rows].reshape(-1, self.size, self.rotated.z.shape[1])
        weights = self.rotated.weights[self.rows].reshape(-1, 1, self.size)
        if self.spectrum.interpolates:
            # I-H = λ Z G Zᵀ W and Y-F = λ Z G c: λ cancels
            kernel = (z * resolvent(self.spectrum, lam)) @ z.swapaxes(1, 2)
            system, right = kernel * weights, pull
        else:
            kernel = (z / (self.spectrum.values + lam)) @ z.swapaxes(1, 2) + 1 / self.spectrum.weight
            # e = E + K_BB W_B e, that is (I - K_BB W_B) e = E
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
    """One large group, predicted by the fit of the others.

    Attributes:
        rows: where its rows stand.
        z: (m, r) its rows, centred on the mean of the others.
        targets: (m, k) its targets, centred on the mean of the others.
        scatter: (r, r) centred Gram of the others.
        cross: (r, k) centred cross products of the others.

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
        """The refit without the group that stands at ``rows``."""
        z, weights = rotated.z[rows], rotated.weights[rows]
        targets = rotated.targets[rows] - spectrum.target_mean
        rest = spectrum.weight - weights.sum()
        # the whole is centred, so the others' sums are minus the group's
        mean, target_mean = -(weights @ z) / rest, -(weights @ targets) / rest
        root = np.sqrt(weights)[:, None]
        weighted = root * z
        # S² less the group's Gram matrix, less what the shift of the mean adds (the others' mean is not 0)
        scatter = np.diag(spectrum.values) - weighted.T @ weighted - np.outer(rest * mean, mean)
        cross = spectrum.cross - weighted.T @ (root * targets) - np.outer(rest * mean, target_mean)
        return cls(rows, z - mean, targets - target_mean, scatter, cross)

    def solve(self, lam: float, pull: Array) -> Array:  # noqa: ARG002 (one contract for all blocks)
        """Left-out residuals (rows, k) at λ; the refit has no use for ``pull``."""
        from scipy.linalg.lapack import dposv

        system = self.scatter.T.copy(order="F")  # symmetric: a plain copy in the order of LAPACK
        system[np.diag_indices_from(system)] += lam
        _, coefficients, info = dposv(system, self.cross, overwrite_a=1)
        if info:
            raise _undetermined(lam)
        return np.asarray(self.targets - self.z @ coefficients)


def group_batches(spectrum: Spectrum, rotated: Rotated, sizes: NDArray[np.intp]) -> list[GroupBatch]:
    """Batches of whole groups that cover all rows of groups of two rows or more.

    Args:
        spectrum: of the fit.
        rotated: rows ordered by the size of their group, then by group.
        sizes: (n,) the size of each row's group.

    Returns:
        The batches, each with the cheaper way to solve it.

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
    # multiplications for each λ; the refit's one Gram matrix is symmetric
    block = size**2 * rank + size**3 / 3
    refit = rank**3 / 6 + size * rank**2 / 2 / USUAL_LAMBDAS
    return refit < block


def _undetermined(lam: float) -> ParameterError:
    return ParameterError(
        f"leave_one_group_out cannot solve for λ={lam:g}: without one of the groups the fit is not determined to "
        "rounding; take a larger λ."
    )
