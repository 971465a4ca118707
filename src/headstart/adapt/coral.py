"""CORAL: source rows get the mean and the covariance of the target.

    x ↦ (x - μ_S) C_S^{-½} C_T^{½} + μ_T.

Columns are divided by their scale within the domains first. The covariances are shrunk; with fewer rows than columns
they have no inverse otherwise. Where the domains differ by more than such a map, CORAL can do harm: choose it by an
unlabelled score, never blindly.

Reference: Sun, Feng & Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016.
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

__all__ = ["Coral"]

Array = NDArray[np.float64]


@dataclass
class Coral:
    """CORAL.

    Args:
        shrinkage: s in (1 - s) C + s (tr C / d) I, 0 to 1; default: that of Ledoit and Wolf.
        identity: multiple of the identity that is added to both covariances, default 0; 1 without shrinkage is the
            paper's form, which fits columns of unit scale.
        shares: class shares of the target, for domains whose class shares differ; default: those of the source.

    Attributes:
        source_map_: the map of source rows, after fitting.
        target_map_: the identity: target rows stay as they are.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) @ [[2.0, 1.0], [0.0, 1.0]]
        >>> mapped = Coral(shrinkage=0.0).fit(xs, xt).transform_source(xs)
        >>> bool(np.allclose(np.cov(mapped.T), np.cov(xt.T)))
        True
    """

    shrinkage: float | None = None
    identity: float = 0.0
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
            check_number(self.shrinkage, "shrinkage", "Coral", low=0, high=1)
        check_number(self.identity, "identity", "Coral", low=0)
        source, target = check_domains(xs, xt, "Coral")
        weights = share_weights(ys, len(source), self.shares, "Coral")
        self.source_map_ = matching_map(
            source, weights, target, _whiten_and_colour, shrinkage=self.shrinkage, identity=self.identity
        )
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


def _whiten_and_colour(own: Array, other: Array) -> Array:
    return np.asarray(power(own, -0.5) @ power(other, 0.5))
