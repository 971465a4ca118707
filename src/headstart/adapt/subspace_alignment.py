"""Subspace alignment: principal components of both domains, those of the source turned towards those of the target.

    source x ↦ (x - μ_S) P_S P_Sᵀ P_T,   target x ↦ (x - μ_T) P_T,   with P (d, k) the first k principal directions.

Reference: Fernando, Habrard, Sebban & Tuytelaars, "Unsupervised Visual Domain Adaptation Using Subspace Alignment",
ICCV 2013.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.rows import check_domains, share_weights
from headstart.linear.affine import AffineMap
from headstart.params import check_number

__all__ = ["SubspaceAlignment"]

Array = NDArray[np.float64]


@dataclass
class SubspaceAlignment:
    """Subspace alignment.

    Args:
        components: k, default 40; fewer where a domain has a lower rank.
        shares: class shares of the target, for domains whose class shares differ; default: those of the source.

    Attributes:
        source_map_: the map of source rows, after fitting.
        target_map_: the map of target rows.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs = rng.normal(size=(50, 3)) * [3.0, 1.0, 0.1]
        >>> adapter = SubspaceAlignment(components=2).fit(xs, xs[:, [1, 0, 2]] + 5)      # two columns are swapped
        >>> adapter.transform_source(xs).shape, adapter.transform(xs + 5).shape
        ((50, 2), (50, 2))
    """

    components: int = 40
    shares: tuple[float, ...] | None = None
    source_map_: AffineMap = field(init=False, repr=False)
    target_map_: AffineMap = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:
        """Find both subspaces and align them.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: (n,) class codes of the source rows; needed with ``shares`` only.

        Raises:
            ParameterError: if shapes, codes or options are wrong.
            DataError: if a domain has fewer than two rows, or a value is not finite.
        """
        check_number(self.components, "components", "SubspaceAlignment", low=1, integer=True)
        source, target = check_domains(xs, xt, "SubspaceAlignment")
        weights = share_weights(ys, len(source), self.shares, "SubspaceAlignment")
        mean, own = _principal(source, weights, self.components)
        other_mean, other = _principal(target, np.full(len(target), 1 / len(target)), self.components)
        weight = own @ (own.T @ other)
        self.source_map_ = AffineMap(weight, -mean @ weight)
        self.target_map_ = AffineMap(other, -other_mean @ other)
        return self

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """Target rows (n, d) in the subspace of the target, (n, k).

        Args:
            x: (n, d) target rows, also new ones.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)

    def transform_source(self, x: ArrayLike) -> NDArray[Any]:
        """Source rows (n, d) in the aligned subspace, (n, k).

        Args:
            x: (n, d) source rows, also new ones.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.source_map_.apply(x)


def _principal(x: Array, weights: Array, components: int) -> tuple[Array, Array]:
    """The mean (d,) and the first principal directions (d, k)."""
    mean = weights @ x
    _, values, directions = np.linalg.svd((x - mean) * np.sqrt(weights)[:, None], full_matrices=False)
    rank = int((values > 1e-10 * values[0]).sum())
    return mean, directions[: max(1, min(components, rank))].T
