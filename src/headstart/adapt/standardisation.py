"""Target standardisation: each domain by its own mean and scale, column by column.

    x ↦ (x - μ) / s,   with μ and s of the row's own domain.

It undoes a change of offset and scale of each feature, as AdaBN does inside a network. Where the class shares of the
domains differ, so do their means; with the target's shares, the source's moments are those of rows in these shares.

Reference: Li, Wang, Shi, Liu & Hou, "Revisiting Batch Normalization for Practical Domain Adaptation", ICLR Workshop
2017.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.rows import check_domains, share_weights
from headstart.linear.affine import AffineMap

__all__ = ["Standardisation"]

Array = NDArray[np.float64]


@dataclass
class Standardisation:
    """Target standardisation.

    Args:
        shares: class shares of the target, for domains whose class shares differ; default: those of the source.

    Attributes:
        source_map_: the map of source rows, after fitting.
        target_map_: the map of target rows.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs = rng.normal(size=(50, 2))
        >>> adapter = Standardisation().fit(xs, 3 * xs + 10)
        >>> bool(np.allclose(adapter.transform(3 * xs + 10), adapter.transform_source(xs)))
        True
    """

    shares: tuple[float, ...] | None = None
    source_map_: AffineMap = field(init=False, repr=False)
    target_map_: AffineMap = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:
        """Take mean and scale of both domains; a column without variation keeps its scale.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: (n,) class codes of the source rows; needed with ``shares`` only.

        Raises:
            ParameterError: if shapes, codes or shares are wrong.
            DataError: if a domain has fewer than two rows, or a value is not finite.
        """
        source, target = check_domains(xs, xt, "Standardisation")
        self.source_map_ = _standardising(source, share_weights(ys, len(source), self.shares, "Standardisation"))
        self.target_map_ = _standardising(target, np.full(len(target), 1 / len(target)))
        return self

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """Target rows (n, d) by the mean and scale of the target.

        Args:
            x: (n, d) target rows, also new ones.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)

    def transform_source(self, x: ArrayLike) -> NDArray[Any]:
        """Source rows (n, d) by the mean and scale of the source.

        Args:
            x: (n, d) source rows, also new ones.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.source_map_.apply(x)


def _standardising(x: Array, weights: Array) -> AffineMap:
    mean = weights @ x
    scale = np.sqrt(weights @ (x - mean) ** 2)
    # what rounding leaves of a constant column is no scale
    factors = 1 / np.where(scale > 1e-12 * np.abs(x).max(axis=0), scale, 1.0)
    return AffineMap(factors, -mean * factors)
