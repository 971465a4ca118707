"""DELTA: a penalty keeps the feature maps near those of the frozen body, most of all in the channels that matter.

Reference: Li et al. 2019, "DELTA: Deep Learning Transfer using Feature Map with Attention for Convolutional Networks":
Ω = Σ_j Σ_c W_jc ‖FM_jc - FM⁰_jc‖², where W_j is the softmax over channels of the increase of the loss when the channel
is set to zero.

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.params import check_number
from headstart.sources.bodies.parameter_groups import numbered
from headstart.sources.bodies.seeded import spread
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.structure.source_head import frozen_body
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import best_device, to_device
from headstart.tune.training.settings import Training

__all__ = [
    "DELTA",
    "Delta",
    "MapRecorder",
    "attention_of",
    "behavioural_distance",
    "block_modules",
    "channels_first",
    "loss_increases",
]

SOFTENING = 5.0  # TLlib's temperature of the softmax over standardised increases
SAMPLE = 3  # stream of random numbers that the seed opens here, apart from those of the batches


def attention_of(rises: Tensor) -> Tensor:
    """The attention of each channel: the softmax of the standardised loss increases over 5, as in TLlib.

    Args:
        rises: (channels,) increase of the loss when the channel is set to zero.

    Returns:
        (channels,) weights that sum to one.

    Examples:
        >>> attention_of(torch.tensor([0.5, 0.5]))
        tensor([0.5000, 0.5000])
    """
    spread = rises.std(correction=0)
    return ((rises - rises.mean()) / spread.clamp_min(1e-12) / SOFTENING).softmax(dim=0)


def behavioural_distance(maps: Tensor, start: Tensor, attention: Tensor) -> Tensor:
    """½ c Σ_c W_c ‖FM_c - FM⁰_c‖² / positions, the mean over items.

    Args:
        maps: (n, c, h, w) feature maps, or (n, t, c) tokens.
        start: those of the frozen body, of the same shape.
        attention: (c,) weights of the channels, which sum to one.

    Examples:
        >>> behavioural_distance(torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3), torch.tensor([0.5, 0.5]))
        tensor(1.)
    """
    squares = (channels_first(maps.float()) - channels_first(start.float())).square().mean(dim=2)
    return 0.5 * len(attention) * (squares @ attention).mean()


@dataclass(frozen=True)
class Delta:
    """Fine-tuning with a penalty on the distance of the blocks' outputs from those of the frozen body.

    The attention is measured once, before training, with the closed-form head on a few training items. Weight decay
    regularises the head, which is the paper's second term.

    Attributes:
        training: the training settings.
        weight: of the penalty, 0.01. TLlib has 0.01 for the sum over a batch of 48, which is 0.5 for the mean. But it
            compares convolutions before their normalisation, whose variance is a tenth to a hundredth of that of the
            blocks' outputs. Here the outputs are compared, since every kind of body has them.
        blocks: how many blocks are compared, evenly spaced, 4 (as for the ResNets there).
        items: training items on which the attention is measured, 16.
        passes: forward passes of these items, 256, shared evenly among the blocks. If a block has more channels than
            passes, evenly spaced channels are measured, and the others get the mean. The cost is that of encoding
            items times passes, about 4,000 items, without gradients.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = DELTA.plan(toy_setting(DELTA))
        >>> sum(len(group.names) for group in plan.groups), plan.penalty is None  # all parameters, with a penalty
        (14, False)
    """

    training: Training = Training()
    weight: float = 0.01
    blocks: int = 4
    items: int = 16
    passes: int = 256
    name: str = "delta"

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", type(self).__name__, low=0)
        for name in ("blocks", "items", "passes"):
            check_number(getattr(self, name), name, type(self).__name__, low=1, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters."""
        network, named = setting.network, [block.name for block in setting.source.info.blocks]
        frozen = frozen_body(network.body)
        names = block_modules(frozen, named, self.blocks)
        attention = self._attention(setting, names)
        weights = [attention[name].to(best_device()) for name in names]
        tuned_maps, frozen_maps = MapRecorder(network.body, names), MapRecorder(frozen, names)

        def penalty(batch: Batch, blocks: Sequence[Tensor], logits: Tensor) -> Tensor:  # noqa: ARG001 (maps instead)
            with torch.no_grad():
                network.trainable.forward(frozen, batch.inputs)
            pairs = zip(tuned_maps.take(), frozen_maps.take(), weights, strict=True)
            distances = [behavioural_distance(ours, theirs, weight) for ours, theirs, weight in pairs]
            return self.weight * torch.stack(distances).sum()

        groups = (*body_groups(network), head_group(network))
        return Plan(groups, penalty, finish=tuned_maps.close)

    def _attention(self, setting: Setting, names: Sequence[str]) -> Mapping[str, Tensor]:
        """The attention (channels,) of each block, by its name."""
        network = setting.network.to(best_device()).eval()
        rng = np.random.default_rng([setting.seed, SAMPLE])
        chosen = rng.permutation(len(setting.items))[: self.items]
        inputs = to_device(setting.batches.inputs(chosen.tolist()), best_device())
        targets = torch.tensor(setting.targets[chosen], dtype=torch.float32, device=best_device())

        def loss() -> float:
            with torch.inference_mode():
                return float(task_loss(setting.task, network(inputs), targets).mean())

        recorder = MapRecorder(network.body, names)
        loss()
        channels = {name: channels_first(maps).shape[1] for name, maps in zip(names, recorder.take(), strict=True)}
        recorder.close()
        rises = loss_increases(network.body, channels, loss, self.passes)
        return {name: attention_of(rise) for name, rise in rises.items()}

    fit = fit_moved


DELTA = Delta()


def block_modules(body: nn.Module, named: Sequence[str], most: int) -> list[str]:
    """Names of the submodules to compare: the source's blocks, else outermost numbered submodules, else children.

    Args:
        body: the module.
        named: names of the source's blocks; names that are not submodules are ignored.
        most: how many are returned at most, evenly spaced, including the last.

    Examples:
        >>> block_modules(nn.Sequential(nn.Linear(1, 1), nn.ReLU()), ["last"], 4)
        ['0', '1']
    """
    known = dict(body.named_modules())
    found = [name for name in named if name in known]
    if not found:
        found = list(dict.fromkeys(block for name in known if (block := numbered(name)) is not None))
    return spread(found or [name for name, _ in body.named_children()], most)


def channels_first(maps: Tensor) -> Tensor:
    """Feature maps (n, c, h, w) or tokens (n, t, c) as (n, c, positions); rows (n, c) have one position.

    Examples:
        >>> channels_first(torch.zeros(2, 5, 3)).shape, channels_first(torch.zeros(2, 8, 4, 4)).shape
        (torch.Size([2, 3, 5]), torch.Size([2, 8, 16]))
    """
    if maps.ndim == 3:
        return maps.transpose(1, 2)
    return maps.flatten(2) if maps.ndim > 3 else maps.unsqueeze(2)


class MapRecorder:
    """Records the last outputs of submodules.

    Args:
        body: the module.
        names: its submodules to record; each returns a tensor, or a tuple whose first entry is one.

    Examples:
        >>> body = nn.Sequential(nn.Linear(2, 3))
        >>> recorder = MapRecorder(body, ["0"])
        >>> _ = body(torch.ones(1, 2))
        >>> [maps.shape for maps in recorder.take()]
        [torch.Size([1, 3])]
        >>> recorder.close()
    """

    def __init__(self, body: nn.Module, names: Sequence[str]) -> None:
        self._names, self._kept = names, dict[str, Tensor]()
        self._handles = [body.get_submodule(name).register_forward_hook(self._keeper(name)) for name in names]

    def _keeper(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: object, output: Any) -> None:  # noqa: ARG001 (as hooks are called)
            self._kept[name] = output[0] if isinstance(output, tuple) else output

        return keep

    def take(self) -> list[Tensor]:
        """The recorded outputs, one tensor per submodule; the record is empty afterwards."""
        found = [self._kept[name] for name in self._names]
        self._kept.clear()
        return found

    def close(self) -> None:
        """Remove the hooks and the record."""
        for handle in self._handles:
            handle.remove()
        self._kept.clear()


def loss_increases(
    body: nn.Module, channels: Mapping[str, int], loss: Callable[[], float], passes: int
) -> dict[str, Tensor]:
    """The increase of the loss when one channel of a submodule's output is set to zero, for each channel.

    Args:
        body: the module.
        channels: number of channels of each submodule's output.
        loss: runs the body on some items and returns their loss.
        passes: how often the loss is computed in all. If a submodule has more channels than its share of these, evenly
            spaced channels are measured, and the others get the mean.

    Returns:
        For each submodule, (channels,) increases.

    Examples:
        >>> body = nn.Sequential(nn.Identity())
        >>> rows = torch.tensor([[3.0, -1.0]])
        >>> loss_increases(body, {"0": 2}, lambda: float(body(rows).sum()), 8)
        {'0': tensor([-3.,  1.])}
    """
    base = loss()
    found = {}
    for name, width in channels.items():
        chosen = spread(range(width), max(1, passes // len(channels)))
        rises = torch.tensor([_without(body.get_submodule(name), channel, loss) - base for channel in chosen])
        found[name] = torch.full((width,), float(rises.mean()))
        found[name][torch.tensor(chosen)] = rises
    return found


def _without(part: nn.Module, channel: int, loss: Callable[[], float]) -> float:
    def silence(module: nn.Module, inputs: object, output: Any) -> Any:  # noqa: ARG001 (as hooks are called)
        maps = output[0] if isinstance(output, tuple) else output
        changed = maps.clone()
        # Tokens (n, t, c) have their channels last, feature maps (n, c, h, w) second.
        changed[(..., channel) if maps.ndim == 3 else (slice(None), channel)] = 0
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    with ExitStack() as stack:
        stack.callback(part.register_forward_hook(silence).remove)
        return loss()
