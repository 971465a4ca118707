"""What the attacks share: the norm ball of allowed perturbations, and the gradient of the loss by the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from headstart.errors import DataError, ParameterError
from headstart.params import check_choice, check_number

__all__ = ["Ball", "LossFunction", "Norm", "input_gradient", "row_norms"]

LossFunction = Callable[[Tensor], Tensor]
Norm = Literal["linf", "l2"]

SLACK = 1e-6  # of the range: rounding may take mixed or resized pictures this far out of it


@dataclass(frozen=True)
class Ball:
    """The pictures within ``epsilon`` of a given one whose pixels have valid values.

    Attributes:
        epsilon: radius, in the units of the pixels.
        norm: ``"linf"``, the largest change of a pixel, or ``"l2"``, the Euclidean norm of the change of a picture.
        high: the largest valid pixel, 1 or 255; the smallest is 0.

    Raises:
        ParameterError: if the radius or the largest pixel is not a positive number, or there is no such norm.

    Examples:
        >>> Ball(0.1).project(torch.tensor([[0.5, 2.0]]), torch.tensor([[0.0, 0.95]]))
        tensor([[0.1000, 1.0000]])
    """

    epsilon: float
    norm: Norm = "linf"
    high: float = 1.0

    def __post_init__(self) -> None:
        check_number(self.epsilon, "epsilon", "an attack", low=0)
        check_number(self.high, "high", "an attack", low=0, open_low=True)
        check_choice(self.norm, "norm", "an attack", get_args(Norm))

    def project(self, moved: Tensor, x: Tensor) -> Tensor:
        """Project ``moved`` (n, ...) onto the ball around ``x`` (n, ...), then clip it to the valid range.

        Clipping brings each pixel closer to that of ``x``, which is valid, so the result stays in the ball.
        """
        change = moved - x
        if self.norm == "linf":
            change = change.clamp(-self.epsilon, self.epsilon)
        else:
            # δ · min(1, ε / ‖δ‖), without 0 / 0 where ε is 0
            change = change * (self.epsilon / row_norms(change).clamp_min(self.epsilon)) if self.epsilon else 0 * change
        return (x + change).clamp(0, self.high)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The direction (n, ...) of norm 1 in which the loss rises most; 0 for a picture whose gradient is 0."""
        if self.norm == "linf":
            return gradient.sign()
        return gradient / row_norms(gradient).clamp_min(torch.finfo(gradient.dtype).tiny)

    def random_start(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Pictures (n, ...) drawn uniformly from the ball around ``x``, then clipped to the valid range."""
        device = generator.device
        if self.norm == "linf":
            change = 2 * torch.rand(x.shape, generator=generator, device=device, dtype=x.dtype) - 1
        else:
            direction = torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype)
            shares = torch.rand((len(x), *[1] * (x.ndim - 1)), generator=generator, device=device, dtype=x.dtype)
            radius = shares ** (1 / max(x[0].numel(), 1))  # volume grows as r^d
            change = radius * self.steepest(direction)
        return self.project(x + self.epsilon * change.to(x.device), x)

    def check(self, x: Tensor) -> Tensor:
        """The pictures, detached from their computation graph.

        Raises:
            DataError: if ``x`` is not a batch of floating-point numbers in the valid range.
        """
        if not x.is_floating_point() or x.ndim < 2 or not len(x):
            raise DataError(
                "An attack needs a batch (n, ...) of pictures as floating-point numbers. Got "
                f"{tuple(x.shape)} of {x.dtype} instead; convert them by x.float()."
            )
        x = x.detach()
        low, high = float(x.min()), float(x.max())
        slack = SLACK * self.high
        if not (low >= -slack and high <= self.high + slack):
            raise DataError(
                f"The pixels given to an attack must be in [0, {self.high:g}]. Got values from {low:g} to {high:g}; "
                "give pictures before they are normalised, and set 'high' to 255 where pixels go up to it."
            )
        return x


def input_gradient(loss_fn: LossFunction, x: Tensor) -> Tensor:
    """The gradient (n, ...) of the loss by the pictures; gradients of parameters are neither computed nor changed.

    Args:
        loss_fn: returns the mean loss, or the losses (n,), of a batch of pictures.
        x: (n, ...) pictures.

    Raises:
        ParameterError: if the loss is not a differentiable function of the pictures.

    Examples:
        >>> input_gradient(lambda x: (x**2).sum(dim=1), torch.tensor([[1.0, 2.0]]))
        tensor([[2., 4.]])
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        loss = loss_fn(leaf).sum()
        found = torch.autograd.grad(loss, leaf, allow_unused=True)[0] if loss.requires_grad else None
    if found is None:
        raise ParameterError(
            "The 'loss_fn' parameter of an attack must compute the loss from the pictures that it is given. Got a loss "
            "that has no gradient by them instead; make sure that nothing in it calls detach() or no_grad()."
        )
    return found


def row_norms(rows: Tensor) -> Tensor:
    """The Euclidean norm of each row (n, ...), with shape (n, 1, ...), which broadcasts against the rows.

    Args:
        rows: (n, ...).

    Examples:
        >>> row_norms(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[5.],
                [0.]])
    """
    norms: Tensor = torch.linalg.vector_norm(rows, dim=tuple(range(1, rows.ndim)), keepdim=True)
    return norms
