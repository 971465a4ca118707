"""The outputs of a body's blocks before they are pooled, and what the loss owes to each of their channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from headstart.sources.bodies.parameter_groups import numbered
from headstart.sources.bodies.seeded import spread

__all__ = ["MapRecorder", "block_modules", "channels_first", "loss_increases"]


def block_modules(body: nn.Module, named: Sequence[str], most: int) -> list[str]:
    """The submodules whose outputs count: blocks that a source names, else the outermost numbered ones, else children.

    Args:
        body: the module.
        named: names of blocks; those that are no submodules are passed over.
        most: at most so many, evenly spread, the last one among them.

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
    """Maps (n, c, h, w), or rows of tokens (n, t, c), as (n, c, positions); (n, c) has one position.

    Examples:
        >>> channels_first(torch.zeros(2, 5, 3)).shape, channels_first(torch.zeros(2, 8, 4, 4)).shape
        (torch.Size([2, 3, 5]), torch.Size([2, 8, 16]))
    """
    if maps.ndim == 3:
        return maps.transpose(1, 2)
    return maps.flatten(2) if maps.ndim > 3 else maps.unsqueeze(2)


class MapRecorder:
    """Keeps what submodules gave last, until it is taken.

    Args:
        body: the module.
        names: of its submodules that give a tensor, or a tuple that begins with one.

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
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG001 (as hooks are called)
            self._kept[name] = output[0] if isinstance(output, tuple) else output

        return keep

    def take(self) -> list[Tensor]:
        """What was kept, one tensor a submodule; nothing is kept afterwards."""
        found = [self._kept[name] for name in self._names]
        self._kept.clear()
        return found

    def close(self) -> None:
        """Listen no more."""
        for handle in self._handles:
            handle.remove()
        self._kept.clear()


def loss_increases(
    body: nn.Module, channels: Mapping[str, int], loss: Callable[[], float], passes: int
) -> dict[str, Tensor]:
    """By how much the loss rises where one channel of a submodule's output is set to zero.

    Args:
        body: the module.
        channels: how many channels each submodule gives.
        loss: runs the body on some items.
        passes: runs in all; of submodules with more channels than their share of it, evenly spread ones are measured,
            and the others get their mean.

    Returns:
        (channels,) for each submodule.

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
    def silence(module: nn.Module, inputs: Any, output: Any) -> Any:  # noqa: ARG001 (as hooks are called)
        maps = output[0] if isinstance(output, tuple) else output
        changed = maps.clone()
        changed[(..., channel) if maps.ndim == 3 else (slice(None), channel)] = 0
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    with ExitStack() as stack:
        stack.callback(part.register_forward_hook(silence).remove)
        return loss()
