"""The submodules of a body that compute a new activation: the meaning of ``layers="all"``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["activations"]

REPEATING = (
    "Identity",
    "DropPath",
    "Flatten",
)  # as dropout, they pass their input on in evaluation


def activations(
    module: nn.Module, run: Callable[[nn.Module], object], *, channels_first: bool = True, groups: bool = False
) -> dict[str, bool]:
    """The submodules that compute a new activation, in the order in which they first run.

    These are the leaf modules and the batch normalisations. Left out are modules whose pooled output adds nothing:
    identities, dropout, and the input of a batch normalisation, because the normalisation is an affine map of it.

    Args:
        module: the body; not changed.
        run: runs it on a batch of two items.
        channels_first: whether feature maps have their channels on axis 1 where the layers leave it open.
        groups: whether to return every submodule with an output, containers included.

    Returns:
        Name of the submodule to whether its 4-dimensional output has the channels on axis 1.

    References:
        Evci et al. 2022, "Head2Toe: Utilizing Intermediate Representations for Better Transfer Learning".

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        >>> activations(body.eval(), lambda module: module(torch.ones(2, 3, 5, 5)))
        {'1': True, '2': True}
    """
    leaves = set(_leaf_names(module, ""))
    seen = _Recorder(leaves, channels_first)
    handles = []
    for name, layer in module.named_modules():
        handles.append(layer.register_forward_pre_hook(seen.before))
        handles.append(layer.register_forward_hook(seen.after(name)))
    try:
        run(module)
    finally:
        for handle in handles:
            handle.remove()
    own = leaves - seen.redundant
    return {name: layout for name, layout in seen.layouts.items() if name and (groups or name in own)}


class _Recorder:
    """Records which submodule made each tensor, and in which layout, while a body runs."""

    def __init__(self, leaves: set[str], channels_first: bool) -> None:
        self._leaf_names = leaves
        self.layouts: dict[str, bool] = {}
        self.redundant: set[str] = set()  # leaves whose pooled output adds nothing
        self._default = channels_first
        self._makers: dict[int, tuple[str, Any]] = {}  # keeping the tensors alive prevents an id from being reused

    def before(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and id(inputs[0]) in self._makers and _is_batch_norm(layer):
            self.redundant.add(self._makers[id(inputs[0])][0])

    def after(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, inputs: tuple[object, ...], output: Tensor) -> None:
            # Only tensors with one entry per item count: `run` gives a batch of two.
            if getattr(output, "ndim", 0) not in (2, 3, 4) or len(output) != 2:
                return
            if _repeats(layer):
                self.redundant.add(name)
            # A module that returns its input or its child's output has the layout of the module that made it.
            maker = self._makers.get(id(output)) or (self._makers.get(id(inputs[0])) if inputs else None)
            inherited = self._default if maker is None else self.layouts[maker[0]]
            self.layouts.setdefault(name, _layout(layer, inherited))
            if name in self._leaf_names or id(output) not in self._makers:
                self._makers[id(output)] = (name, output)

        return hook


def _leaf_names(module: nn.Module, prefix: str) -> Iterator[str]:
    for name, child in module.named_children():
        if _is_batch_norm(child) or next(child.children(), None) is None:  # timm's may contain an activation
            yield f"{prefix}{name}"
        else:
            yield from _leaf_names(child, f"{prefix}{name}.")


def _is_batch_norm(layer: nn.Module) -> bool:
    from torch.nn.modules.batchnorm import _BatchNorm

    return isinstance(layer, _BatchNorm)


def _repeats(layer: nn.Module) -> bool:
    from torch.nn.modules.dropout import _DropoutNd

    return isinstance(layer, _DropoutNd) or type(layer).__name__ in REPEATING


def _layout(layer: nn.Module, inherited: bool) -> bool:
    """Whether a layer's maps have their channels on axis 1; activation functions keep the layout of their input."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    if isinstance(layer, _ConvNd | nn.GroupNorm) or _is_batch_norm(layer) or type(layer).__name__.endswith("2d"):
        return True
    return inherited and not isinstance(layer, nn.Linear | nn.LayerNorm)
