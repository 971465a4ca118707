"""uLSIF: importance weights of source rows by least squares, with exact leave-one-out in closed form.

The ratio of the target's density to the source's is modelled as w(x) = Σ_l θ_l k(x, c_l) with kernels k around target
rows c_l. Least squares gives

    θ = (H + λI)⁻¹ h,   H = mean over source rows of k(x) k(x)ᵀ,   h = mean over target rows of k(x).

Kernel width and λ are those of the least leave-one-out error ½ mean w(x_s)² - mean w(x_t), where a source row and a
target row are left out together.

Reference: Kanamori, Hido & Sugiyama, "A Least-Squares Approach to Direct Importance Estimation", JMLR 2009.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.rows import check_domains, draw
from headstart.adapt.domains.weights import checked_weights, effective_size, median_distance
from headstart.linear.affine import AffineMap, identity_map
from headstart.params import check_number

__all__ = ["ULSIF", "left_out_error"]

Array = NDArray[np.float64]


def left_out_error(source: Array, target: Array, lam: float) -> float:
    """The leave-one-out error of uLSIF at one λ, without refits.

    The i-th source row and the i-th target row are left out together, for i up to the smaller number of rows; negative
    coefficients count as 0, as in the paper.

    Args:
        source: (n, b) kernel values of source rows.
        target: (m, b) kernel values of target rows.
        lam: λ above 0.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> source, target = rng.random((20, 3)), rng.random((30, 3))
        >>> left_out_error(source, target, 1e-3) < left_out_error(source, target, 1e3)      # ratios of about 1, and 0
        True
    """
    n, m = len(source), len(target)
    k = min(n, m)
    own, other = source[:k].T, target[:k].T
    # H without row i is n/(n-1) (H - φφᵀ/n); the inverse follows by Sherman and Morrison
    b = source.T @ source / n + lam * (n - 1) / n * np.eye(source.shape[1])
    solved = np.linalg.solve(b, np.column_stack([target.mean(axis=0), own, other]))
    h, own_solved, other_solved = solved[:, :1], solved[:, 1 : k + 1], solved[:, k + 1 :]
    room = n - (own * own_solved).sum(axis=0)
    with_h = h + own_solved * (h.T @ own / room)
    with_target = other_solved + own_solved * ((other * own_solved).sum(axis=0) / room)
    theta = np.maximum((n - 1) / (n * (m - 1)) * (m * with_h - with_target), 0.0)
    ratio_source, ratio_target = (own * theta).sum(axis=0), (other * theta).sum(axis=0)
    return float((ratio_source**2).mean() / 2 - ratio_target.mean())


@dataclass
class ULSIF:
    """uLSIF; both domains stay as they are.

    Args:
        kernels: target rows that are centres of kernels, drawn at random; default 100.
        widths: widths of the kernels to choose from, in units of the median distance between the domains.
        lambdas: penalties to choose from.
        flatten: exponent of the ratios, 0 to 1; default 1. Smaller ones vary less.
        seed: of the draw, default 0.

    Attributes:
        weights: (n,) weights of the source rows, of mean 1, after fitting.
        effective: effective sample size of the weights.
        width: chosen width, in units of the rows.
        lam: chosen λ.
        target_map_: the identity.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(200, 1)), 0.5 + rng.normal(size=(100, 1))
        >>> weights = ULSIF().fit(xs, xt).weights
        >>> bool(weights[xs[:, 0] > 0.5].mean() > 2 * weights[xs[:, 0] < -0.5].mean())
        True
    """

    kernels: int = 100
    widths: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    lambdas: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    flatten: float = 1.0
    seed: int = 0
    weights: Array = field(init=False, repr=False)
    effective: float = field(init=False, repr=False)
    width: float = field(init=False, repr=False)
    lam: float = field(init=False, repr=False)
    target_map_: AffineMap = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Estimate the weights of the source rows.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: not used; the contract has it.

        Raises:
            ParameterError: if shapes or options are wrong.
            DataError: if a domain has fewer than two rows, a value is not finite, or the weights amount to fewer than a
                tenth of the rows.
        """
        check_number(self.kernels, "kernels", "ULSIF", low=1, integer=True)
        check_number(self.flatten, "flatten", "ULSIF", low=0, high=1)
        for name, values in (("widths", self.widths), ("lambdas", self.lambdas)):
            check_number(len(values), f"number of {name}", "ULSIF", low=1)
            for value in values:
                check_number(value, name, "ULSIF", low=0, open_low=True)
        source, target = check_domains(xs, xt, "ULSIF")
        rng = np.random.default_rng(self.seed)
        target = target[rng.permutation(len(target))]  # pairs that are left out together, and centres
        order = rng.permutation(len(source))
        centres = target[: self.kernels]
        unit = median_distance(source[draw(source, 1000, self.seed)], centres, "ULSIF")
        choices = []
        for width in self.widths:
            own, other = (_kernel(rows, centres, width * unit) for rows in (source, target))
            choices += [(left_out_error(own[order], other, lam), width * unit, lam) for lam in self.lambdas]
        _, self.width, self.lam = min(choices)
        own, other = (_kernel(rows, centres, self.width) for rows in (source, target))
        theta = np.linalg.solve(own.T @ own / len(own) + self.lam * np.eye(len(centres)), other.mean(axis=0))
        self.weights = checked_weights(own @ np.maximum(theta, 0.0), self.flatten, "ULSIF")
        self.effective = effective_size(self.weights)
        self.target_map_ = identity_map(source.shape[1])
        return self

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """Target rows (n, d), as they are.

        Args:
            x: (n, d) target rows.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)

    def transform_source(self, x: ArrayLike) -> NDArray[Any]:
        """Source rows (n, d), as they are: a head takes ``weights`` into account.

        Args:
            x: (n, d) source rows.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)


def _kernel(rows: Array, centres: Array, width: float) -> Array:
    middle = centres.mean(axis=0)
    a, b = rows - middle, centres - middle
    squared = np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
    return np.asarray(np.exp(-squared / (2 * width**2)))
