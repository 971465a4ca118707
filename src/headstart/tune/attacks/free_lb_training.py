"""A step of FreeLB on a network that reads texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from headstart.errors import SourceError
from headstart.tune.attacks.free_lb import free_lb
from headstart.tune.attacks.pixels import drawn_generator
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.batches import Batch

__all__ = ["free_lb_step", "token_embedding"]


def token_embedding(body: nn.Module) -> nn.Embedding:
    """The layer that gives a row for each token: of the layers that do, the one that knows most tokens.

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
    """Add the gradients of a batch by `headstart.tune.attacks.free_lb.free_lb`; all chance is from torch's own generator.

    Args:
        network: body and head; its gradients grow by those of the batch's share of a whole batch.
        batch: texts; its inputs hold ``input_ids`` and ``attention_mask``.
        losses: gives the loss of each item (n,) of logits (n, k).
        epsilon: as in `free_lb`.
        step_size: as in `free_lb`.
        steps: as in `free_lb`.

    Returns:
        The mean loss, (). Its own gradient is 0, since gradients have been added already.

    Raises:
        SourceError: if the body has no embedding layer.

    Examples:
        >>> free_lb_step.__name__
        'free_lb_step'
    """
    layer = token_embedding(network.body)
    dropped = int(torch.randint(2**62, ()))

    def of(embedding: Tensor) -> Tensor:
        torch.manual_seed(dropped)  # the same entries are dropped in each pass
        with _in_place_of(layer, embedding):
            return losses(network(batch.inputs)) * batch.share

    total = free_lb(
        of, layer(batch.inputs["input_ids"]), epsilon=epsilon, step_size=step_size, steps=steps,
        mask=batch.inputs["attention_mask"], generator=drawn_generator(),
    )  # fmt: skip
    nothing = sum((0.0 * parameter.sum() for parameter in network.head.parameters()), torch.zeros_like(total))
    return total / batch.share + nothing


@contextmanager
def _in_place_of(layer: nn.Module, output: Tensor) -> Iterator[None]:
    """The layer gives ``output`` once, whatever it is called with."""

    def stand_in(module: nn.Module, inputs: Any, found: Tensor) -> Tensor:  # noqa: ARG001 (as torch calls it)
        return output

    hook = layer.register_forward_hook(stand_in)
    try:
        yield
    finally:
        hook.remove()
