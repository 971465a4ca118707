"""What mixup and CutMix share: the mixing weight, the partner of each item, and the check of a batch."""

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
        weight: weight λ of the item itself, in [0, 1]; its partner has 1 - λ.
        partners: (n,) positions, a permutation.

    Examples:
        >>> Mixing(0.75, torch.tensor([1, 0])).mix(torch.eye(2))
        tensor([[0.7500, 0.2500],
                [0.2500, 0.7500]])
    """

    weight: float
    partners: Tensor

    def mix(self, rows: Tensor) -> Tensor:
        """λ row + (1 - λ) partner, with gradients; integers are rounded.

        Args:
            rows: (n, ...), of any numeric dtype.

        Returns:
            (n, ...), of the same dtype.
        """
        others = rows[self.partners.to(rows.device)]
        if not rows.is_floating_point():
            return others.float().lerp_(rows.float(), self.weight).round_().to(rows.dtype)
        return torch.lerp(others, rows, self.weight)


def draw_mixing(n: int, alpha: float, generator: torch.Generator) -> Mixing:
    """Draw one weight from Beta(alpha, alpha) for the batch, as in the papers, and a random permutation of partners.

    Args:
        n: items in the batch.
        alpha: both parameters of the Beta distribution; with a smaller one weights are closer to 0 or 1.
        generator: source of the random numbers; one on the CPU is faster, since a GPU would have to be waited for.

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
    """Check that there is one row of floating-point targets per item.

    Args:
        x: (n, ...) items.
        y: (n, k) targets.
        owner: name of the function that they were given to, for the message.

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
            f"{y.dtype} instead; turn class codes into one-hot rows."
        )
