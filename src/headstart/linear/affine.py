"""Affine maps of rows: a matrix or a factor for each column, and an offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_matrix

__all__ = ["AffineMap", "identity_map"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x ↦ x W + b.

    Attributes:
        weight: (d, k) matrix W, or (d,) factors, one for each column.
        bias: (k,) offset b; (d,) with factors.

    Raises:
        ParameterError: if shapes do not fit together, or a number is not finite.

    Examples:
        >>> AffineMap(np.array([2.0, 1.0]), np.array([0.0, 1.0])).apply([[1.0, 1.0]])
        array([[2., 2.]])
    """

    weight: Array
    bias: Array

    def __post_init__(self) -> None:
        shapes = np.shape(self.weight), np.shape(self.bias)
        if len(shapes[0]) not in (1, 2) or shapes[1] != shapes[0][-1:]:
            raise ParameterError(
                "An AffineMap needs a weight (d, k) with a bias (k,), or (d,) with (d,). "
                f"Got {shapes[0]} and {shapes[1]}."
            )
        if not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise ParameterError("An AffineMap needs finite numbers. Its weight or bias holds a NaN or an infinity.")

    @property
    def inputs(self) -> int:
        """The number d of columns of the rows that it maps."""
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        """The number k of columns of the mapped rows."""
        return int(self.bias.shape[0])

    def apply(self, x: ArrayLike) -> NDArray[Any]:
        """The mapped rows (n, k) of rows (n, d); float32 rows stay float32.

        Args:
            x: (n, d) rows.

        Raises:
            ParameterError: if d is wrong.
        """
        rows = check_matrix(x, "x", "AffineMap.apply", columns=self.inputs)
        kind: Any = np.float32 if rows.dtype == np.float32 else np.float64
        rows, weight, bias = (np.asarray(one, dtype=kind) for one in (rows, self.weight, self.bias))
        mapped: NDArray[Any] = rows * weight if weight.ndim == 1 else rows @ weight
        mapped += bias
        return mapped


def identity_map(d: int) -> AffineMap:
    """The map that changes nothing.

    Args:
        d: the number of columns.

    Examples:
        >>> identity_map(2).apply([[3.0, 4.0]])
        array([[3., 4.]])
    """
    return AffineMap(np.ones(d), np.zeros(d))
