"""Which submodules of a body give an activation of their own: what "all layers" means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["activations"]

REPEATING = ("Identity", "DropPath", "Flatten")  # and all kinds of dropout: in evaluation they pass on what they get


def activations(
    module: nn.Module, run: Callable[[nn.Module], object], *, channels_first: bool = True, groups: bool = False
) -> dict[str, bool]:
    """The submodules that give an activation of their own, in the order in which they are first run.

    These are the ones without submodules, and the batch normalisations, less those whose pooled output says nothing
    new: identities, dropout, and what goes straight into a batch normalisation, which is an affine map of it.

    Args:
        module: the body; left as it is.
        run: runs it on a batch of two items.
        channels_first: whether maps have their channels on axis 1 where the layers do not tell.
        groups: whether all submodules are given that give anything, whatever they hold.

    Returns:
        Name to whether a 4-dimensional output has its channels on axis 1.

    References:
        Evci et al. 2022, "Head2Toe: Utilizing Intermediate Representations for Better Transfer Learning".

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        >>> activations(body.eval(), lambda module: module(torch.ones(2, 3, 5, 5)))
        {'1': True, '2': True}
    """
    atoms = set(_atoms(module, ""))
    seen = _Seen(atoms, channels_first)
    handles = []
    for name, layer in module.named_modules():
        handles.append(layer.register_forward_pre_hook(seen.before))
        handles.append(layer.register_forward_hook(seen.after(name)))
    try:
        run(module)
    finally:
        for handle in handles:
            handle.remove()
    own = atoms - seen.dull
    return {name: layout for name, layout in seen.layouts.items() if name and (groups or name in own)}


class _Seen:
    """What is found out about layers while a body runs."""

    def __init__(self, atoms: set[str], channels_first: bool) -> None:
        self._atoms = atoms
        self.layouts: dict[str, bool] = {}
        self.dull: set[str] = set()
        self._default = channels_first
        self._makers: dict[int, tuple[str, Any]] = {}  # the tensors are kept, so that no id is used twice

    def before(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and id(inputs[0]) in self._makers and _is_batch_norm(layer):
            self.dull.add(self._makers[id(inputs[0])][0])

    def after(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, inputs: tuple[object, ...], output: Tensor) -> None:
            if getattr(output, "ndim", 0) not in (2, 3, 4) or len(output) != 2:
                return
            if _repeats(layer):
                self.dull.add(name)
            maker = self._makers.get(id(output)) or (self._makers.get(id(inputs[0])) if inputs else None)
            inherited = self._default if maker is None else self.layouts[maker[0]]
            self.layouts.setdefault(name, _layout(layer, inherited))
            if name in self._atoms or id(output) not in self._makers:
                self._makers[id(output)] = (name, output)

        return hook


def _atoms(module: nn.Module, prefix: str) -> Iterator[str]:
    for name, child in module.named_children():
        if _is_batch_norm(child) or next(child.children(), None) is None:  # timm's normalisations hold an activation
            yield f"{prefix}{name}"
        else:
            yield from _atoms(child, f"{prefix}{name}.")


def _is_batch_norm(layer: nn.Module) -> bool:
    from torch.nn.modules.batchnorm import _BatchNorm

    return isinstance(layer, _BatchNorm)


def _repeats(layer: nn.Module) -> bool:
    from torch.nn.modules.dropout import _DropoutNd

    return isinstance(layer, _DropoutNd) or type(layer).__name__ in REPEATING


def _layout(layer: nn.Module, inherited: bool) -> bool:
    """Whether a layer's maps have their channels on axis 1; most activations keep what they get."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    if isinstance(layer, _ConvNd | nn.GroupNorm) or _is_batch_norm(layer) or type(layer).__name__.endswith("2d"):
        return True
    return inherited and not isinstance(layer, nn.Linear | nn.LayerNorm)
