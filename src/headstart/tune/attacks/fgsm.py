"""Fast gradient sign method: a single step along the sign of the gradient, from the picture or from a random start.

References: Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015:
x' = x + ε sign ∇L(x); Wong, Rice & Kolter, "Fast is better than free: Revisiting adversarial training", ICLR 2020:
δ ~ U(-ε, ε), x' = x + clip(δ + s sign ∇L(x + δ), -ε, ε) with s = 1.25 ε.

Command: headstart fit DATA --strategy adversarial
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.params import check_number
from headstart.tune.attacks.perturbation import Ball, LossFunction, input_gradient

__all__ = ["fgsm", "fgsm_random_start"]


def fgsm(loss_fn: LossFunction, x: Tensor, *, epsilon: float, high: float = 1.0) -> Tensor:
    """Perturbed pictures with a higher loss, by one step from the pictures themselves.

    Args:
        loss_fn: returns the mean loss, or the losses (n,), of a batch of pictures. Put its module into evaluation mode
            if the running statistics of its normalisations must not change.
        x: (n, ...) pictures, floating point, in [0, high].
        epsilon: largest change of a pixel, in the units of the pixels, such as 8/255 or 8.
        high: the largest valid pixel, 1 or 255.

    Returns:
        (n, ...) in [0, high], without a gradient.

    Raises:
        DataError: if ``x`` does not hold such pictures.
        ParameterError: if ``epsilon`` is negative, or the loss does not depend on the pictures.

    Examples:
        >>> x = torch.tensor([[0.5, 0.98]])
        >>> fgsm(lambda x: (x @ torch.tensor([-1.0, 2.0])), x, epsilon=0.1)
        tensor([[0.4000, 1.0000]])
    """
    ball = Ball(epsilon, "linf", high)
    x = ball.check(x)
    return ball.project(x + epsilon * ball.steepest(input_gradient(loss_fn, x)), x)


def fgsm_random_start(
    loss_fn: LossFunction,
    x: Tensor,
    *,
    epsilon: float,
    step_size: float | None = None,
    generator: torch.Generator,
    high: float = 1.0,
) -> Tensor:
    """Perturbed pictures with a higher loss, by one step from a random start.

    With it adversarial training is nearly as good as with PGD, at the cost of a single step.

    Args:
        loss_fn: as in `fgsm`.
        x: (n, ...) pictures, floating point, in [0, high].
        epsilon: largest change of a pixel, in the units of the pixels.
        step_size: length of the step; None for 1.25 ``epsilon``, as in the paper.
        generator: source of the random start.
        high: the largest valid pixel, 1 or 255.

    Returns:
        (n, ...) in [0, high], without a gradient.

    Raises:
        DataError: if ``x`` does not hold such pictures.
        ParameterError: if ``epsilon`` or ``step_size`` is negative, or the loss does not depend on the pictures.

    Examples:
        >>> drawn = torch.Generator().manual_seed(0)
        >>> moved = fgsm_random_start(lambda x: x.sum(), torch.tensor([[0.5, 0.5]]), epsilon=0.1, generator=drawn)
        >>> bool((moved > 0.5).all() and (moved <= 0.6).all())
        True
    """
    ball = Ball(epsilon, "linf", high)
    size = 1.25 * epsilon if step_size is None else step_size
    check_number(size, "step_size", "fgsm_random_start", low=0)
    x = ball.check(x)
    start = ball.random_start(x, generator)
    return ball.project(start + size * ball.steepest(input_gradient(loss_fn, start)), x)
