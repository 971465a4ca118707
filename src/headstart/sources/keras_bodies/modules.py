"""The torch modules of Keras' layers, channels first; what they compute is what Keras computes in inference."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from headstart.errors import SourceError
from headstart.sources.bodies.same_padding import same_pads
from headstart.sources.keras_bodies.map_sizes import pair

__all__ = [
    "BatchNorm",
    "ChannelScale",
    "Convolution",
    "Normalise",
    "OnChannels",
    "Pooling",
    "activation",
    "layer_norm",
    "linear",
    "simple",
]  # fmt: skip

NORMALISE_EPS = 1e-7  # keras.config.epsilon()


def activation(name: str) -> nn.Module:
    """The activation function of that name.

    Examples:
        >>> activation("relu")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    kinds: dict[str, Callable[[], nn.Module]] = {
        "linear": nn.Identity, "relu": nn.ReLU, "relu6": nn.ReLU6, "silu": nn.SiLU, "swish": nn.SiLU,
        "sigmoid": nn.Sigmoid, "hard_sigmoid": nn.Hardsigmoid, "hard_silu": nn.Hardswish, "hard_swish": nn.Hardswish,
        "gelu": nn.GELU, "tanh": nn.Tanh, "softmax": lambda: nn.Softmax(dim=1), "elu": nn.ELU, "selu": nn.SELU,
        "softplus": nn.Softplus, "leaky_relu": lambda: nn.LeakyReLU(0.2),
    }  # fmt: skip
    return kinds[name]()


def linear(width: int, units: int, *, bias: bool) -> nn.Module:
    """A linear layer.

    Examples:
        >>> linear(3, 2, bias=True)(torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    return nn.Linear(width, units, bias=bias)


def layer_norm(width: int, settings: Mapping[str, Any]) -> nn.Module:
    """A layer normalisation over the channels.

    Examples:
        >>> layer_norm(2, {})(torch.tensor([[1.0, 3.0]])).round()
        tensor([[-1.,  1.]], ...)
    """
    return nn.LayerNorm(width, eps=float(settings.get("epsilon", 1e-3)))


def _on_channels(values: Tensor, x: Tensor) -> Tensor:
    """One value, or one for each channel, in the form that fits a map or rows."""
    return values.view(1, -1, *[1] * (x.ndim - 2))


class Convolution(nn.Module):
    """A convolution, a depthwise one, or a depthwise one and then a pointwise one, with the activation after it.

    Examples:
        >>> settings = {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}
        >>> Convolution("Conv2D", settings, (1, 3, 8, 8), nn.ReLU())(torch.ones(1, 3, 8, 8)).shape
        torch.Size([1, 4, 4, 4])
    """

    def __init__(self, kind: str, settings: Mapping[str, Any], shape: Sequence[int], act: nn.Module) -> None:
        super().__init__()
        width, kernel = int(shape[1]), pair(settings["kernel_size"])
        strides, dilation = pair(settings.get("strides", 1)), pair(settings.get("dilation_rate", 1))
        bias = bool(settings.get("use_bias", True))
        many = width * int(settings.get("depth_multiplier", 1))
        same = settings.get("padding") == "same"
        self.pads = same_pads(shape[2:], kernel, strides, dilation) if same else [0, 0, 0, 0]
        if kind == "SeparableConv2D":
            self.depthwise: nn.Module = nn.Conv2d(
                width, many, kernel, strides, dilation=dilation, groups=width, bias=False
            )
            self.core = nn.Conv2d(many, settings["filters"], 1, bias=bias)
        else:
            out = many if kind == "DepthwiseConv2D" else settings["filters"]
            groups = width if kind == "DepthwiseConv2D" else int(settings.get("groups", 1))
            self.depthwise = nn.Identity()
            self.core = nn.Conv2d(width, out, kernel, strides, dilation=dilation, groups=groups, bias=bias)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """The map (n, channels, height, width)."""
        if any(self.pads):
            x = F.pad(x, self.pads)
        y: Tensor = self.act(self.core(self.depthwise(x)))
        return y


class OnChannels(nn.Module):
    """A layer that works on the last axis in Keras, on the channels of a map or on rows.

    Examples:
        >>> OnChannels(nn.Linear(3, 2), nn.ReLU())(torch.ones(1, 3, 8, 8)).shape
        torch.Size([1, 2, 8, 8])
    """

    def __init__(self, core: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.core, self.act = core, act

    def forward(self, x: Tensor) -> Tensor:
        """As the input, with another width."""
        y: Tensor = self.core(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if x.ndim == 4 else self.core(x)
        z: Tensor = self.act(y)
        return z


class BatchNorm(nn.Module):
    """A batch normalisation; Keras' momentum is the share of the old mean, torch's that of the new one.

    Examples:
        >>> round(BatchNorm(3, {"momentum": 0.9}, 4).core.momentum, 3)
        0.1
    """

    def __init__(self, width: int, settings: Mapping[str, Any], ndim: int) -> None:
        super().__init__()
        kind = nn.BatchNorm2d if ndim == 4 else nn.BatchNorm1d
        momentum = 1 - float(settings.get("momentum", 0.99))
        self.core = kind(width, eps=float(settings.get("epsilon", 1e-3)), momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        """As the input."""
        y: Tensor = self.core(x)
        return y


class ChannelScale(nn.Module):
    """A factor for each channel, as ConvNeXt has it.

    Examples:
        >>> ChannelScale(2)(torch.tensor([[3.0, 4.0]])).tolist()
        [[3.0, 4.0]]
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """As the input."""
        return x * _on_channels(self.gamma, x)


class Pooling(nn.Module):
    """The maximum or the mean of windows; padding never counts.

    Examples:
        >>> mean = Pooling("AveragePooling2D", (2, 2), (2, 2), True, (1, 1, 3, 3))
        >>> mean(torch.ones(1, 1, 3, 3)).flatten()
        tensor([1., 1., 1., 1.])
    """

    def __init__(
        self, kind: str, pool: tuple[int, int], strides: tuple[int, int], same: bool, shape: Sequence[int]
    ) -> None:
        super().__init__()
        self.kind, self.pool, self.strides = kind, pool, strides
        self.pads = same_pads(shape[2:], pool, strides, (1, 1)) if same else [0, 0, 0, 0]
        ones = F.avg_pool2d(F.pad(torch.ones(1, 1, *shape[2:]), self.pads), pool, strides)
        self.register_buffer("share", ones, persistent=False)  # of each window, how much lies on the map

    def forward(self, x: Tensor) -> Tensor:
        """The smaller map."""
        if self.kind == "MaxPooling2D":
            padded = F.pad(x, self.pads, value=float("-inf")) if any(self.pads) else x
            return F.max_pool2d(padded, self.pool, self.strides)
        if not any(self.pads):
            return F.avg_pool2d(x, self.pool, self.strides)
        share: Tensor = self.get_buffer("share")
        return F.avg_pool2d(F.pad(x, self.pads), self.pool, self.strides) / share


class Normalise(nn.Module):
    """(x - mean) / sqrt(variance), with numbers of the configuration or of the weights' file.

    Examples:
        >>> Normalise(2, {"mean": [1.0, 2.0], "variance": [4.0, 4.0]})(torch.tensor([[5.0, 2.0]]))
        tensor([[2., 0.]])
    """

    def __init__(self, width: int, settings: Mapping[str, Any]) -> None:
        super().__init__()
        for name, default in (("mean", 0.0), ("variance", 1.0)):
            values = settings.get(name)
            tensor = torch.full((width,), default) if values is None else torch.tensor(values).float().flatten()
            self.register_buffer(name, tensor.expand(width).clone())
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """As the input."""
        mean, deviation = self.get_buffer("mean"), self.get_buffer("variance").sqrt().clamp_min(NORMALISE_EPS)
        return (x - _on_channels(mean, x)) / _on_channels(deviation, x)


class _Weightless(nn.Module):
    """A layer without weights."""

    def __init__(self, run: Callable[..., Tensor]) -> None:
        super().__init__()
        self.run = run

    def forward(self, *x: Tensor) -> Tensor:
        return self.run(*x)


class _DropPath(nn.Module):
    """Dropout of whole items, where Keras' noise has one number for each item."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * F.dropout(x.new_ones(len(x), *([1] * (x.ndim - 1))), self.rate)


def _flatten(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


def _merge(kind: str) -> Callable[..., Tensor]:
    pairs: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "Maximum": torch.maximum, "Multiply": torch.mul, "Subtract": torch.sub
    }  # fmt: skip
    step = pairs.get(kind, torch.add)

    def run(*x: Tensor) -> Tensor:
        if kind == "Concatenate":
            return torch.cat(x, 1)
        total = functools.reduce(step, x)
        return total / len(x) if kind == "Average" else total

    return run


def _relu(settings: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    slope, most = float(settings.get("negative_slope") or 0), settings.get("max_value")
    if settings.get("threshold") not in (None, 0, 0.0):
        raise SourceError("a ReLU layer with a threshold cannot be read; use a plain one")

    def run(x: Tensor) -> Tensor:
        y = F.leaky_relu(x, slope) if slope else x.relu()
        return y if most is None else y.clamp_max(float(most))

    return run


def _rescale(settings: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    scale, offset = (torch.tensor(settings.get(name, at)).float() for name, at in (("scale", 1.0), ("offset", 0.0)))

    def run(x: Tensor) -> Tensor:
        return x * _on_channels(scale.to(x.device), x) + _on_channels(offset.to(x.device), x)

    return run


def _reshape(settings: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    target = list(settings["target_shape"])
    if len(target) != 3 or target[:2] != [1, 1]:
        raise SourceError("a Reshape layer may only make a map of one pixel of a row")
    return lambda x: x.flatten(1)[:, :, None, None]


def simple(kind: str, settings: Mapping[str, Any], act: nn.Module) -> nn.Module:
    """A layer without weights.

    Examples:
        >>> simple("Add", {}, nn.Identity())(torch.ones(1, 2), torch.ones(1, 2))
        tensor([[2., 2.]])
    """
    if kind in ("Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract"):
        return _Weightless(_merge(kind))
    if kind == "ZeroPadding2D":
        (top, bottom), (left, right) = settings["padding"]
        return nn.ZeroPad2d((int(left), int(right), int(top), int(bottom)))
    if kind in ("GlobalAveragePooling2D", "GlobalMaxPooling2D"):
        keep = bool(settings.get("keepdims"))
        mean = kind == "GlobalAveragePooling2D"
        return _Weightless(lambda x: x.mean((2, 3), keepdim=keep) if mean else x.amax((2, 3), keepdim=keep))
    if kind == "Dropout":
        rate = float(settings["rate"])
        return nn.Dropout(rate) if settings.get("noise_shape") is None else _DropPath(rate)
    made: dict[str, Callable[[], nn.Module]] = {
        "Activation": lambda: act,
        "Softmax": lambda: nn.Softmax(dim=1),
        "ReLU": lambda: _Weightless(_relu(settings)),
        "LeakyReLU": lambda: nn.LeakyReLU(float(settings.get("negative_slope", settings.get("alpha", 0.3)))),
        "Flatten": lambda: _Weightless(_flatten),
        "Reshape": lambda: _Weightless(_reshape(settings)),
        "Rescaling": lambda: _Weightless(_rescale(settings)),
    }
    return made.get(kind, nn.Identity)()
