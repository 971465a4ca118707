"""FreeLB: adversarial training of texts in the space of their token embeddings.

Reference: Zhu, Cheng, Gan, Sun, Goldstein & Liu, "FreeLB: Enhanced Adversarial Training for Natural Language
Understanding", ICLR 2020, algorithm 1. With N the numbers in an item's embedding::

    δ_0 = U(-ε, ε) / √N
    g  += ∇_θ L(e + δ_t) / K        δ_{t+1} = Π_{|δ| <= ε}(δ_t + s ∇_δ L / |∇_δ L|)        for t = 0 .. K - 1

Each of the K passes gives the gradients of parameters and perturbation at once, so that none is wasted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.errors import DataError
from headstart.params import check_number
from headstart.tune.attacks.perturbation import LossFunction, row_norms

__all__ = ["free_lb"]


def free_lb(
    loss_fn: LossFunction,
    embedding: Tensor,
    *,
    epsilon: float = 0.6,
    step_size: float = 0.1,
    steps: int = 3,
    mask: Tensor | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Add the mean gradient of the loss over K perturbations of an embedding to the parameters' gradients.

    It takes the place of ``loss.backward()``: the gradients of all that ``loss_fn`` uses, and of what the embedding was
    computed from, are in ``.grad`` afterwards, where an optimiser looks for them.

    Args:
        loss_fn: gives the mean loss, or the losses (n,), of an embedding; divided by the number of micro-batches where
            gradients of several add up. Where it uses dropout, the same entries should be dropped in each call, as the
            paper says.
        embedding: (n, tokens, width) output of the embedding layer, with or without a gradient.
        epsilon: largest norm of the perturbation of an item, 0.6.
        step_size: length of an ascent step, 0.1. These and ``steps`` are what the authors' scripts take for SST-2.
        steps: K, 3; the cost is that of K trainings.
        mask: (n, tokens), 1 for tokens and 0 for padding, which is not perturbed; None where there is none.
        generator: what the first perturbation is drawn from.

    Returns:
        The mean loss over the perturbations, (), without a gradient.

    Raises:
        DataError: if the embedding or the mask has another shape.
        ParameterError: if a number is out of its range.

    Examples:
        >>> weight = torch.tensor([1.0, -1.0], requires_grad=True)
        >>> drawn = torch.Generator().manual_seed(0)
        >>> embedding = torch.ones(1, 3, 2)
        >>> loss = free_lb(lambda e: (e @ weight).sum(dim=1), embedding, epsilon=0.1, generator=drawn)
        >>> loss > 0, weight.grad[0] > weight.grad[1]  # without a perturbation: 0, and 3 for both
        (tensor(True), tensor(True))
    """
    check_number(epsilon, "epsilon", "free_lb", low=0)
    check_number(step_size, "step_size", "free_lb", low=0)
    check_number(steps, "steps", "free_lb", low=1, integer=True)
    inside = _inside(embedding, mask)
    origin = embedding.detach()
    change = _start(origin, inside, epsilon, generator)
    gradient, total = torch.zeros_like(origin), torch.zeros((), device=origin.device)
    for _ in range(steps):
        leaf = (origin + change).requires_grad_()
        losses = loss_fn(leaf)
        loss = losses.mean() / steps
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
        found = torch.zeros_like(origin) if leaf.grad is None else leaf.grad
        gradient += found
        change = _ascend(change, found * inside, epsilon, step_size)
    if embedding.requires_grad:
        embedding.backward(gradient)  # type: ignore[no-untyped-call]
    return total


def _inside(embedding: Tensor, mask: Tensor | None) -> Tensor:
    """(n, tokens, 1) of 1 for what is perturbed."""
    if embedding.ndim != 3:
        raise DataError(
            f"free_lb perturbs an embedding (n, tokens, width). Got a tensor of shape {tuple(embedding.shape)} instead."
        )
    if mask is None:
        return torch.ones_like(embedding[..., :1].detach())
    if mask.shape != embedding.shape[:2]:
        raise DataError(
            f"The mask given to free_lb must have a number for each token, {tuple(embedding.shape[:2])}. Got "
            f"{tuple(mask.shape)} instead."
        )
    return mask[..., None].to(embedding.dtype)


def _start(origin: Tensor, inside: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(origin.shape, generator=generator, device=generator.device, dtype=origin.dtype)
    numbers = inside.sum(dim=(1, 2), keepdim=True) * origin.shape[2]
    return (2 * drawn.to(origin.device) - 1) * inside * (epsilon / numbers.clamp_min(1).sqrt())


def _ascend(change: Tensor, gradient: Tensor, epsilon: float, step_size: float) -> Tensor:
    tiny = torch.finfo(gradient.dtype).tiny
    moved = change + step_size * gradient / row_norms(gradient).clamp_min(tiny)
    return moved * (epsilon / row_norms(moved).clamp_min(tiny)).clamp_max(1)
