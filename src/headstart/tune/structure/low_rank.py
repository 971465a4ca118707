"""Low-rank modules on any convolution or linear layer: what LoRA and DoRA add to a weight.

References: Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models": W + (alpha/r) B A; Liu et al. 2024,
"DoRA: Weight-Decomposed Low-Rank Adaptation": m (W + (alpha/r) B A) / ‖W + (alpha/r) B A‖, with one norm per output.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from headstart.errors import SourceError
from headstart.sources.bodies.seeded import seeded
from headstart.tune.moving.plan import Plan, Setting, head_group
from headstart.tune.structure.layers import channel_layers, merge_layer
from headstart.tune.structure.peft_modules import insert_peft, is_transformer
from headstart.tune.training.job import ParameterGroup

__all__ = ["LowRank", "low_rank_plan"]

TINY = 1e-12


class LowRank(nn.Module):
    """The parametrisation W ↦ W + (alpha/r) B A of a weight (out, in, ...), whose kernel axes are flattened into in.

    Args:
        weight: the current weight W.
        rank: r.
        alpha: scale of the update, which is multiplied by alpha / r.
        decomposed: whether magnitude and direction are trained apart (DoRA).

    Attributes:
        down: A, (r, in · kernel), initialised as the weight of a linear layer.
        up: B, (out, r), zero at first, so that the layer starts unchanged.
        magnitude: m, (out,), at first the norms of W; None for LoRA. Gradients do not flow through the norm in the
            denominator (Liu et al. 2024, section 4.3).

    Examples:
        >>> weight = torch.ones(4, 3, 2, 2)
        >>> bool((LowRank(weight, rank=1, alpha=1.0)(weight) == weight).all())
        True
    """

    def __init__(self, weight: Tensor, rank: int, alpha: float, *, decomposed: bool = False) -> None:
        super().__init__()
        flat = weight.detach().flatten(1)
        self.scaling = alpha / rank
        self.down = nn.Parameter(flat.new_empty(rank, flat.shape[1]))
        self.up = nn.Parameter(flat.new_zeros(len(flat), rank))
        # As nn.Linear initialises its weight: uniform with bound 1 / √(inputs).
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.magnitude = nn.Parameter(flat.norm(dim=1)) if decomposed else None

    def forward(self, weight: Tensor) -> Tensor:
        """The adapted weight (out, in, ...)."""
        with torch.autocast(weight.device.type, enabled=False):  # bf16 would round a small update away
            adapted = weight.flatten(1) + self.scaling * (self.up @ self.down)
            if self.magnitude is not None:
                norm = adapted.detach().norm(dim=1).clamp_min(TINY)
                adapted = adapted * (self.magnitude / norm)[:, None]
            return adapted.reshape(weight.shape)


def low_rank_plan(setting: Setting, name: str, *, rank: int, alpha: float, rate: float, decomposed: bool) -> Plan:
    """A plan that adds low-rank modules to a body, trains them and the head, and merges the modules at the end.

    Transformers (`headstart.tune.structure.peft_modules.is_transformer`) get the modules of peft on their linear
    layers. Other bodies get `LowRank` on their ungrouped convolutions and linear layers. Layers with fewer than
    2 · rank input or output channels are left out, since a low rank saves nothing there.

    Args:
        setting: gives the network and the seed.
        name: name of the strategy, for messages.
        rank: r.
        alpha: scale of the update, which is multiplied by alpha / r.
        rate: multiplies the learning rate of the modules.
        decomposed: whether magnitude and direction are trained apart (DoRA).

    Raises:
        SourceError: if no layer is wide enough.
        MissingExtraError: if the body is a transformer and peft is not installed.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> plan = low_rank_plan(setting, "lora", rank=4, alpha=8.0, rate=1.0, decomposed=False)
        >>> plan.groups[0].names[:2]
        ('body.blocks.0.0.parametrizations.weight.0.down', 'body.blocks.0.0.parametrizations.weight.0.up')
        >>> plan.finish()
        >>> next(name for name, _ in setting.network.named_parameters())     # merged
        'body.blocks.0.0.weight'
    """
    network = setting.network
    peft = is_transformer(network)
    layers = [
        (name, layer)
        for name, layer in channel_layers(network, least=2 * rank)
        if isinstance(layer, nn.Linear) or not peft
    ]
    if not layers:
        raise SourceError(
            f"The strategy '{name}' of rank {rank} needs layers with at least {2 * rank} input and output channels, "
            "and the body has none; lower the rank, or use 'bitfit' or 'lp_ft'."
        )
    if peft:
        chosen = [name for name, _ in layers]
        names, finish = seeded(
            setting.seed,
            lambda: insert_peft(network.body, chosen, name, rank=rank, alpha=alpha, decomposed=decomposed),
        )
    else:
        orders = [[key for key, _ in layer.named_parameters(recurse=False)] for _, layer in layers]
        names = seeded(
            setting.seed,
            lambda: [n for name, layer in layers for n in _insert(name, layer, rank, alpha, decomposed=decomposed)],
        )

        def finish() -> None:
            for (_, layer), order in zip(layers, orders, strict=True):
                merge_layer(layer, order)

    modules = ParameterGroup(tuple(f"body.{name}" for name in names), rate)
    return Plan((modules, head_group(network)), finish=finish)


def _insert(name: str, layer: nn.Module, rank: int, alpha: float, *, decomposed: bool) -> list[str]:
    """Parametrise a layer's weight; returns the names of the new parameters in the body."""
    made = LowRank(layer.get_parameter("weight"), rank, alpha, decomposed=decomposed)
    parametrize.register_parametrization(layer, "weight", made)
    return [f"{name}.parametrizations.weight.0.{key}" for key, _ in made.named_parameters()]
