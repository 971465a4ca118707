"""Built-in layers of Keras as torch modules, channels first: the allow-list, its bounds, and how their weights map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.sources.keras_bodies.map_sizes import pair

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ACTIVATIONS", "KINDS", "MERGES", "check_settings", "make_layer", "stored_tensors"]

AUGMENTATIONS = (
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomContrast",
    "RandomTranslation",
    "RandomBrightness",
)
MERGES = ("Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract")
DROPOUTS = ("Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "StochasticDepth")
KINDS = {
    "InputLayer", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense", "BatchNormalization", "LayerNormalization",
    "LayerScale", "Activation", "ReLU", "LeakyReLU", "Softmax", "MaxPooling2D", "AveragePooling2D",
    "GlobalAveragePooling2D", "GlobalMaxPooling2D", "ZeroPadding2D", "Flatten", "Reshape", "Rescaling", "Normalization",
    *AUGMENTATIONS, *MERGES, *DROPOUTS,
}  # fmt: skip
ACTIVATIONS = (
    "linear", "relu", "relu6", "silu", "swish", "sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "gelu", "tanh",
    "softmax", "elu", "selu", "softplus", "leaky_relu",
)  # fmt: skip
Stored = tuple[str, Callable[[NDArray[Any]], NDArray[Any]]]
MOST_PADDING = 64
ON_AXIS = ("BatchNormalization", "Concatenate", "LayerNormalization", "Normalization", "Softmax")
SWITCHES = {"invert": "Normalization", "rms_scaling": "LayerNormalization"}  # settings that must be off
LARGEST = 65_536  # of a width or a side in the settings


def check_settings(kind: str, settings: Mapping[str, Any]) -> None:
    """Raise unless the settings of a layer are plain values within bounds.

    Raises:
        SourceError: for the first that is not.

    Examples:
        >>> check_settings("Dense", {"units": 10, "activation": "relu"})
        >>> check_settings("Dense", {"units": -1})
        Traceback (most recent call last):
        headstart.errors.SourceError: the setting 'units' of a Dense layer ...
    """
    for name in (
        "filters",
        "units",
        "kernel_size",
        "strides",
        "pool_size",
        "dilation_rate",
        "groups",
        "depth_multiplier",
    ):
        values = settings.get(name)
        for value in values if isinstance(values, list | tuple) else [values]:
            whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST
            if values is not None and not whole:
                raise SourceError(f"the setting {name!r} of a {kind} layer must be whole numbers from 1 to {LARGEST}")
    padding = settings.get("padding")
    if kind == "ZeroPadding2D" and (not isinstance(padding, list) or not all(_small(part) for part in padding)):
        raise SourceError(f"the padding of a {kind} layer must be two pairs of whole numbers from 0 to {MOST_PADDING}")
    if settings.get("activation", "linear") not in ACTIVATIONS:
        raise SourceError(
            f"the activation {settings['activation']!r:.60} of a {kind} layer must be one of {', '.join(ACTIVATIONS)}"
        )
    if settings.get("data_format", "channels_last") not in (None, "channels_last"):
        raise SourceError(f"a {kind} layer has its channels first; save the model with 'channels_last'")
    if settings.get("padding", "valid") not in ("valid", "same") and kind != "ZeroPadding2D":
        raise SourceError(f"the padding of a {kind} layer must be 'valid' or 'same'")


def _check_axis(kind: str, settings: Mapping[str, Any], dimensions: int) -> None:
    """Raise unless a layer works on the last axis, and computes what is computed here."""
    axis = settings.get("axis", -1)
    last = (-1, dimensions - 1, *([None] if kind == "Normalization" else []))  # None: one mean of all
    if kind in ON_AXIS and any(one not in last for one in (axis if isinstance(axis, list) else [axis])):
        raise SourceError(f"a {kind} layer works on the axis {axis!s:.40}; only the last axis can be read")
    for name, of in SWITCHES.items():
        if kind == of and settings.get(name):
            raise SourceError(
                f"a {kind} layer has the setting {name!r}, which cannot be read; save the model without it"
            )


def _small(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(v) is int and 0 <= v <= MOST_PADDING for v in pair)


def stored_tensors(kind: str, settings: Mapping[str, Any]) -> list[Stored]:
    """The weights of a layer in Keras' order: the name in the torch module, and what turns Keras' axes into torch's.

    Examples:
        >>> [name for name, _ in stored_tensors("Conv2D", {"use_bias": True})]
        ['core.weight', 'core.bias']
    """
    bias = [("core.bias", _same)] if settings.get("use_bias", True) else []
    norm: list[Stored] = [("core.weight", _same)] * bool(settings.get("scale", True))
    norm += [("core.bias", _same)] * bool(settings.get("center", True))
    found: dict[str, list[Stored]] = {
        "Conv2D": [("core.weight", _kernel), *bias],
        "DepthwiseConv2D": [("core.weight", _depthwise), *bias],
        "SeparableConv2D": [("depthwise.weight", _depthwise), ("core.weight", _kernel), *bias],
        "Dense": [("core.weight", np.transpose), *bias],
        "LayerNormalization": norm,
        "BatchNormalization": [*norm, ("core.running_mean", _same), ("core.running_var", _same)],
        "LayerScale": [("gamma", _same)],
    }
    if kind == "Normalization" and settings.get("mean") is None:
        return [("mean", np.ravel), ("variance", np.ravel), ("count", _same)]
    return found.get(kind, [])


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _kernel(array: NDArray[Any]) -> NDArray[Any]:
    return array.transpose(3, 2, 0, 1)  # (h, w, in, out) to (out, in, h, w)


def _depthwise(array: NDArray[Any]) -> NDArray[Any]:
    h, w, width, multiplier = array.shape
    return array.transpose(2, 3, 0, 1).reshape(width * multiplier, 1, h, w)


def make_layer(kind: str, settings: Mapping[str, Any], shape: Sequence[int]) -> nn.Module:
    """A layer as a torch module with random weights.

    Args:
        kind: one of `KINDS`.
        settings: its configuration.
        shape: of its (first) input: (n, channels, height, width) or (n, width).

    Raises:
        SourceError: for a layer that works on another axis than the last one, as Keras counts them.

    Examples:
        >>> import torch
        >>> layer = make_layer("Conv2D", {"filters": 4, "kernel_size": [3, 3], "padding": "same"}, (1, 3, 8, 8))
        >>> layer(torch.ones(1, 3, 8, 8)).shape
        torch.Size([1, 4, 8, 8])
    """
    from headstart.sources.keras_bodies import modules as m

    _check_axis(kind, settings, len(shape))
    width = int(shape[1]) if len(shape) > 1 else 0
    act = m.activation(settings.get("activation", "linear"))
    made: dict[str, Callable[[], nn.Module]] = {
        "Dense": lambda: m.OnChannels(m.linear(width, settings["units"], bias=settings.get("use_bias", True)), act),
        "BatchNormalization": lambda: m.BatchNorm(width, settings, len(shape)),
        "LayerNormalization": lambda: m.OnChannels(m.layer_norm(width, settings), act),
        "LayerScale": lambda: m.ChannelScale(width),
        "Normalization": lambda: m.Normalise(width, settings),
    }
    if kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D"):
        return m.Convolution(kind, settings, shape, act)
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        pool = pair(settings["pool_size"])
        return m.Pooling(kind, pool, pair(settings.get("strides") or pool), settings.get("padding") == "same", shape)
    return made[kind]() if kind in made else m.simple(kind, settings, act)
