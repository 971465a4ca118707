"""FreeLB: adversarial training on texts, with perturbations of their token embeddings.

Reference: Zhu, Cheng, Gan, Sun, Goldstein & Liu, "FreeLB: Enhanced Adversarial Training for Natural Language
Understanding", ICLR 2020, algorithm 1. With N, the number of entries of an item's embedding::

    δ_0 = U(-ε, ε) / √N
    g  += ∇_θ L(e + δ_t) / K        δ_{t+1} = Π_{|δ| <= ε}(δ_t + s ∇_δ L / |∇_δ L|)        for t = 0 .. K - 1

Each of the K passes computes the gradients of parameters and perturbation at once, so no pass serves the attack alone.

Command: headstart fit DATA --strategy adversarial
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from headstart.errors import DataError, SourceError
from headstart.params import check_number
from headstart.tune.attacks.perturbation import LossFunction, row_norms
from headstart.tune.attacks.pixels import drawn_generator
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import seed_draws

__all__ = [
    "free_lb",
    "free_lb_step",
    "token_embedding",
]


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

    This replaces ``loss.backward()``: it adds to ``.grad`` of all parameters that ``loss_fn`` uses, and of those that
    the embedding was computed from.

    Args:
        loss_fn: returns the mean loss, or the losses (n,), for an embedding, divided by the number of micro-batches if
            the gradients of several are summed. If it uses dropout, each call should drop the same entries, as in the
            paper.
        embedding: (n, tokens, width) output of the embedding layer, with or without a gradient.
        epsilon: largest norm of the perturbation of an item, 0.6.
        step_size: length of an ascent step, 0.1. These and ``steps`` are the values of the authors' scripts for SST-2.
        steps: K, 3; training costs K times as much.
        mask: (n, tokens), 1 for tokens and 0 for padding, which is not perturbed; None if there is no padding.
        generator: source of the first perturbation.

    Returns:
        The mean loss over the perturbations, a scalar without a gradient.

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
    origin = embedding.detach()  # its gradient is collected below and sent through the embedding layer once
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
    """(n, tokens, 1), 1 for tokens that are perturbed and 0 for padding."""
    if embedding.ndim != 3:
        raise DataError(
            f"free_lb perturbs an embedding (n, tokens, width). Got a tensor of shape {tuple(embedding.shape)} instead."
        )
    if mask is None:
        return torch.ones_like(embedding[..., :1].detach())
    if mask.shape != embedding.shape[:2]:
        raise DataError(
            f"The mask given to free_lb must have one number per token, {tuple(embedding.shape[:2])}. Got "
            f"{tuple(mask.shape)} instead."
        )
    return mask[..., None].to(embedding.dtype)


def _start(origin: Tensor, inside: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    """δ_0 = U(-ε, ε) / √N (n, tokens, width), whose norm is at most ε."""
    drawn = torch.rand(origin.shape, generator=generator, device=generator.device, dtype=origin.dtype)
    numbers = inside.sum(dim=(1, 2), keepdim=True) * origin.shape[2]
    return (2 * drawn.to(origin.device) - 1) * inside * (epsilon / numbers.clamp_min(1).sqrt())


def _ascend(change: Tensor, gradient: Tensor, epsilon: float, step_size: float) -> Tensor:
    """δ_{t+1}: a step along the normalised gradient, projected onto the ball of radius ε."""
    tiny = torch.finfo(gradient.dtype).tiny
    stepped = change + step_size * gradient / row_norms(gradient).clamp_min(tiny)
    return stepped * (epsilon / row_norms(stepped).clamp_min(tiny)).clamp_max(1)


def token_embedding(body: nn.Module) -> nn.Embedding:
    """The token embedding of a body: its embedding layer with the most rows.

    Raises:
        SourceError: if the body has no such layer.

    Examples:
        >>> token_embedding(nn.ModuleList([nn.Embedding(4, 2), nn.Embedding(9, 2)])).num_embeddings
        9
    """
    found = [part for part in body.modules() if isinstance(part, nn.Embedding)]
    if not found:
        raise SourceError("The body has no embedding layer, which FreeLB perturbs; use the strategy 'lp_ft'.")
    return max(found, key=lambda part: part.num_embeddings)


def free_lb_step(
    network: Network,
    batch: Batch,
    losses: Callable[[Tensor], Tensor],
    *,
    epsilon: float,
    step_size: float,
    steps: int,
) -> Tensor:
    """Add the gradients of a batch by `free_lb`; all random numbers come from torch's global generator.

    Args:
        network: body and head; the gradients are added to those of its parameters, weighted by the batch's share.
        batch: texts, or a micro-batch; its inputs hold ``input_ids`` and ``attention_mask``.
        losses: returns the loss of each item (n,) for logits (n, k).
        epsilon: as in `free_lb`.
        step_size: as in `free_lb`.
        steps: as in `free_lb`.

    Returns:
        The mean loss, a scalar. Its gradient is 0, since the gradients have been added already.

    Raises:
        SourceError: if the body has no embedding layer.

    Examples:
        >>> import numpy as np
        >>> from headstart.heads import FeatureMap, FittedHead
        >>> from headstart.sources.bodies.trainable import Trainable
        >>> from headstart.tune.network.solved_head import TorchHead
        >>> from headstart.types import Task
        >>> body = Trainable(nn.Embedding(9, 2), lambda m, x: [m(x["input_ids"]).mean(dim=1)], list, (("weight",),))
        >>> rows, calibration = FeatureMap("rows", ((0, 2),), "none"), {"temperature": np.ones(1)}
        >>> head = FittedHead(rows, "ridge", 1.0, np.eye(2), np.zeros(2), calibration, 0.0, ())
        >>> network = Network(body, TorchHead(head, Task("classification", ("a", "b"))))
        >>> inputs = {"input_ids": torch.tensor([[1, 2], [3, 4]]), "attention_mask": torch.ones(2, 2)}
        >>> batch = Batch(inputs, torch.eye(2), np.arange(2), 2)
        >>> losses = lambda logits: (logits - batch.targets).square().sum(dim=1)
        >>> loss = free_lb_step(network, batch, losses, epsilon=0.1, step_size=0.1, steps=2)
        >>> network.body.weight.grad.abs().sum(dim=1).nonzero().flatten()     # the tokens of the two texts
        tensor([1, 2, 3, 4])
    """
    layer, embedded = _embedded(network.body, batch.inputs)
    dropped = int(torch.randint(2**62, ()))

    def loss_of(embedding: Tensor) -> Tensor:
        seed_draws(dropped, embedded.device.type)  # each pass drops the same entries
        with _in_place_of(layer, embedding):
            return losses(network(batch.inputs)) * batch.share

    total = free_lb(
        loss_of, embedded, epsilon=epsilon, step_size=step_size, steps=steps,
        mask=batch.inputs["attention_mask"], generator=drawn_generator(),
    )  # fmt: skip
    # The loop calls backward() on the result: a zero that depends on the head lets it, and adds nothing.
    nothing = sum((0.0 * parameter.sum() for parameter in network.head.parameters()), torch.zeros_like(total))
    return total / batch.share + nothing


def _embedded(body: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[nn.Module, Tensor]:
    """The layer that returns the embedded tokens, and the tokens of a batch; some bodies have their table outside."""
    if "inputs_embeds" in inputs:
        return body.get_submodule("embeddings.word_embeddings"), inputs["inputs_embeds"]
    layer = token_embedding(body)
    return layer, layer(inputs["input_ids"])


@contextmanager
def _in_place_of(layer: nn.Module, output: Tensor) -> Iterator[None]:
    """The layer returns ``output`` in this context, whatever its input is."""

    def stand_in(module: nn.Module, inputs: object, found: Tensor) -> Tensor:  # noqa: ARG001 (as torch calls it)
        return output

    hook = layer.register_forward_hook(stand_in)
    try:
        yield
    finally:
        hook.remove()
