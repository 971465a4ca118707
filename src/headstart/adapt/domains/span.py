"""Normal distributions of two domains in the span of their rows, and maps between them.

With fewer rows than columns, covariances (d, d) have little more to say than the n + m directions of the rows, and a
multiple of the identity outside of them. So everything is computed in an orthonormal basis of this span.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.covariance import ledoit_wolf
from headstart.errors import DataError
from headstart.linear.checks import check_matrix

__all__ = ["SpanMap", "matching_map"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpanMap:
    """x ↦ μ' + D (c W Qᵀ + κ (z - c Qᵀ)), with z = (x - μ) / D and c = z Q.

    Attributes:
        mean: (d,) μ.
        new_mean: (d,) μ'.
        scale: (d,) D.
        weight: (r, r) W.
        basis: (d, r) Q with orthonormal columns; None for the identity.
        outside: κ, the factor of what is not in the span of Q.

    Examples:
        >>> basis = np.array([[1.0], [0.0]])
        >>> SpanMap(np.zeros(2), np.ones(2), np.ones(2), np.eye(1) * 3, basis, 0.5).apply([[1.0, 2.0]])
        array([[4., 2.]])
    """

    mean: Array
    new_mean: Array
    scale: Array
    weight: Array
    basis: Array | None = None
    outside: float = 0.0

    def apply(self, x: ArrayLike) -> NDArray[Any]:
        """The mapped rows (n, d) of rows (n, d); float32 rows stay float32."""
        rows = check_matrix(x, "x", "SpanMap.apply", columns=len(self.mean))
        z = (rows - self.mean) / self.scale
        if self.basis is None:
            mapped = z @ self.weight
        else:
            inside = z @ self.basis
            mapped = self.outside * z + (inside @ self.weight - self.outside * inside) @ self.basis.T
        return np.asarray(mapped * self.scale + self.new_mean, np.float32 if rows.dtype == np.float32 else np.float64)


def matching_map(
    xs: Array,
    weights: Array,
    xt: Array,
    between: Callable[[Array, Array], Array],
    *,
    shrinkage: float | None = None,
    identity: float = 0.0,
) -> SpanMap:
    """A map of source rows that gives them the mean of the target, and its covariance if ``between`` does.

    Columns are divided by their scale within the domains first, so that shrinkage does not depend on units.

    Args:
        xs: (n, d) source rows.
        weights: (n,) of sum 1.
        xt: (m, d) target rows.
        between: W (r, r) for the covariances (r, r) of source and target.
        shrinkage: s in (1 - s) C + s (tr C / d) I; None for that of Ledoit and Wolf.
        identity: multiple of the identity that is added to both covariances.

    Raises:
        DataError: if all rows of both domains are the same.

    Examples:
        >>> xs, xt = np.array([[0.0], [2.0]]), np.array([[0.0], [6.0]])
        >>> found = matching_map(xs, np.full(2, 0.5), xt, lambda own, other: np.sqrt(other / own), shrinkage=0.0)
        >>> found.apply(xs).round(6) + 0.0
        array([[0.],
               [6.]])
    """
    equal = np.full(len(xt), 1 / len(xt))
    mean, new_mean = weights @ xs, equal @ xt
    zs, zt = xs - mean, xt - new_mean
    scale = np.sqrt((weights @ zs**2 + equal @ zt**2) / 2)
    if not scale.any():
        raise DataError("Covariances of two domains need rows that differ. All rows of each domain are the same.")
    scale = np.where(scale > 0, scale, 1.0)
    zs, zt = zs / scale, zt / scale
    d = len(scale)
    basis = np.linalg.qr(np.concatenate([zs, zt]).T)[0] if len(zs) + len(zt) < d else None
    own, own_outside = _shrunk(zs, weights, basis, shrinkage, identity)
    other, other_outside = _shrunk(zt, equal, basis, shrinkage, identity)
    outside = float(np.sqrt(other_outside / own_outside)) if own_outside > 0 else 0.0
    return SpanMap(mean, new_mean, scale, between(own, other), basis, outside)


def _shrunk(
    z: Array, weights: Array, basis: Array | None, shrinkage: float | None, identity: float
) -> tuple[Array, float]:
    """The covariance in the span, and the variance of every direction outside of it."""
    d = z.shape[1]
    inside = z if basis is None else z @ basis
    part = ledoit_wolf(inside, weights, d) if shrinkage is None else shrinkage
    covariance = (inside * weights[:, None]).T @ inside
    added = part * float(np.trace(covariance)) / d + identity
    return (1 - part) * covariance + added * np.eye(len(covariance)), added
