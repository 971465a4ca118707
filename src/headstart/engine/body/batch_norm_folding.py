"""Batch normalisation folded into the convolution before it, and weights rounded to bf16 without a drift.

In evaluation mode a batch normalisation is an affine map of each channel, so it can be a part of the convolution: one
pass over memory less, and one rounding less (Jacob et al. 2018, "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", section 3.2).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["cast_linear", "fold_batch_norms", "round_kernels"]


def fold_batch_norms(module: nn.Module, run: Callable[[nn.Module], object]) -> nn.Module | None:
    """A copy of a body in evaluation mode whose batch normalisations are folded into their convolutions.

    Which normalisation follows which convolution is seen by running the body. A convolution whose output is used by
    another layer as well is not told apart here, so the caller compares the features of both bodies.

    Args:
        module: the body; left as it is.
        run: runs a body on some batch.

    Returns:
        The copy, or None where there is nothing to fold.

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
        >>> folded = fold_batch_norms(body, lambda m: m(torch.ones(1, 3, 5, 5)))
        >>> bool(torch.allclose(folded(torch.ones(1, 3, 5, 5)), body(torch.ones(1, 3, 5, 5)), atol=1e-6))
        True
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    if not any(isinstance(layer, _BatchNorm) for layer in module.modules()):
        return None
    pairs = _pairs(module, run)
    if not pairs:
        return None
    folded = copy.deepcopy(module)
    for conv_name, norm_name in pairs.items():
        norm = folded.get_submodule(norm_name)
        _fold(folded.get_submodule(conv_name), norm)
        parent, _, leaf = norm_name.rpartition(".")
        # timm's normalisations hold their activation as a child, which stays.
        setattr(folded.get_submodule(parent), leaf, nn.Sequential(*norm.children()))
    return folded


def _pairs(module: nn.Module, run: Callable[[nn.Module], object]) -> dict[str, str]:
    """Convolution to the normalisation that gets exactly its output."""
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    outputs: dict[int, tuple[str, Any]] = {}  # the tensors are kept, so that no id is used twice
    pairs: dict[str, str] = {}
    handles = []

    def seen(name: str) -> Callable[..., None]:
        def hook(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs[id(output)] = (name, output)

        return hook

    def follows(name: str) -> Callable[..., None]:
        def hook(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if id(inputs[0]) in outputs:
                pairs[outputs[id(inputs[0])][0]] = name

        return hook

    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            handles.append(layer.register_forward_hook(seen(name)))
        elif isinstance(layer, _BatchNorm) and layer.track_running_stats:
            handles.append(layer.register_forward_pre_hook(follows(name)))
    try:
        run(module)
    finally:
        for handle in handles:
            handle.remove()
    return pairs


def _fold(conv: Any, norm: Any) -> None:
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )


def round_kernels(module: nn.Module) -> None:
    """Round the kernels of all convolutions to bf16 in place, so that the sum of each kernel stays.

    Images are smooth: rounding the taps of a kernel one by one shifts its answer to an even surface, always to the
    same side, and pooling does not average that away. So each tap takes over what the larger ones before it lost
    (error diffusion): the sum is then right to half a unit of the smallest tap.

    Args:
        module: the body.

    Examples:
        >>> import torch
        >>> conv = torch.nn.Conv2d(1, 1, 3)
        >>> before = conv.weight.sum().item()
        >>> round_kernels(conv)
        >>> bool(abs(conv.weight.sum().item() - before) < 1e-3)
        True
    """
    import torch
    from torch import nn

    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.shape[2:].numel() > 1:
                layer.weight.copy_(_diffused(layer.weight))


def cast_linear(module: nn.Module, dtype: torch.dtype | None = None) -> None:
    """Keep the weights of fully connected layers in a short format, in place, instead of casting them for every batch.

    The features stay the same to the bit: autocast would round each weight in the same way.

    Args:
        module: the body, to be run under autocast.
        dtype: autocast's type; by default bf16.

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2))
        >>> cast_linear(body)
        >>> body[0].weight.dtype, body[1].weight.dtype
        (torch.bfloat16, torch.float32)
    """
    import torch
    from torch import nn

    for layer in module.modules():
        if type(layer) is nn.Linear:  # others may compute with their weights outside of autocast
            layer.to(dtype or torch.bfloat16)


def _diffused(weight: Tensor) -> Tensor:
    import torch

    taps = weight.flatten(2)
    order = taps.abs().argsort(dim=2, descending=True)
    taps = taps.gather(2, order)
    rounded = torch.empty_like(taps)
    carry = torch.zeros_like(taps[..., 0])
    for k in range(taps.shape[2]):
        wanted = taps[..., k] + carry
        rounded[..., k] = wanted.bfloat16().float()
        carry = wanted - rounded[..., k]
    return torch.empty_like(taps).scatter_(2, order, rounded).view_as(weight)
