"""Batch normalisation folded into the convolution before it, and kernels rounded to bf16 without drift.

In evaluation mode, batch normalisation is an affine map of each channel, so the convolution can absorb it. This saves
one pass over memory and one rounding (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", section 3.2).
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

    The body is run to find which normalisation follows which convolution. A convolution whose output feeds another
    layer as well is not detected, so the caller must compare the features of both bodies.

    Args:
        module: the body; it is not changed.
        run: runs a body on some batch.

    Returns:
        The copy, or None if there is nothing to fold.

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
    """Names of convolutions, each with the name of the normalisation that receives its output."""
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    outputs: dict[int, tuple[str, Any]] = {}  # holding the tensors ensures that no id is reused
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

    # norm(conv(x)) = g (w x + b - mean) / s + beta with s = sqrt(var + eps), for each output channel, so
    # w' = w g / s and b' = (b - mean) g / s + beta.
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )


def round_kernels(module: nn.Module) -> None:
    """Round the kernels of all convolutions to bf16 in place, and keep the sum of each kernel.

    Images are smooth. If each tap of a kernel is rounded independently, the response to a uniform surface shifts,
    always in the same direction, and pooling does not average that out. Error diffusion avoids the shift: taps are
    rounded from the largest to the smallest, and each takes over the rounding error so far. The sum is then exact to
    half a unit in the last place of the smallest tap.

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
    """Store the weights of fully connected layers in half precision, in place, instead of casting them in every batch.

    The features are the same to the bit: autocast rounds each weight in the same way.

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
        if type(layer) is nn.Linear:  # a subclass may use its weights outside autocast
            layer.to(dtype or torch.bfloat16)


def _diffused(weight: Tensor) -> Tensor:
    import torch

    taps = weight.flatten(2)  # (out, in, taps), from here on by decreasing magnitude
    order = taps.abs().argsort(dim=2, descending=True)
    taps = taps.gather(2, order)
    rounded = torch.empty_like(taps)
    carry = torch.zeros_like(taps[..., 0])  # the rounding error so far
    for k in range(taps.shape[2]):
        wanted = taps[..., k] + carry
        rounded[..., k] = wanted.bfloat16().float()
        carry = wanted - rounded[..., k]
    return torch.empty_like(taps).scatter_(2, order, rounded).view_as(weight)
