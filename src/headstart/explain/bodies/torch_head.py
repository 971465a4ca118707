"""A linear head in torch: the quantity that is explained, as a differentiable function of the body's blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headstart.explain.asking.query import Query
from headstart.heads.feature_map import FeatureMap

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["torch_quantity"]


def torch_quantity(query: Query) -> Callable[[Sequence[Tensor]], Tensor]:
    """A function of the source's blocks, (n, width) each, that gives the quantity (n,) in float64, with gradients.

    Args:
        query: of a model with a linear head.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart import fit
        >>> from headstart.explain.asking.contrast import contrast_of
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> query = Query(model, [0.2, 1.0], np.array([[0.2, 1.0]]), contrast_of(model.task, "left"))
        >>> found = torch_quantity(query)([torch.tensor([[0.2, 1.0]], dtype=torch.float64)])
        >>> bool(abs(float(found) - query.value) < 1e-6)
        True
    """
    import torch

    feature_map = query.model.head.feature_map
    direction, constant = torch.from_numpy(query.direction), query.constant

    def quantity(blocks: Sequence[Tensor]) -> Tensor:
        rows = torch.cat([block.double() for block in blocks], dim=1)
        found: Tensor = _map(feature_map, rows) @ direction + constant
        return found

    return quantity


def _map(feature_map: FeatureMap, rows: Tensor) -> Tensor:
    """`FeatureMap.__call__` in torch."""
    import torch
    from torch.nn.functional import normalize

    parts = [
        normalize(rows[:, start:stop], dim=1, eps=1e-300) if scaling == "unit_norm" else rows[:, start:stop]
        for (start, stop), scaling in zip(feature_map.blocks, feature_map.block_scalings, strict=True)
    ]
    joined = torch.cat(parts, dim=1)
    if feature_map.columns.size:
        joined = joined[:, torch.from_numpy(feature_map.columns)]
    if feature_map.shift.size:
        joined = joined - torch.from_numpy(feature_map.shift)
    return joined / torch.from_numpy(feature_map.scale) if feature_map.scale.size else joined
