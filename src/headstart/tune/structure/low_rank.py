"""Low-rank modules on any convolution or linear layer: what LoRA and DoRA add to a weight.

References: Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models": W + (alpha/r) B A; Liu et al. 2024,
"DoRA: Weight-Decomposed Low-Rank Adaptation": m (W + (alpha/r) B A) / ‖W + (alpha/r) B A‖, a norm for each output.
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
    """The parametrisation W ↦ W + (alpha/r) B A of a weight (out, in, ...), whose kernel is flattened into its inputs.

    Args:
        weight: the weight as it is.
        rank: r.
        alpha: how much the change counts, over r.
        decomposed: whether magnitude and direction are learnt apart (DoRA).

    Attributes:
        down: A, (r, in · kernel), drawn as a linear layer's weight.
        up: B, (out, r), zero at first.
        magnitude: m, (out,), the norms of W at first; None for LoRA. The norm that divides is taken as a constant in
            the gradient (Liu et al. 2024, section 4.3).

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
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.magnitude = nn.Parameter(flat.norm(dim=1)) if decomposed else None

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer computes with."""
        with torch.autocast(weight.device.type, enabled=False):  # small changes would be lost in bf16
            moved = weight.flatten(1) + self.scaling * (self.up @ self.down)
            if self.magnitude is not None:
                norm = moved.detach().norm(dim=1).clamp_min(TINY)
                moved = moved * (self.magnitude / norm)[:, None]
            return moved.reshape(weight.shape)


def low_rank_plan(setting: Setting, name: str, *, rank: int, alpha: float, rate: float, decomposed: bool) -> Plan:
    """Put low-rank modules on a body, let them and the head move, and merge them at the end.

    Transformers (`headstart.tune.structure.peft_modules.is_transformer`) get the modules of peft on their
    linear layers; other bodies get `LowRank` on their ungrouped convolutions and linear layers. In both, layers with
    fewer than 2 · rank channels on a side are left alone: there a low rank saves nothing.

    Args:
        setting: what is trained.
        name: of the strategy, for sentences.
        rank: r.
        alpha: how much the change counts, over r.
        rate: multiplies the learning rate of the modules.
        decomposed: whether magnitude and direction are learnt apart (DoRA).

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
            f"The strategy '{name}' of rank {rank} needs layers with at least {2 * rank} channels on both sides, "
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

    moved = ParameterGroup(tuple(f"body.{name}" for name in names), rate)
    return Plan((moved, head_group(network)), finish=finish)


def _insert(name: str, layer: nn.Module, rank: int, alpha: float, *, decomposed: bool) -> list[str]:
    """Put a module on a layer's weight; the names of its parameters in the body."""
    made = LowRank(layer.get_parameter("weight"), rank, alpha, decomposed=decomposed)
    parametrize.register_parametrization(layer, "weight", made)
    return [f"{name}.parametrizations.weight.0.{key}" for key, _ in made.named_parameters()]
