"""Optimal transport: source rows move to the target rows that an entropic transport plan pairs them with.

The plan P minimises ⟨P, C⟩ + ε KL(P | a bᵀ) with marginals a and b, where C has squared distances divided by their
median. For a balanced plan the domains are centred first: this does not change the plan, and ε is then relative to the
spread of the rows, not to the distance of the domains. Sinkhorn's algorithm finds the potentials f and g of the plan,
in the log domain:

    f_i = -ε ln Σ_j b_j exp((g_j - C_ij) / ε),   g_j likewise;   P_ij = a_i b_j exp((f_i + g_j - C_ij) / ε).

A source row moves to the mean of the target rows with its weights in the plan (the barycentric mapping). This mean
depends on g alone, so it is defined for rows that were not in the plan too:

    x ↦ Σ_j w_j y_j / Σ_j w_j,   w_j = b_j exp((g_j - C(x, y_j)) / ε).

Plans match class shares. Where those of the domains differ, a balanced plan pairs rows of different classes; give the
target's ``shares``, or let the plan be unbalanced: its marginals then differ from a and b, which costs ``marginal``
times their KL divergence.

References: Courty, Flamary, Tuia & Rakotomamonjy, "Optimal Transport for Domain Adaptation", TPAMI 2017; Cuturi,
"Sinkhorn Distances", NIPS 2013; Chizat, Peyré, Schmitzer & Vialard, "Scaling Algorithms for Unbalanced Optimal
Transport Problems", Mathematics of Computation 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.rows import check_domains, draw, share_weights
from headstart.errors import DataError
from headstart.linear.affine import AffineMap, identity_map
from headstart.linear.checks import check_finite, check_matrix, chunks
from headstart.params import check_number

__all__ = ["OptimalTransport", "sinkhorn"]

Array = NDArray[np.float64]
STEPS = 5000  # of Sinkhorn's algorithm, at most
SAFE = 50.0  # potentials may differ by this many ε from those of a kernel: e^100 does not overflow
TOLERANCE = 1e-8  # largest change of a potential in the last step, in units of the median cost


def sinkhorn(a: Array, b: Array, cost: Array, epsilon: float, marginal: float = math.inf) -> tuple[Array, Array]:
    """The potentials f (n,) and g (m,) of the entropic transport plan, in the log domain.

    Args:
        a: (n,) weights of the source rows, of sum 1; a weight may be 0.
        b: (m,) positive weights of the target rows, of sum 1.
        cost: (n, m) costs C.
        epsilon: weight ε of the entropy, in units of the costs.
        marginal: weight of the KL divergence of the plan's marginals from a and b; default infinite, a balanced plan.

    Examples:
        >>> a = b = np.array([0.5, 0.5])
        >>> cost = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> f, g = sinkhorn(a, b, cost, 0.1)
        >>> plan = np.outer(a, b) * np.exp((f[:, None] + g - cost) / 0.1)
        >>> plan.round(3)
        array([[0.5, 0. ],
               [0. , 0.5]])
    """
    damping = 1.0 if math.isinf(marginal) else marginal / (marginal + epsilon)
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a), np.log(b)
    step, f, g = 0, np.zeros(len(a)), np.zeros(len(b))
    while step < STEPS:
        step += 1
        # an exact step in the log domain; its kernels, normalised by row, serve the steps that follow
        f0, g0 = f, g
        rows, row_sums = _normalised((g0 - cost) / epsilon + log_b)
        f = -epsilon * damping * row_sums
        columns, column_sums = _normalised(((f[:, None] - cost) / epsilon + log_a[:, None]).T)
        f_kernel, g = f, -epsilon * damping * column_sums
        moved = max(np.abs(f - f0).max(), np.abs(g - g0).max())
        # as long as the potentials are near those of the kernels, a step is two products, and nothing overflows
        while moved >= TOLERANCE and step < STEPS:
            if max(np.abs(f - f_kernel).max(), np.abs(g - g0).max(), moved) > SAFE * epsilon:
                break
            step, before = step + 1, f
            f = -epsilon * damping * (row_sums + np.log(rows @ np.exp((g - g0) / epsilon)))
            g = -epsilon * damping * (column_sums + np.log(columns @ np.exp((f - f_kernel) / epsilon)))
            moved = np.abs(f - before).max()
        if moved < TOLERANCE:
            break
    return f, g


def _normalised(logs: Array) -> tuple[Array, Array]:
    """Exponentials (n, m) of rows, each divided by its sum, and the logarithms (n,) of these sums."""
    top = logs.max(axis=1, keepdims=True)
    raised = np.exp(logs - top)
    total = raised.sum(axis=1, keepdims=True)
    return raised / total, (top + np.log(total))[:, 0]


def _log_sum_exp(rows: Array) -> Array:
    top = rows.max(axis=1)
    return np.asarray(top + np.log(np.exp(rows - top[:, None]).sum(axis=1)))


@dataclass
class OptimalTransport:
    """Optimal transport of source rows.

    Args:
        epsilon: ε, in units of the median squared distance, default 0.05: small enough to keep rows apart, and
            Sinkhorn's algorithm still converges in some hundred steps.
        marginal: for an unbalanced plan, the weight of the divergence of its marginals, in the same units; default
            infinite, a balanced plan.
        shares: class shares of the target, for domains whose class shares differ; default: those of the source.
        max_rows: above this number of rows, a random subset of a domain makes the plan, default 1,000.
        seed: of the subsets, default 0.

    Attributes:
        target_map_: the identity: target rows stay as they are.
        mass_: (n,) mass that the plan takes from each of its source rows, divided by the weight of the row: 1 in a
            balanced plan, up to what 5,000 steps leave. In an unbalanced one, rows without a counterpart have little,
            and may be weighted by it.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(40) % 2
        >>> xs = 4.0 * y[:, None] + rng.normal(size=(40, 2))
        >>> xt = xs @ [[0.0, 1.0], [1.0, 0.0]] + 10
        >>> mapped = OptimalTransport().fit(xs, xt).transform_source(xs)
        >>> [bool(abs(mapped[y == c].mean() - xt[y == c].mean()) < 0.5) for c in (0, 1)]
        [True, True]
    """

    epsilon: float = 0.05
    marginal: float = math.inf
    shares: tuple[float, ...] | None = None
    max_rows: int = 1000
    seed: int = 0
    target_map_: AffineMap = field(init=False, repr=False)
    mass_: Array = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:
        """Find the transport plan.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: (n,) class codes of the source rows; needed with ``shares`` only.

        Raises:
            ParameterError: if shapes, codes or options are wrong.
            DataError: if a domain has fewer than two rows, a value is not finite, or half of all distances are 0.
        """
        check_number(self.epsilon, "epsilon", "OptimalTransport", low=0, open_low=True)
        if not (isinstance(self.marginal, float) and self.marginal == math.inf):
            check_number(self.marginal, "marginal", "OptimalTransport", low=0, open_low=True)
        check_number(self.max_rows, "max_rows", "OptimalTransport", low=2, integer=True)
        source, target = check_domains(xs, xt, "OptimalTransport")
        weights = share_weights(ys, len(source), self.shares, "OptimalTransport")
        kept = draw(source, self.max_rows, self.seed)
        source, weights = source[kept], weights[kept] / weights[kept].sum()
        self._target = target[draw(target, self.max_rows, self.seed)]
        self.target_map_ = identity_map(source.shape[1])
        self._offset = self._target.mean(axis=0) - weights @ source if math.isinf(self.marginal) else np.zeros(1)
        cost = _squared_distances(source + self._offset, self._target)
        self._median = float(np.median(cost))
        if not self._median > 0:
            raise DataError("OptimalTransport needs rows that differ. Half of the distances between the domains are 0.")
        cost /= self._median
        b = np.full(len(self._target), 1 / len(self._target))
        f, self._potential = sinkhorn(weights, b, cost, self.epsilon, self.marginal)
        logs = (f[:, None] + self._potential - cost) / self.epsilon - math.log(len(b))
        self.mass_ = np.exp(_log_sum_exp(logs))
        return self

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """Target rows (n, d), as they are.

        Args:
            x: (n, d) target rows, also new ones.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)

    def transform_source(self, x: ArrayLike) -> NDArray[Any]:
        """Source rows (n, d), also new ones, moved to the target.

        Args:
            x: (n, d) source rows.

        Raises:
            ParameterError: if d is wrong.
            DataError: if a value is not finite.
        """
        rows = check_matrix(x, "x", "OptimalTransport", columns=self._target.shape[1])
        check_finite(rows)
        out = np.empty(rows.shape, np.float32 if rows.dtype == np.float32 else np.float64)
        for part in chunks(len(rows), 1024):
            cost = _squared_distances(rows[part] + self._offset, self._target) / self._median
            logs = (self._potential - cost) / self.epsilon
            pull = np.exp(logs - logs.max(axis=1, keepdims=True))
            out[part] = pull @ self._target / pull.sum(axis=1, keepdims=True)
        return out


def _squared_distances(a: Array, b: Array) -> Array:
    middle = b.mean(axis=0)
    a, b = a - middle, b - middle
    return np.asarray(np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0))
