"""Inputs of a body as pixels in [0, 255], which an attack can move, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import DataError

__all__ = ["Pixels", "drawn_generator"]

HIGH = 255.0


@dataclass(frozen=True, eq=False)
class Pixels:
    """A batch of arrays whose range [low, low + 255 unit] is that of pixels.

    Attributes:
        values: (n, ...) float32 in [0, 255].
        low: what 0 stands for.
        unit: what 1 stands for.

    Examples:
        >>> made = Pixels.of(torch.tensor([[0, 255]], dtype=torch.uint8), picture=True)
        >>> made.values, made.inputs(made.values + 1)
        (tensor([[  0., 255.]]), tensor([[  1., 256.]]))
        >>> made = Pixels.of(torch.tensor([[-1.0, 1.0]]), picture=False)
        >>> made.values.round(), made.inputs(made.values)
        (tensor([[  0., 255.]]), tensor([[-1.,  1.]]))
    """

    values: Tensor
    low: float
    unit: float

    @classmethod
    def of(cls, inputs: Tensor, *, picture: bool) -> Pixels:
        """The pixels of a batch.

        Args:
            inputs: (n, ...); of pictures, in [0, 255].
            picture: whether they are pictures; else the range is that of the batch.

        Raises:
            DataError: if they are no tensor of numbers.
        """
        if not isinstance(inputs, Tensor):
            raise DataError(
                f"The strategy 'adversarial' attacks arrays of numbers and texts. Got {type(inputs).__name__} as input "
                "of the body; use another strategy."
            )
        values = inputs.detach().float()
        if picture:
            return cls(values, 0.0, 1.0)
        low, high = float(values.min()), float(values.max())
        unit = (high - low) / HIGH or 1.0
        return cls(((values - low) / unit).clamp(0, HIGH), low, unit)

    def inputs(self, values: Tensor) -> Tensor:
        """What the body reads for pixels, with gradients."""
        return values if self.low == 0.0 and self.unit == 1.0 else self.low + self.unit * values


def drawn_generator() -> torch.Generator:
    """A generator whose seed is drawn from torch's own one, so that a resumed training draws the same.

    Examples:
        >>> with torch.random.fork_rng():
        ...     _ = torch.manual_seed(0)
        ...     drawn_generator().initial_seed() == drawn_generator().initial_seed()
        False
    """
    return torch.Generator().manual_seed(int(torch.randint(2**62, ())))
