"""Whisper's encoder (Radford et al. 2023, "Robust Speech Recognition via Large-Scale Weak Supervision") in plain torch.

It has the same arithmetic and the same names of weights as transformers' ``WhisperEncoder``, but it reads a sound at
its own length: the table of positions is cut, and frames of padding are masked. Importing that class takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["whisper_hidden", "whisper_module"]

VERSION = 1  # to be raised when the same weights give other hidden layers


def whisper_module(config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> nn.Module:
    """The encoder's layers under the names of transformers' ``WhisperEncoder``, to be run by `whisper_hidden`.

    Args:
        config: the contents of Whisper's config.json: ``d_model``, ``num_mel_bins``, ``max_source_positions``,
            ``encoder_layers``, ``encoder_ffn_dim`` and ``init_std``.
        tensors: the weights by name; by default random weights, initialised as in transformers: normal with the
            standard deviation ``init_std``, zero biases, and sinusoids as positions.

    Returns:
        The nested layers in evaluation mode.

    Raises:
        RuntimeError: if ``tensors`` do not fit the layers.

    Examples:
        >>> tiny = {"d_model": 8, "num_mel_bins": 4, "max_source_positions": 6, "encoder_layers": 1,
        ...     "encoder_ffn_dim": 16, "init_std": 0.02}
        >>> sum(parameter.numel() for parameter in whisper_module(tiny).parameters())
        960
    """
    import torch

    with torch.device("meta"):  # initialising weights in torch would take longer than loading them
        module = _layers(config)
    if tensors is None:
        module.to_empty(device="cpu")
        _draw(module, float(config["init_std"]))
    else:
        module.load_state_dict(dict(tensors), assign=True)
    return module.eval()


def _layers(config: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    width, inner, bands = int(config["d_model"]), int(config["encoder_ffn_dim"]), int(config["num_mel_bins"])

    def layer() -> nn.Module:
        # Whisper's keys have no bias: it would add the same to all scores of a query, and softmax removes it.
        products = {f"{name}_proj": nn.Linear(width, width, bias=name != "k") for name in "kvq"}
        made: nn.Module = _layer_class()(
            {
                "self_attn": nn.ModuleDict({**products, "out_proj": nn.Linear(width, width)}),
                "self_attn_layer_norm": nn.LayerNorm(width),
                "fc1": nn.Linear(width, inner),
                "fc2": nn.Linear(inner, width),
                "final_layer_norm": nn.LayerNorm(width),
            }
        )
        return made

    return nn.ModuleDict(
        {
            "conv1": nn.Conv1d(bands, width, kernel_size=3, padding=1),
            "conv2": nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1),
            "embed_positions": nn.Embedding(int(config["max_source_positions"]), width),
            "layers": nn.ModuleList(layer() for _ in range(int(config["encoder_layers"]))),
            "layer_norm": nn.LayerNorm(width),
        }
    )


def _draw(module: nn.Module, deviation: float) -> None:
    import torch
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.LayerNorm):
            layer.reset_parameters()
        if isinstance(layer, nn.Linear | nn.Conv1d):
            nn.init.normal_(layer.weight, std=deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    table = module.get_parameter("embed_positions.weight")
    places, width = table.shape
    # Vaswani et al. 2017: sines, then cosines, of wavelengths from 2 pi to 20,000 pi frames.
    steps = math.log(10_000) / (width // 2 - 1)
    angles = torch.arange(places)[:, None] * torch.exp(-steps * torch.arange(width // 2))
    with torch.no_grad():
        table.copy_(torch.cat([angles.sin(), angles.cos()], dim=1))


def whisper_hidden(module: Any, bands: Tensor, mask: Tensor, heads: int) -> list[Tensor]:
    """The embeddings and the output of every layer, the last one normalised.

    Args:
        module: the layers, from `whisper_module`.
        bands: (n, frames, 2 * mel bands) float32: each frame of the body holds two frames of the log-mel spectrogram.
            Padding must be 0.
        mask: (n, frames), 1 for a frame that holds sound and 0 for padding.
        heads: number of attention heads.

    Returns:
        The (n, frames, width) outputs of the embeddings (the convolutions with the positions added) and of each layer.

    Examples:
        >>> import torch
        >>> tiny = {"d_model": 8, "num_mel_bins": 4, "max_source_positions": 6, "encoder_layers": 1,
        ...     "encoder_ffn_dim": 16, "init_std": 0.02}
        >>> bands, mask = torch.zeros(1, 5, 8), torch.ones(1, 5)
        >>> [tuple(hidden.shape) for hidden in whisper_hidden(whisper_module(tiny), bands, mask, heads=2)]
        [(1, 5, 8), (1, 5, 8)]
    """
    import torch
    from torch.nn.functional import gelu

    # An own frame of the second convolution reads own frames of the first one only, whose padding is 0 as at its ends.
    paired: Any = bands  # torch does not annotate unflatten
    x = paired.unflatten(2, (2, -1)).flatten(1, 2).transpose(1, 2)  # (n, mel bands, 2 * frames)
    x = gelu(module["conv2"](gelu(module["conv1"](x)))).transpose(1, 2)
    # The positions are not trained: they are sinusoids.
    hidden = [x + module["embed_positions"].weight[: bands.shape[1]].detach()]
    # Added to the attention scores: 0 for sound, the lowest float32 for padding, whose softmax weight is then 0.
    bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    for layer in module["layers"]:
        hidden.append(layer(hidden[-1], bias, heads))
    hidden[-1] = module["layer_norm"](hidden[-1])
    return hidden


@cache
def _layer_class() -> Any:
    """The class of one layer; it is called as a module, so hooks can read or replace its output."""
    from torch import nn
    from torch.nn.functional import gelu

    class WhisperLayer(nn.ModuleDict):
        def forward(self, x: Tensor, bias: Tensor, heads: int) -> Tensor:
            parts: Any = self
            x = x + _attention(parts["self_attn"], parts["self_attn_layer_norm"](x), bias, heads)
            y: Tensor = x + parts["fc2"](gelu(parts["fc1"](parts["final_layer_norm"](x))))
            return y

    return WhisperLayer


def _attention(products: Any, x: Tensor, bias: Tensor, heads: int) -> Tensor:
    # softmax(Q K^T / sqrt(d) + bias) V with d = width / heads; Whisper scales the queries.
    query, key, value = (
        # (n, frames, width) to (n, heads, frames, width / heads)
        products[f"{name}_proj"](x).unflatten(2, (heads, -1)).transpose(1, 2)
        for name in "qkv"
    )
    scale = math.sqrt(heads / products["q_proj"].out_features)
    weights = ((query * scale) @ key.transpose(2, 3) + bias).softmax(dim=3)
    mixed: Tensor = products["out_proj"]((weights @ value).transpose(1, 2).flatten(2))
    return mixed
