"""LDA without a row, or without a group: discriminants that map ridge predictions of the same fit to scores.

With the within-class residuals W = Yᵀ(I-H)Y and the class counts c of the fit on all rows, LDA without rows of weights
Ω needs the inverse of W - EᵀΩẼ + ccᵀ/n, with the residuals E and the leave-out residuals Ẽ. For one row that is a
rank-one update of a single inverse, so scores of m new rows without each of n rows cost m·n·C.

References: Hastie, Tibshirani & Buja, "Flexible Discriminant Analysis by Optimal Scoring", JASA 1994; Sherman &
Morrison, Annals of Mathematical Statistics 1950.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from headstart.linear.spectrum import Spectrum
from headstart.types import group_codes

__all__ = ["GroupDiscriminants", "LDAWithout", "RowDiscriminants", "within_residuals"]

Array = NDArray[np.float64]

# A remaining share of a class's weight below this is rounding: no rows of the class are left.
NOTHING_LEFT = 1e-9


def within_residuals(spectrum: Spectrum, lam: float, present: NDArray[np.bool_]) -> Array:
    """W = Yᵀ(I-H)Y (C, C): the least-squares residual (zero if it interpolates) plus a part due to λ.

    Args:
        spectrum: of the training rows, with one-hot targets.
        lam: the penalty λ.
        present: (k,) the C classes that have rows.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> within_residuals(Spectrum.from_rows(x, y), 0.0, np.array([True, True])).round(3)
        array([[ 0.059, -0.059],
               [-0.059,  0.059]])
    """
    cross = spectrum.cross[:, present]
    # Ỹᵀ(H₀ - H_λ)Ỹ = λ QᵀGQ with Q = VᵀX̃ᵀỸ and G = 1/(s²(s²+λ)): no cancellation as λ → 0
    within = lam * (cross.T / (spectrum.values * (spectrum.values + lam))) @ cross
    if not spectrum.interpolates:
        shares = spectrum.target_mean[present]
        within += spectrum.weight * (np.diag(shares) - np.outer(shares, shares)) - (cross.T / spectrum.values) @ cross
    return np.asarray(within)


@dataclass(frozen=True, eq=False)
class RowDiscriminants:
    """The discriminants without each of n rows, none of which is the last of its class.

    What depends on the penalty has a further axis in front where several penalties are asked for at once.

    Attributes:
        inverse: (C, C) of the fit on all rows.
        residuals: (n, C) leave-one-out ridge residuals ẽ.
        along: (n, C) ẽ times the inverse.
        kappa: (n, 1) the factor of the rank-one update.
        shares: (n, C) class shares of the other rows.
        total: (n, 1) weight of the other rows.
        offsets: (n, C) the part of the scores that does not depend on the row that is predicted.

    Examples:
        >>> y = np.eye(2)[[0, 0, 1, 1]]
        >>> within = np.array([[0.06, -0.06], [-0.06, 0.06]])
        >>> known = {"leverage": np.full(4, 0.5), "weights": np.ones(4)}
        >>> found = RowDiscriminants.of(within, y.sum(axis=0), y, predictions=y * 0.8 + 0.1, **known)
        >>> found.scores(y * 0.8 + 0.1).argmax(axis=1)
        array([0, 0, 1, 1])
    """

    inverse: Array
    residuals: Array
    along: Array
    kappa: Array
    shares: Array
    total: Array
    offsets: Array

    @classmethod
    def of(
        cls, within: Array, counts: Array, y: Array, *, predictions: Array, leverage: Array, weights: Array
    ) -> RowDiscriminants:
        """From W, the class counts, and the rows' one-hot labels, leave-one-out predictions, leverages and weights.

        W (L, C, C), predictions (L, n, C) and leverages (L, n) of L penalties give arrays with this axis first.
        """
        # (W + ccᵀ/n)⁻¹ once for all rows; each row then adds rank-one terms
        inverse = np.linalg.inv(within + np.outer(counts, counts) / counts.sum())
        residual, weight = y - predictions, weights[:, None]
        # removing a row subtracts w(1-h)·ẽẽᵀ from W, where ẽ is its leave-one-out residual
        keep = weights * (1 - leverage)
        along = residual @ inverse
        n = counts.sum() - weight
        shares = (counts - weight * y) / n
        with np.errstate(divide="ignore", invalid="ignore"):  # division by zero for the only row of a class
            # Sherman-Morrison: (A - kẽẽᵀ)⁻¹ = A⁻¹ + κ A⁻¹ẽẽᵀA⁻¹ with κ = k/(1 - kẽᵀA⁻¹ẽ), for all rows at once (n, 1)
            kappa = (keep / (1 - keep * (residual * along).sum(axis=-1)))[..., None]
            # A1 = c gives A⁻¹c = 1, so A⁻¹(c - wy)/(n-w) = (1 - wA⁻¹y)/(n-w); the rank-one part follows
            onto_shares = (1 - weight * (y @ inverse)) / n
            onto_shares += kappa * (along * shares).sum(axis=-1, keepdims=True) * along
            diagonal = np.diagonal(inverse, axis1=-2, axis2=-1)[..., None, :] + kappa * along**2
            offsets = np.log(shares) - 0.5 * (n * (diagonal - 2 * onto_shares) - 1 / shares)
        return cls(inverse, residual, along, kappa, shares, n, offsets)

    def scores(self, predictions: Array) -> Array:
        """Scores (n, C), one for each row, of its ridge prediction (n, C) by the fit without it; or (L, n, C)."""
        offset = predictions - self.shares
        mapped = offset @ self.inverse + self.kappa * (offset * self.along).sum(axis=-1, keepdims=True) * self.along
        return np.asarray(self.total * mapped + self.offsets)

    def scores_of_new(self, fitted: Array, kernel: Array) -> Array:
        """Scores (m, n, C) of m new rows by the fit without each of the n rows.

        Args:
            fitted: (m, C) ridge predictions of the fit on all rows.
            kernel: (m, n) κ, as from `headstart.linear.predictions_without.kernel_of`.
        """
        # f⁻ⁱ(x) = f(x) - κ_i(x) ẽ_i, so f⁻ⁱ(x) A⁻¹ = f(x) A⁻¹ - κ_i(x) along_i
        through = (self.along * self.shares).sum(axis=1) + kernel * (self.along * self.residuals).sum(axis=1)
        onto = self.kappa[:, 0] * (fitted @ self.along.T - through)
        constant = self.offsets - self.total * (self.shares @ self.inverse)
        moved = (self.total[:, 0] * (onto - kernel))[:, :, None] * self.along
        moved += constant
        moved += self.total * (fitted @ self.inverse)[:, None]
        return np.asarray(moved)


@dataclass(frozen=True, eq=False)
class GroupDiscriminants:
    """The discriminants without one group of rows, which may hold all rows of a class.

    Attributes:
        there: (C,) the classes that have other rows.
        inverse: of the other rows, for these classes.
        shares: their shares of the other rows.
        total: weight of the other rows.
        offsets: the part of the scores that does not depend on the row that is predicted.

    Examples:
        >>> y = np.eye(2)[[0, 0, 1, 1]]
        >>> within = np.array([[0.06, -0.06], [-0.06, 0.06]])
        >>> known = {"fitted": y[:2] * 0.9, "predictions": y[:2] * 0.8, "weights": np.ones(2)}
        >>> found = GroupDiscriminants.of(within, y.sum(axis=0), y[:2], **known)
        >>> found.scores(np.array([[0.9, 0.1]])).round(2)     # without the only two rows of the first class
        array([[ -inf, -0.86]])
    """

    there: NDArray[np.bool_]
    inverse: Array
    shares: Array
    total: float
    offsets: Array

    @classmethod
    def of(
        cls, within: Array, counts: Array, y: Array, *, fitted: Array, predictions: Array, weights: Array
    ) -> GroupDiscriminants:
        """From W, the class counts, and the group's labels, fitted and leave-out predictions, and weights."""
        rest = np.asarray(counts - weights @ y, dtype=np.float64)
        there = rest > NOTHING_LEFT * counts
        n = float(rest.sum())
        shares = np.asarray(rest[there] / n, dtype=np.float64)
        # W - EᵀΩẼ, with the residuals E of the fit and the leave-group-out residuals Ẽ
        without = within - (weights[:, None] * (y - fitted)).T @ (y - predictions)
        inverse = np.linalg.inv(without[np.ix_(there, there)] + np.outer(rest[there], rest[there]) / n)
        offsets = np.log(shares) - 0.5 * (n * np.diag(inverse) - 1 / shares)
        return cls(there, np.asarray(inverse, dtype=np.float64), shares, n, offsets)

    def scores(self, predictions: Array) -> Array:
        """Scores (m, C) of ridge predictions (m, C) by the fit without the group; minus infinity for absent classes."""
        scores = np.full(predictions.shape, -np.inf)
        scores[:, self.there] = self.total * (predictions[:, self.there] - self.shares) @ self.inverse + self.offsets
        return scores


@dataclass(frozen=True, eq=False)
class LDAWithout:
    """The LDA fits without each row, or without each group of rows.

    Attributes:
        within: (C, C) from `within_residuals`, for classes with rows.
        counts: (C,) weights of the rows, summed by class.
        targets: (n, C) one-hot targets.
        predictions: (n, C) leave-one-out (or leave-group-out) ridge predictions.
        fitted: (n, C) ridge predictions of the fit on all rows.
        leverage: (n,) h of each row.
        weights: (n,) weights of the rows.
        groups: (n,) codes 0 to G-1 of rows that are left out together; None if every row is its own group.

    Examples:
        >>> from headstart.linear.leave_out import fitted, leave_one_out
        >>> from headstart.linear.predictions_without import kernel_of
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> (left,) = leave_one_out(spectrum, x, y, [1.0])
        >>> within = within_residuals(spectrum, 1.0, np.array([True, True]))
        >>> without = LDAWithout(within, y.sum(axis=0), y, left.predictions, left.fitted, left.leverage, np.ones(4))
        >>> new = np.array([[2.0]])
        >>> without(fitted(spectrum, new, 1.0), kernel_of(spectrum, x, new, 1.0)).argmax(axis=2)
        array([[0, 0, 0, 0]])
    """

    within: Array
    counts: Array
    targets: Array
    predictions: Array
    fitted: Array
    leverage: Array
    weights: Array
    groups: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        """G, the number of fits."""
        return int(self._codes.max(initial=-1)) + 1

    def __call__(self, fitted: Array, kernel: Array) -> Array:
        """Log-posterior scores (m, G, C) of m new rows by each fit, up to a constant for each row and fit.

        Args:
            fitted: (m, C) ridge predictions of the fit on all rows.
            kernel: (m, n) κ, as from `headstart.linear.predictions_without.kernel_of`.
        """
        rows, found = self._singles
        if len(rows) == self.count:
            return found.scores_of_new(fitted, kernel)
        out = np.empty((len(fitted), self.count, fitted.shape[1]))
        if len(rows):
            out[:, self._codes[rows]] = found.scores_of_new(fitted, kernel[:, rows])
        for members, without in self._several:
            change = kernel[:, members] @ (self.targets - self.predictions)[members]
            out[:, self._codes[members[0]]] = without.scores(fitted - change)
        return out

    @property
    def last_of_class(self) -> NDArray[np.bool_]:
        """Rows (n,) whose class has no other rows outside of their group."""
        members = np.zeros((self.count, len(self.counts)))
        np.add.at(members, self._codes, self.weights[:, None] * self.targets)
        rest = (self.counts - members)[self._codes]
        return np.asarray(((rest - NOTHING_LEFT * self.counts) * self.targets).sum(axis=1) <= 0)

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        return group_codes(self.groups, len(self.targets))

    @cached_property
    def _in_one_update(self) -> NDArray[np.bool_]:
        """Rows (n,) that are a group alone and not the last of their class."""
        return np.asarray((np.bincount(self._codes)[self._codes] == 1) & ~self.last_of_class)

    @cached_property
    def _singles(self) -> tuple[NDArray[np.intp], RowDiscriminants]:
        rows = np.flatnonzero(self._in_one_update)
        found = RowDiscriminants.of(
            self.within, self.counts, self.targets[rows], predictions=self.predictions[rows],
            leverage=self.leverage[rows], weights=self.weights[rows],
        )  # fmt: skip
        return rows, found

    @cached_property
    def _several(self) -> list[tuple[NDArray[np.intp], GroupDiscriminants]]:
        others = np.flatnonzero(~self._in_one_update)
        order = others[np.argsort(self._codes[others], kind="stable")]
        parts = np.split(order, np.flatnonzero(np.diff(self._codes[order])) + 1) if len(order) else []
        return [(part, self._group(part)) for part in parts]

    def _group(self, rows: NDArray[np.intp]) -> GroupDiscriminants:
        return GroupDiscriminants.of(
            self.within, self.counts, self.targets[rows], fitted=self.fitted[rows],
            predictions=self.predictions[rows], weights=self.weights[rows],
        )  # fmt: skip
