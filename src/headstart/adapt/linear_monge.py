"""Linear Monge mapping: the optimal transport between two normal distributions, in closed form.

    x ↦ (x - μ_S) A + μ_T,   A = C_S^{-½} (C_S^{½} C_T C_S^{½})^{½} C_S^{-½}.

Like CORAL it gives source rows the target's mean and covariance. Of all linear maps that do, it moves the rows least,
in columns that are divided by their scale within the domains. The covariances are shrunk.

References: Knott & Smith, "On the Optimal Mapping of Distributions", Journal of Optimization Theory and Applications
1984; Flamary, Lounici & Ferrari, "Concentration Bounds for Linear Monge Mapping Estimation and Optimal Transport Domain
Adaptation", 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.covariance import power
from headstart.adapt.domains.rows import check_domains, share_weights
from headstart.adapt.domains.span import SpanMap, matching_map
from headstart.linear.affine import AffineMap, identity_map
from headstart.params import check_number

__all__ = ["LinearMonge"]

Array = NDArray[np.float64]


@dataclass
class LinearMonge:
    """Linear Monge mapping.

    Args:
        shrinkage: s in (1 - s) C + s (tr C / d) I, 0 to 1; default: that of Ledoit and Wolf.
        shares: class shares of the target, for domains whose class shares differ; default: those of the source.

    Attributes:
        source_map_: the map of source rows, after fitting.
        target_map_: the identity: target rows stay as they are.

    Examples:
        >>> xs = np.random.default_rng(0).normal(size=(100, 2))
        >>> adapter = LinearMonge(shrinkage=0.0).fit(xs, xs * [2.0, 0.5] + 1)
        >>> bool(np.allclose(adapter.transform_source(xs), xs * [2.0, 0.5] + 1, atol=0.2))
        True
    """

    shrinkage: float | None = None
    shares: tuple[float, ...] | None = None
    source_map_: SpanMap = field(init=False, repr=False)
    target_map_: AffineMap = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:
        """Fit the map of source rows.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: (n,) class codes of the source rows; needed with ``shares`` only.

        Raises:
            ParameterError: if shapes, codes or options are wrong.
            DataError: if a domain has fewer than two rows that differ, or a value is not finite.
        """
        if self.shrinkage is not None:
            check_number(self.shrinkage, "shrinkage", "LinearMonge", low=0, high=1)
        source, target = check_domains(xs, xt, "LinearMonge")
        weights = share_weights(ys, len(source), self.shares, "LinearMonge")
        self.source_map_ = matching_map(source, weights, target, _transport, shrinkage=self.shrinkage)
        self.target_map_ = identity_map(source.shape[1])
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
        """Source rows (n, d) with the mean and covariance of the target.

        Args:
            x: (n, d) source rows, also new ones.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.source_map_.apply(x)


def _transport(own: Array, other: Array) -> Array:
    root, inverse = power(own, 0.5), power(own, -0.5)
    return np.asarray(inverse @ power(root @ other @ root, 0.5) @ inverse)
