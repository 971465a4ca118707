"""SSF: a scale and a shift of every layer's output are trained, and merged into the layer afterwards.

Reference: Lian et al. 2022, "Scaling & Shifting Your Features: A New Baseline for Efficient Model Tuning":
y = gamma ⊙ x + beta after each convolution, linear layer and normalisation. After W x + b this is
(gamma W) x + (gamma b + beta), a layer of the same kind.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from headstart.errors import SourceError
from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, head_group
from headstart.tune.network.body_and_head import Network
from headstart.tune.structure.layers import CHANNEL_LAYERS, merge_layer, used_names
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["SSF", "Scale", "ScaleAndShift", "ScalingShifting", "scaled_layers"]

# Layers whose output is gain * x + bias. A library's own normalisation may compute (1 + gain) * x, so it is left out.
NORMALISATIONS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)  # fmt: skip


class Scale(nn.Module):
    """Parametrisation of a layer's weight (out, ...), or of a normalisation's gain: gamma ⊙ weight.

    Args:
        shape: shape of gamma, which starts at 1: (out,), or the shape of the gain.

    Examples:
        >>> Scale((2,))(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(shape))

    def forward(self, weight: Tensor) -> Tensor:
        """Multiply each output's weights (out, ...) by its gamma."""
        return weight * self.gamma.reshape(self.gamma.shape + (1,) * (weight.ndim - self.gamma.ndim))


class ScaleAndShift(nn.Module):
    """Parametrisation of a layer's bias (out,): gamma ⊙ bias + beta; beta starts at 0.

    Args:
        gamma: the parameter that also scales the layer's weight.

    Examples:
        >>> ScaleAndShift(nn.Parameter(torch.tensor([2.0])))(torch.tensor([3.0])).tolist()
        [6.0]
    """

    def __init__(self, gamma: nn.Parameter) -> None:
        super().__init__()
        self.gamma, self.beta = gamma, nn.Parameter(torch.zeros_like(gamma))

    def forward(self, bias: Tensor) -> Tensor:
        """Scale and shift the bias (out,)."""
        return bias * self.gamma + self.beta


def scaled_layers(network: Network) -> list[tuple[str, nn.Module]]:
    """Names and modules of the convolutions, linear layers and normalisations that the features depend on.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> [(name, type(layer).__name__) for name, layer in scaled_layers(toy_setting(LP_FT).network)][:2]
        [('blocks.0.0', 'Conv2d'), ('blocks.0.1', 'BatchNorm2d')]
    """
    used = set(used_names(network))
    kinds = (*CHANNEL_LAYERS, *NORMALISATIONS)
    found = network.body.named_modules()
    return [(name, part) for name, part in found if isinstance(part, kinds) and f"body.{name}.weight" in used]


@dataclass(frozen=True)
class ScalingShifting:
    """Training of a scale for every channel, of a shift for channels with a bias, and of the head.

    A convolution without a bias gets no shift, since it could not be merged; the normalisation after it gets one.
    Scales start at 1 and shifts at 0, so training starts from the closed-form head (the paper draws them close to
    these values).

    Attributes:
        training: the training settings.
        rate: multiplies the learning rate of scales and shifts, 10, as in `headstart.tune.bitfit`.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = SSF.plan(toy_setting(SSF))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(12, 10.0), (2, 1.0)]
    """

    training: Training = Training()
    rate: float = 10.0
    name: str = "ssf"

    def __post_init__(self) -> None:
        check_number(self.rate, "rate", type(self).__name__, low=0, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """Add scales and shifts to the layers; train them and the head, and merge them at the end."""
        layers = scaled_layers(setting.network)
        if not layers:
            raise SourceError(
                f"The strategy '{self.name}' scales convolutions, linear layers and normalisations, but the body has "
                "none; use 'lp_ft'."
            )
        orders = [[key for key, _ in layer.named_parameters(recurse=False)] for _, layer in layers]
        names = [name for found, layer in layers for name in _scale(f"body.{found}", layer)]

        def finish() -> None:
            for (_, layer), order in zip(layers, orders, strict=True):
                merge_layer(layer, order)

        return Plan((ParameterGroup(tuple(names), self.rate), head_group(setting.network)), finish=finish)

    fit = fit_moved


def _scale(name: str, layer: nn.Module) -> list[str]:
    """Parametrise a layer by gamma, and by beta if it has a bias; returns the names of these parameters."""
    weight = layer.get_parameter("weight")
    shape = tuple(weight.shape[:1] if isinstance(layer, CHANNEL_LAYERS) else weight.shape)
    scale = Scale(shape).to(weight.device)
    parametrize.register_parametrization(layer, "weight", scale)
    names = [f"{name}.parametrizations.weight.0.gamma"]
    if "bias" in dict(layer.named_parameters(recurse=False)):
        parametrize.register_parametrization(layer, "bias", ScaleAndShift(scale.gamma))
        names.append(f"{name}.parametrizations.bias.0.beta")
    return names


SSF = ScalingShifting()
