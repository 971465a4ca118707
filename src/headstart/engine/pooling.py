"""Pooled outputs of every block of a body, in one pass.

The pooled output of each block beside the last layer's costs no extra pass of the body and carries what the last
layer has already thrown away (Evci et al. 2022, "Head2Toe: Utilizing Intermediate Representations for Better
Transfer Learning").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["blocks_forward", "masked_mean", "pool"]


def pool(output: Any, *, channels_first: bool = True) -> Tensor:
    """One row an item: the mean over space, tokens or time.

    Args:
        output: (n, width); (n, width, height, width) or, with ``channels_first=False``, (n, height, width, width);
            or (n, tokens, width), of which a tuple or list may be the first entry.
        channels_first: whether a 4-dimensional output has its channels on axis 1.

    Returns:
        (n, width) float32.

    Raises:
        SourceError: for a shape that is none of these.

    Examples:
        >>> import torch
        >>> pool(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3])
        >>> pool(torch.ones(2, 5, 8)).shape
        torch.Size([2, 8])
    """
    import torch

    tensor = output[0] if isinstance(output, tuple | list) else output
    axes = {2: (), 3: (1,), 4: (2, 3) if channels_first else (1, 2)}.get(getattr(tensor, "ndim", -1))
    if axes is None:
        found = tuple(getattr(tensor, "shape", ())) or type(tensor).__name__
        raise SourceError(
            f"A block of the body must give (n, width), (n, tokens, width) or (n, channels, height, width). "
            f"Got {found} instead; name other blocks."
        )
    rows: Tensor = tensor.mean(axes, dtype=torch.float32) if axes else tensor.float()
    return rows


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that are no padding.

    Args:
        hidden: (n, tokens, width).
        mask: (n, tokens), 1 for a token and 0 for padding; at least one token in a row.

    Returns:
        (n, width) float32.

    Examples:
        >>> import torch
        >>> masked_mean(torch.tensor([[[1.0], [9.0]]]), torch.tensor([[1, 0]]))
        tensor([[1.]])
    """
    weights = mask.float() / mask.sum(dim=1, keepdim=True)
    return (hidden.float() * weights.unsqueeze(2)).sum(dim=1)


def blocks_forward(
    names: Sequence[str],
    final: Callable[[nn.Module, Any], Any],
    channels_first: Mapping[str, bool] | None = None,
) -> Callable[[nn.Module, Any], list[Tensor]]:
    """A function of (module, batch) that gives the pooled output of each named submodule, then the final output.

    Each output is pooled as soon as it is there, so that memory holds one block at a time.

    Args:
        names: submodules, first to last.
        final: gives the body's usual output for a batch.
        channels_first: for a submodule that is in here, whether its 4-dimensional output has channels on axis 1.

    Returns:
        The function; its tensors are (n, width) float32.

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 4, 3))
        >>> [tuple(t.shape) for t in blocks_forward(["0"], lambda m, x: m(x))(body, torch.ones(2, 3, 9, 9))]
        [(2, 8), (2, 4)]
    """
    layout = dict(channels_first or {})

    def run(module: nn.Module, batch: Any) -> list[Tensor]:
        found: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                found[name] = pool(output, channels_first=layout.get(name, True))

            return hook

        handles = [module.get_submodule(name).register_forward_hook(keep(name)) for name in names]
        try:
            last = pool(final(module, batch))
        finally:
            for handle in handles:
                handle.remove()
        return [*(found[name] for name in names), last]

    return run
