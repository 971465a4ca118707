"""Which items of a batch are mixed with which, and how much of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from headstart.errors import DataError
from headstart.params import check_number

__all__ = [
    "Mixing",
    "check_batch",
    "draw_mixing",
]


@dataclass(frozen=True, eq=False)
class Mixing:
    """Item i is mixed with item ``partners[i]`` of the same batch.

    Attributes:
        weight: share of the item itself, in [0, 1]; the partner has the rest.
        partners: (n,) positions, each once.

    Examples:
        >>> Mixing(0.75, torch.tensor([1, 0])).mix(torch.eye(2))
        tensor([[0.7500, 0.2500],
                [0.2500, 0.7500]])
    """

    weight: float
    partners: Tensor

    def mix(self, rows: Tensor) -> Tensor:
        """Each row by its weight and its partner by the rest, with gradients; whole numbers are rounded.

        Args:
            rows: (n, ...) of any type of numbers.
        """
        others = rows[self.partners.to(rows.device)]
        if not rows.is_floating_point():
            return others.float().lerp_(rows.float(), self.weight).round_().to(rows.dtype)
        return torch.lerp(others, rows, self.weight)


def draw_mixing(n: int, alpha: float, generator: torch.Generator) -> Mixing:
    """A weight from Beta(alpha, alpha), one for the whole batch as in the papers, and a random order of partners.

    Args:
        n: items in the batch.
        alpha: both parameters of the Beta distribution; the smaller, the closer weights are to 0 or 1.
        generator: what is drawn from; best one on the CPU, as drawing on an accelerator waits for it.

    Raises:
        ParameterError: if ``alpha`` is not above 0.

    Examples:
        >>> drawn = draw_mixing(3, 0.2, torch.Generator().manual_seed(0))
        >>> 0 <= drawn.weight <= 1, sorted(drawn.partners.tolist())
        (True, [0, 1, 2])
    """
    check_number(alpha, "alpha", "draw_mixing", low=0, open_low=True)
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    weight = float(np.random.default_rng(int(seed)).beta(alpha, alpha))  # torch's own Beta takes no generator
    return Mixing(weight, torch.randperm(n, generator=generator, device=generator.device))


def check_batch(x: Tensor, y: Tensor, owner: str) -> None:
    """Raise unless there is a row of floating-point targets for each item.

    Args:
        x: (n, ...) items.
        y: (n, k) targets.
        owner: the function that they were given to.

    Raises:
        DataError: if they do not match.

    Examples:
        >>> check_batch(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), "mixup")
        Traceback (most recent call last):
        headstart.errors.DataError: mixup needs a row of targets (n, k), float, for each of 2 items. Got (2,) of ...
    """
    if y.ndim != 2 or len(y) != len(x) or not y.is_floating_point():
        raise DataError(
            f"{owner} needs a row of targets (n, k), float, for each of {len(x)} items. Got {tuple(y.shape)} of "
            f"{y.dtype} instead; make one-hot rows of class codes."
        )
