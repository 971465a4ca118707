"""Recursive least squares: a ridge fit into which rows are taken, and out of which they are, without solving it again.

With A = X̃ᵀX̃ + λI and B = A⁻¹X̃ᵀỸ, b weighted rows change the centred sums by a matrix of rank b + 1:

    X̃ᵀX̃ ± UᵀU,   X̃ᵀỸ ± UᵀV,   U = (√w_i (x_i - μ_b); √(w w_b / w') (μ_b - μ)),   V alike of the targets,

where w' is the weight afterwards. So B' = B ± G (V - UB) with the gain G = A'⁻¹Uᵀ. One Cholesky factor of A is kept
with the changes since then; Woodbury's identity gives A⁻¹Uᵀ in O(d² b). After half as many changed rows as features
the factor is made anew from the moments, which are exact, so errors do not build up.

References: Plackett, "Some Theorems in Least Squares", Biometrika 1950; Woodbury, "Inverting Modified Matrices", 1950.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_lambdas
from headstart.linear.moments import Moments

__all__ = ["RidgeFactor"]

Array = NDArray[np.float64]

LEAST_CHANGES = 64  # changed rows after which a small factor is made anew


@dataclass(frozen=True, eq=False)
class RidgeFactor:
    """A ridge fit at one λ with what adding and removing rows needs.

    Attributes:
        moments: of the rows that are in the fit now.
        lam: the penalty λ.
        coefficients: (d, k) B.
        cholesky: (d, d) lower factor of A at the last factorisation.
        changes: (p, d) U of the changes since then.
        signs: (p,) 1 for rows that were added, -1 for rows that were removed.
        solved: (d, p) A⁻¹Uᵀ with A at the last factorisation.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [5.0]]), np.array([[0.0], [1.0], [2.0]])
        >>> fit = RidgeFactor.of(Moments.from_rows(x[:2], y[:2]), 0.5)
        >>> more = fit.added(x[2:], y[2:])
        >>> bool(np.allclose(more.coefficients, RidgeFactor.of(Moments.from_rows(x, y), 0.5).coefficients))
        True
        >>> bool(np.allclose(more.removed(x[2:], y[2:]).coefficients, fit.coefficients))
        True
    """

    moments: Moments
    lam: float
    coefficients: Array
    cholesky: Array
    changes: Array
    signs: Array
    solved: Array

    @classmethod
    def of(cls, moments: Moments, lam: float) -> Self:
        """Factor the fit of some rows.

        Args:
            moments: of the rows, of positive weight.
            lam: the penalty, above 0.

        Raises:
            ParameterError: if the penalty is not above 0, or so small that A is singular to rounding.

        Examples:
            >>> RidgeFactor.of(Moments.from_rows(np.eye(2), np.eye(2)), 1.0).coefficients
            array([[ 0.25, -0.25],
                   [-0.25,  0.25]])
        """
        from scipy.linalg import cho_solve

        (lam,) = check_lambdas([lam], "RidgeFactor.of", positive=True)
        d = moments.num_features
        whole = moments.scatter.copy()
        whole.flat[:: d + 1] += lam
        try:
            cholesky: Array = np.linalg.cholesky(whole).astype(np.float64, copy=False)
        except np.linalg.LinAlgError as error:
            raise ParameterError(
                f"A penalty of {lam:g} is too small beside the squares of the rows for a Cholesky factor; solve this "
                "fit from its spectrum."
            ) from error
        none = np.empty((0, d)), np.empty(0), np.empty((d, 0))
        return cls(moments, lam, cho_solve((cholesky, True), moments.cross), cholesky, *none)

    @property
    def intercept(self) -> Array:
        """(k,) b = ȳ - Bᵀμ."""
        return np.asarray(self.moments.target_mean - self.moments.mean @ self.coefficients)

    def with_targets(self, num_targets: int) -> Self:
        """The same fit with columns for new targets, which are zero for all rows so far.

        Args:
            num_targets: the new number of columns.

        Raises:
            ParameterError: if there are more columns already.

        Examples:
            >>> RidgeFactor.of(Moments.from_rows(np.eye(2), np.ones((2, 1))), 1.0).with_targets(3).coefficients.shape
            (2, 3)
        """
        moments = self.moments.with_targets(num_targets)
        new = num_targets - self.coefficients.shape[1]
        return replace(self, moments=moments, coefficients=np.pad(self.coefficients, ((0, 0), (0, new))))

    def added(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """The fit with further rows.

        Args:
            x: (b, d) rows.
            y: (b, k) targets.
            sample_weight: (b,) weights; default: ones.

        Raises:
            ParameterError: if shapes or weights are wrong.
            DataError: if a value is not finite.
        """
        batch = Moments.from_rows(x, y, sample_weight)
        return self._changed(batch, self.moments + batch, (x, y, sample_weight), 1.0)

    def removed(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """The fit without rows that are in it.

        Args:
            x: (b, d) rows.
            y: (b, k) their targets.
            sample_weight: (b,) their weights; default: ones.

        Raises:
            ParameterError: if shapes or weights are wrong, or these rows cannot be in the fit.
            DataError: if a value is not finite.
        """
        batch = Moments.from_rows(x, y, sample_weight)
        rest = self.moments - batch
        if not rest.w > 0:
            raise ParameterError("RidgeFactor.removed must leave a row of positive weight. Got all rows to remove.")
        return self._changed(batch, rest, (x, y, sample_weight), -1.0)

    def _changed(
        self, batch: Moments, moments: Moments, rows: tuple[ArrayLike, ArrayLike, ArrayLike | None], sign: float
    ) -> Self:
        if not batch.w:
            return replace(self, moments=moments)
        changes, targets = _low_rank(self.moments, batch, moments.w, rows)
        if len(self.signs) + len(changes) > max(LEAST_CHANGES, self.moments.num_features // 2):
            return type(self).of(moments, self.lam)
        from scipy.linalg import cho_solve

        solved: Array = cho_solve((self.cholesky, True), changes.T)
        gain = solved
        if len(self.signs):  # Woodbury: A⁻¹ of now from the A that was factored
            inner = np.diag(self.signs) + self.changes @ self.solved
            gain = solved - self.solved @ _solve(inner, self.changes @ solved)
        # (I ± UG)⁻¹ is symmetric
        gain = _solve(np.eye(len(changes)) + sign * changes @ gain, gain.T).T
        coefficients = self.coefficients + sign * gain @ (targets - changes @ self.coefficients)
        return replace(
            self, moments=moments, coefficients=coefficients,
            changes=np.concatenate([self.changes, changes]),
            signs=np.concatenate([self.signs, np.full(len(changes), sign)]),
            solved=np.concatenate([self.solved, solved], axis=1),
        )  # fmt: skip


def _solve(matrix: Array, right: Array) -> Array:
    return np.asarray(np.linalg.solve(matrix, right), np.float64)


def _low_rank(
    whole: Moments, batch: Moments, weight: float, rows: tuple[ArrayLike, ArrayLike, ArrayLike | None]
) -> tuple[Array, Array]:
    """U (b + 1, d) and V (b + 1, k), by which rows change the centred sums; ``weight`` is that of all rows after it."""
    x, y, given = rows
    scale = np.sqrt(np.ones(batch.n) if given is None else np.asarray(given, np.float64))[:, None]
    between = np.sqrt(whole.w * batch.w / weight)
    moved = between * ((batch.mean - whole.mean) + (batch.mean_tail - whole.mean_tail))
    target_moved = between * (
        (batch.target_mean - whole.target_mean) + (batch.target_mean_tail - whole.target_mean_tail)
    )
    return (
        np.concatenate([scale * (np.asarray(x, np.float64) - batch.mean), moved[None]]),
        np.concatenate([scale * (np.asarray(y, np.float64) - batch.target_mean), target_moved[None]]),
    )
