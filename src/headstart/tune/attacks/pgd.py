"""Projected gradient descent: on the negative loss, the strongest attack that uses gradients alone.

Reference: Madry, Makelov, Schmidt, Tsipras & Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks",
ICLR 2018: x_{t+1} = Π(x_t + s u(∇L(x_t))), s the length of a step, u the sign for L-inf and the unit vector for L2.
Without a random start it is the basic iterative method of Kurakin, Goodfellow & Bengio, 2017.

Command: - (it judges a model; Python)
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.params import check_number
from headstart.tune.attacks.perturbation import Ball, LossFunction, Norm, input_gradient

__all__ = ["pgd"]


def pgd(
    loss_fn: LossFunction,
    x: Tensor,
    *,
    epsilon: float,
    step_size: float | None = None,
    steps: int = 10,
    norm: Norm = "linf",
    generator: torch.Generator | None = None,
    high: float = 1.0,
) -> Tensor:
    """Pictures within ``epsilon`` of the given ones that have a high loss.

    Args:
        loss_fn: gives the mean loss, or the losses (n,), of a batch of pictures; its module stands in evaluation mode
            where running means of a normalisation shall stay as they are.
        x: (n, ...) pictures, floating point, in [0, high].
        epsilon: radius, in the units of the pixels, such as 8/255 or 8; for ``"l2"`` of a whole picture.
        step_size: length of a step; 2.5 ``epsilon / steps`` by default, with which every place of the ball can be
            reached from every other (Madry et al., section 5).
        steps: how many steps are made, 10.
        norm: ``"linf"`` or ``"l2"``.
        generator: what the start is drawn from, evenly in the ball; None to start at the pictures themselves.
        high: the largest valid pixel, 1 or 255.

    Returns:
        (n, ...) in [0, high], without a gradient: the last of the steps.

    Raises:
        DataError: if ``x`` are no such pictures.
        ParameterError: if a number is out of its range, or the loss does not depend on the pictures.

    Examples:
        >>> x, w = torch.tensor([[0.5, 0.98]]), torch.tensor([-3.0, 4.0])
        >>> pgd(lambda x: x @ w, x, epsilon=0.1)
        tensor([[0.4000, 1.0000]])
        >>> pgd(lambda x: x @ w, torch.tensor([[0.5, 0.5]]), epsilon=0.1, norm="l2")
        tensor([[0.4400, 0.5800]])
    """
    ball = Ball(epsilon, norm, high)
    check_number(steps, "steps", "pgd", low=1, integer=True)
    size = 2.5 * epsilon / steps if step_size is None else step_size
    check_number(size, "step_size", "pgd", low=0)
    x = ball.check(x)
    moved = x if generator is None else ball.random_start(x, generator)
    for _ in range(steps):
        moved = ball.project(moved + size * ball.steepest(input_gradient(loss_fn, moved)), x)
    return moved
