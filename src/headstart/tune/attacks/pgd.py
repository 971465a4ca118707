"""Projected gradient descent: several gradient steps on the negative loss, the standard first-order attack.

Reference: Madry, Makelov, Schmidt, Tsipras & Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks",
ICLR 2018: x_{t+1} = Π(x_t + s u(∇L(x_t))), where s is the step size, and u(g) is sign(g) for L-inf and g / ‖g‖ for L2.
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
        loss_fn: returns the mean loss, or the losses (n,), of a batch of pictures. Put its module into evaluation mode
            if the running statistics of its normalisations must not change.
        x: (n, ...) pictures, floating point, in [0, high].
        epsilon: radius of the ball, in the units of the pixels, such as 8/255 or 8: the largest change of a pixel for
            ``"linf"``, the norm of the change of a picture for ``"l2"``.
        step_size: length of a step; None for 2.5 ``epsilon / steps``, so that the steps can cross the ball (Madry et
            al., section 5).
        steps: number of steps, 10.
        norm: ``"linf"`` or ``"l2"``.
        generator: source of a start that is uniform in the ball; None to start at the pictures themselves.
        high: the largest valid pixel, 1 or 255.

    Returns:
        (n, ...) in [0, high], without a gradient: the result of the last step.

    Raises:
        DataError: if ``x`` does not hold such pictures.
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
    attacked = x if generator is None else ball.random_start(x, generator)
    for _ in range(steps):
        attacked = ball.project(attacked + size * ball.steepest(input_gradient(loss_fn, attacked)), x)
    return attacked
