"""Copies of modules for training and for keeping, the structure inserted into them, and batches of mixed shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headstart.engine.body.recipe import Forward, Tensors
from headstart.sources.bodies.parameter_groups import parameter_groups, used_parameters
from headstart.sources.bodies.trainable import PreparedKind, Trainable

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["STRUCTURE", "as_trainable", "by_shape", "frozen_copy", "joined_shapes", "structure_of"]

STRUCTURE = "headstart_structure"  # the attribute that records what was inserted into a body


def frozen_copy(module: nn.Module) -> nn.Module:
    """A frozen copy of a module: on the CPU, float32, in evaluation mode, without gradients.

    Examples:
        >>> from torch import nn
        >>> frozen_copy(nn.Linear(1, 1).train()).training
        False
    """
    copied: nn.Module = copy.deepcopy(module)
    return copied.cpu().float().eval().requires_grad_(requires_grad=False)


def structure_of(module: nn.Module) -> Mapping[str, Any]:
    """What was inserted into a body, as plain JSON values; empty for a body as its library builds it.

    Examples:
        >>> from torch import nn
        >>> structure_of(nn.Linear(1, 1))
        {}
    """
    found: Mapping[str, Any] = getattr(module, STRUCTURE, {})
    return found


def as_trainable(
    module: nn.Module,
    forward: Forward,
    collate: Callable[[Sequence[Any]], Any],
    kind: PreparedKind,
    *,
    example: Tensors | None,
    source_head: Callable[[nn.Module, Any], Tensor] | None = None,
) -> Trainable:
    """A trainable copy of a body, with its parameter groups found by running an example.

    Args:
        module: the body; copied.
        forward: a function of (module, batch) that computes the features.
        collate: makes a batch of prepared items.
        kind: the kind of a prepared item, as in `Trainable`.
        example: a batch of tensors; with None every parameter is in a group, whether or not a feature depends on it.
        source_head: as in `Trainable`.

    Examples:
        >>> import torch
        >>> found = as_trainable(torch.nn.Linear(2, 1), lambda m, x: [m(x)], torch.tensor, "array", example=None)
        >>> found.groups
        (('weight', 'bias'),)
    """
    import torch

    copied = frozen_copy(module).requires_grad_(requires_grad=True)
    used = None
    if example is not None:
        with torch.enable_grad():
            used = used_parameters(copied, forward(copied, example))
    return Trainable(copied, forward, collate, parameter_groups(copied, used), kind, source_head)


def joined_shapes(groups: Sequence[Sequence[int]], batches: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Batches of several shapes joined into one mapping of tensors, which `by_shape` splits again.

    Args:
        groups: for each shape, the positions of its items in the batch of n.
        batches: for each shape, its batch.

    Returns:
        ``order``, (n,) int64, where row i of the batch stands when the groups are concatenated, and ``NAME/k`` for each
        tensor of the k-th shape.

    Examples:
        >>> import torch
        >>> list(joined_shapes([[0, 2], [1]], [{"x": torch.ones(2, 3)}, {"x": torch.ones(1, 4)}]))
        ['order', 'x/0', 'x/1']
    """
    import torch

    # argsort inverts the permutation: concatenated[order] has the items in their original order
    order = torch.tensor([position for group in groups for position in group]).argsort()
    tensors = {f"{name}/{k}": tensor for k, batch in enumerate(batches) for name, tensor in batch.items()}
    return {"order": order, **tensors}


def by_shape(forward: Forward, module: nn.Module, batch: Tensors) -> list[Tensor]:
    """``forward`` on a batch; a batch of `joined_shapes` runs shape by shape, and rows keep the order of the items.

    Examples:
        >>> import torch
        >>> batch = joined_shapes([[1], [0]], [{"x": torch.ones(1, 3)}, {"x": torch.zeros(1, 4)}])
        >>> by_shape(lambda module, part: [part["x"].mean(1, keepdim=True)], torch.nn.Identity(), batch)
        [tensor([[0.],
                [1.]])]
    """
    import torch

    if not isinstance(batch, Mapping) or "order" not in batch:
        return forward(module, batch)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in batch.items():
        name, _, shape = key.partition("/")
        if shape:
            parts.setdefault(shape, {})[name] = tensor
    rows = [forward(module, part) for part in parts.values()]
    # Rows of each block, shape by shape, then back in the order of the items.
    return [torch.cat(block)[batch["order"]] for block in zip(*rows, strict=True)]
