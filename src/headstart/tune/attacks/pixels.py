"""Convert inputs of a body to pixels in [0, 255], which an attack can perturb, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import DataError

__all__ = ["Pixels", "drawn_generator"]

HIGH = 255.0


@dataclass(frozen=True, eq=False)
class Pixels:
    """A batch of inputs as pixels: input = low + unit · pixel.

    Attributes:
        values: (n, ...) float32 pixels in [0, 255].
        low: the input for pixel 0.
        unit: the difference of inputs for one unit of pixels.

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
            inputs: (n, ...); pictures must be in [0, 255].
            picture: whether they are pictures; otherwise the range of the batch is mapped to [0, 255].

        Raises:
            DataError: if ``inputs`` is not a tensor.
        """
        if not isinstance(inputs, Tensor):
            raise DataError(
                f"The strategy 'adversarial' needs numeric arrays or texts. Got {type(inputs).__name__} as input of "
                "the body; use another strategy."
            )
        values = inputs.detach().float()
        if picture:
            return cls(values, 0.0, 1.0)
        low, high = float(values.min()), float(values.max())
        unit = (high - low) / HIGH or 1.0
        return cls(((values - low) / unit).clamp(0, HIGH), low, unit)

    def inputs(self, values: Tensor) -> Tensor:
        """The inputs of the body (n, ...) for pixels (n, ...), with gradients."""
        return values if self.low == 0.0 and self.unit == 1.0 else self.low + self.unit * values


def drawn_generator() -> torch.Generator:
    """A generator seeded from torch's global one, which the loop seeds per step, so a resumed training draws the same.

    Examples:
        >>> with torch.random.fork_rng():
        ...     _ = torch.manual_seed(0)
        ...     drawn_generator().initial_seed() == drawn_generator().initial_seed()
        False
    """
    return torch.Generator().manual_seed(int(torch.randint(2**62, ())))
