"""Parameter groups of a body, stem first: each is unfrozen as a unit and has one learning rate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["numbered", "parameter_groups", "used_parameters"]

NUMBERED = re.compile(r"(?:^|\.)(?:layer|layers|blocks|stages|block|h)\.?(\d+)(?=\.|$)")


def numbered(name: str) -> str | None:
    """The outermost numbered container that a parameter or submodule lies in; None if there is none.

    Examples:
        >>> numbered("encoder.layer.3.output.dense.weight"), numbered("layer2.0.conv1.weight"), numbered("norm.bias")
        ('encoder.layer.3', 'layer2', None)
    """
    found = NUMBERED.search(name)
    return None if found is None else name[: found.end()]


def parameter_groups(module: nn.Module, used: Iterable[str] | None = None) -> tuple[tuple[str, ...], ...]:
    """The names of a body's parameters, group by group.

    Bodies of timm are grouped by timm's own coarse matcher. In other bodies each outermost numbered container, such as
    ``encoder.layer.3``, is a group, and the parameters before the first container form the first group. Without
    numbered containers, each child of the body is a group. Parameters after the last block belong to its group.

    Args:
        module: the body.
        used: names of the parameters to include, as `used_parameters` returns them; by default all.

    Returns:
        Groups of names, stem first; none is empty.

    Examples:
        >>> from torch import nn
        >>> parameter_groups(nn.ModuleDict({"stem": nn.PReLU(), "layers": nn.ModuleList([nn.PReLU(), nn.PReLU()])}))
        (('stem.weight',), ('layers.0.weight',), ('layers.1.weight',))
    """
    names = [name for name, _ in module.named_parameters()]
    kept = set(names if used is None else used)
    groups = _by_matcher(module) or (_by_number(names) if any(map(numbered, names)) else _by_child(names))
    found = [tuple(name for name in group if name in kept) for group in groups]
    return tuple(_joined([group for group in found if group]))


def used_parameters(module: nn.Module, blocks: Iterable[Tensor]) -> list[str]:
    """The names of the parameters that features depend on, found in the features' autograd graph.

    Args:
        module: the body.
        blocks: its features, computed while gradients were recorded.

    Examples:
        >>> import torch
        >>> body = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 1), "b": torch.nn.Linear(2, 1)})
        >>> used_parameters(body, [body["b"](torch.ones(1, 2))])
        ['b.weight', 'b.bias']
    """
    leaves = {id(leaf) for leaf in _leaves(block.grad_fn for block in blocks)}
    return [name for name, parameter in module.named_parameters() if id(parameter) in leaves]


def _leaves(nodes: Iterable[Any]) -> Iterator[Tensor]:
    """The leaf tensors below some nodes of an autograd graph, each once."""
    waiting, seen = [node for node in nodes if node is not None], set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # AccumulateGrad: the node of a leaf tensor
            yield node.variable
        waiting.extend(following for following, _ in node.next_functions if following is not None)


def _by_matcher(module: nn.Module) -> list[list[str]]:
    """The groups of timm's matcher; empty if the body has none."""
    matcher = getattr(module, "group_matcher", None)
    if matcher is None:
        return []
    from timm.models import group_parameters

    groups: Mapping[int, list[str]] = group_parameters(module, matcher(coarse=True))
    return [groups[key] for key in sorted(groups)]


def _by_number(names: list[str]) -> list[list[str]]:
    """The parameters before the first container, then each container with all that follows it up to the next."""
    groups: dict[str, list[str]] = {"": []}
    last = ""
    for name in names:
        last = numbered(name) or last
        groups.setdefault(last, []).append(name)
    return list(groups.values())


def _by_child(names: list[str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(".")[0] if "." in name else "", []).append(name)
    return list(groups.values())


def _joined(groups: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The groups, with those after the last numbered container joined to that container's group."""
    last = max((k for k, group in enumerate(groups) if any(map(numbered, group))), default=len(groups) - 1)
    return [*groups[:last], *([sum(groups[last:], ())] if groups else [])]
