"""Kernel mean matching (KMM): importance weights with which the source rows have the mean embedding of the target.

    min over β of ½ βᵀKβ - κᵀβ,   0 ≤ β_i ≤ B,   |Σβ - n| ≤ n ε,

with K_ij = k(x_i, x_j) for source rows and κ_i = n/m Σ_j k(x_i, t_j) with target rows, k(a, b) = exp(-‖a - b‖² / 2h²).
It is solved by accelerated projected gradient steps.

Reference: Huang, Smola, Gretton, Borgwardt & Schölkopf, "Correcting Sample Selection Bias by Unlabeled Data", NIPS
2006.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.rows import check_domains, draw
from headstart.adapt.domains.weights import checked_weights, effective_size, median_distance
from headstart.linear.affine import AffineMap, identity_map
from headstart.linear.checks import chunks
from headstart.params import check_number

__all__ = ["KernelMeanMatching", "matched_weights"]

Array = NDArray[np.float64]
STEPS = 3000  # of the projected gradient, at most
TOLERANCE = 1e-7  # largest change of a weight in the last step


def matched_weights(kernel: Array, kappa: Array, bound: float, epsilon: float) -> Array:
    """The weights β (n,) of the quadratic programme.

    Args:
        kernel: (n, n) K, symmetric and positive semi-definite.
        kappa: (n,) κ.
        bound: B, above 0.
        epsilon: the share by which the sum of the weights may differ from n.

    Examples:
        >>> matched_weights(np.eye(2), np.array([0.5, 1.5]), bound=10.0, epsilon=0.5)
        array([0.5, 1.5])
    """
    n = len(kappa)
    rate = 1 / float(np.linalg.norm(kernel, 2))
    beta = ahead = np.full(n, min(1.0, bound))
    pace = 1.0
    for _ in range(STEPS):
        new = _projected(ahead - rate * (kernel @ ahead - kappa), bound, n * (1 - epsilon), n * (1 + epsilon))
        if (ahead - new) @ (new - beta) > 0:  # the momentum points uphill: start it again (O'Donoghue & Candès 2015)
            pace = 1.0
        following = (1 + math.sqrt(1 + 4 * pace**2)) / 2
        ahead = new + (pace - 1) / following * (new - beta)
        moved, beta, pace = float(np.abs(new - beta).max()), new, following
        if moved < TOLERANCE:
            break
    return beta


def _projected(beta: Array, bound: float, low: float, high: float) -> Array:
    """The nearest weights between 0 and the bound whose sum lies between low and high."""
    inside = beta.clip(0.0, bound)
    total = float(inside.sum())
    if low <= total <= high:
        return inside
    wanted = low if total < low else high
    # the sum falls as the shift grows: bisection
    left, right = float(beta.min()) - bound, float(beta.max())
    for _ in range(60):
        middle = (left + right) / 2
        left, right = (middle, right) if float((beta - middle).clip(0.0, bound).sum()) > wanted else (left, middle)
    return np.asarray((beta - right).clip(0.0, bound))


@dataclass
class KernelMeanMatching:
    """Kernel mean matching; both domains stay as they are.

    Args:
        bound: B, the largest weight before they are divided by their mean; default 1000.
        epsilon: the share by which the sum of the weights may differ from n; default (√n - 1) / √n, as in the paper.
        width: h, in units of the median distance between the domains; default 1.
        flatten: exponent of the weights, 0 to 1; default 1. Smaller ones vary less.
        max_rows: source rows that are matched at once, default 1,000; more are matched in random parts of that size.
        seed: of the parts, default 0.

    Attributes:
        weights: (n,) weights of the source rows, of mean 1, after fitting.
        effective: effective sample size of the weights.
        target_map_: the identity.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(100, 1)), 0.5 + rng.normal(size=(100, 1))
        >>> weights = KernelMeanMatching().fit(xs, xt).weights
        >>> round(float(weights @ xs[:, 0] / 100), 1), round(float(xt.mean()), 1)
        (0.4, 0.4)
    """

    bound: float = 1000.0
    epsilon: float | None = None
    width: float = 1.0
    flatten: float = 1.0
    max_rows: int = 1000
    seed: int = 0
    weights: Array = field(init=False, repr=False)
    effective: float = field(init=False, repr=False)
    target_map_: AffineMap = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Find the weights of the source rows.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: not used; the contract has it.

        Raises:
            ParameterError: if shapes or options are wrong.
            DataError: if a domain has fewer than two rows, a value is not finite, or the weights amount to fewer than a
                tenth of the rows.
        """
        owner = "KernelMeanMatching"
        check_number(self.bound, "bound", owner, low=0, open_low=True)
        check_number(self.width, "width", owner, low=0, open_low=True)
        check_number(self.flatten, "flatten", owner, low=0, high=1)
        check_number(self.max_rows, "max_rows", owner, low=2, integer=True)
        if self.epsilon is not None:
            check_number(self.epsilon, "epsilon", owner, low=0)
        source, target = check_domains(xs, xt, owner)
        own, other = (rows[draw(rows, 1000, self.seed)] for rows in (source, target))
        h = self.width * median_distance(own, other, owner)
        raw = np.empty(len(source))
        order = np.random.default_rng(self.seed).permutation(len(source))
        for part in np.array_split(order, math.ceil(len(source) / self.max_rows)):
            rows, n = source[part], len(part)
            reached = sum((_kernel(rows, target[one], h).sum(axis=1) for one in chunks(len(target))), np.zeros(n))
            epsilon = (math.sqrt(n) - 1) / math.sqrt(n) if self.epsilon is None else self.epsilon
            raw[part] = matched_weights(_kernel(rows, rows, h), n / len(target) * reached, self.bound, epsilon)
        self.weights = checked_weights(raw, self.flatten, owner)
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


def _kernel(a: Array, b: Array, width: float) -> Array:
    middle = b.mean(axis=0)
    a, b = a - middle, b - middle
    squared = np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
    return np.asarray(np.exp(-squared / (2 * width**2)))
