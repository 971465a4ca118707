"""A linear map of a body's maps at one grid, as a module: each block is mapped first and resized after that.

Both are linear along different axes, so their order does not matter, and numbers of classes are fewer than channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import Forward
from headstart.sources.preprocessing.bilinear import resize_matrix

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["grid_map"]


def grid_map(
    body: nn.Module,
    forward: Forward,
    shapes: Sequence[tuple[int, int, int]],
    grid: tuple[int, int],
    *,
    weight: NDArray[np.float64],
    mean: NDArray[np.float64],
) -> nn.Module:
    """A module from pictures (n, height, width, 3) uint8 to (n, k, rows, columns).

    Args:
        body: the body.
        forward: of (body, pictures), which gives its blocks as (n, rows * columns * channels) each.
        shapes: (rows, columns, channels) of each block.
        grid: (rows, columns) wanted.
        weight: (sum of channels, k).
        mean: (sum of channels,) what is subtracted before.

    Examples:
        >>> import torch
        >>> made = grid_map(
        ...     torch.nn.Identity(), lambda body, x: [x[..., :1].float().flatten(1)], [(2, 2, 1)], (4, 4),
        ...     weight=np.ones((1, 1)), mean=np.ones(1),
        ... )
        >>> made(torch.full((1, 2, 2, 3), 5, dtype=torch.uint8))[0, 0, 0]
        tensor([4., 4., 4., 4.])
    """
    made: nn.Module = _module_class()(body, forward, shapes, grid, weight=weight, mean=mean)
    return made.eval()


@cache
def _module_class() -> Any:
    import torch

    class GridMap(torch.nn.Module):
        """Body, linear map and resizing."""

        def __init__(
            self, body: nn.Module, forward: Forward, shapes: Sequence[tuple[int, int, int]], grid: tuple[int, int],
            *, weight: NDArray[np.float64], mean: NDArray[np.float64],
        ) -> None:  # fmt: skip
            super().__init__()
            self.body, self.run, self.shapes, self.grid = body, forward, list(shapes), grid
            ends = np.cumsum([shape[2] for shape in shapes])[:-1]
            for k, (own, middle) in enumerate(zip(np.split(weight, ends), np.split(mean, ends), strict=True)):
                self.register_buffer(f"weight_{k}", torch.from_numpy(own.astype(np.float32)))
                self.register_buffer(f"mean_{k}", torch.from_numpy(middle.astype(np.float32)))
            for k, (rows, columns, _) in enumerate(shapes):
                self.register_buffer(f"down_{k}", torch.from_numpy(resize_matrix(rows, grid[0]).copy()))
                self.register_buffer(f"across_{k}", torch.from_numpy(resize_matrix(columns, grid[1]).T.copy()))

        def forward(self, pictures: Tensor) -> Tensor:
            total: Any = 0
            for k, (block, shape) in enumerate(zip(self.run(self.body, pictures), self.shapes, strict=True)):
                cells = block.float().reshape(-1, *shape) - self.get_buffer(f"mean_{k}")
                mapped = (cells @ self.get_buffer(f"weight_{k}")).permute(0, 3, 1, 2)
                if shape[:2] != self.grid:
                    mapped = self.get_buffer(f"down_{k}") @ mapped @ self.get_buffer(f"across_{k}")
                total = total + mapped
            found: Tensor = total
            return found

    return GridMap
