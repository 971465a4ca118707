"""Reading early layers of a body of equal layers, cut after the deepest one that is read."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headstart.engine.body.recipe import Forward, Tensors
from headstart.sources.bodies.hidden_layers import Reading

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["selected_reading"]


def selected_reading(module: nn.Module, reading: Reading, names: Sequence[str]) -> tuple[nn.Module, Forward]:
    """The body without the layers above the deepest of the named ones, and the forward function of the named ones.

    The layers are those of the longest `torch.nn.ModuleList`; hidden state k is the output of layer k, and hidden state
    0 the input of the first one. A body for which this is wrong gives other rows, which the caller has to notice.

    Args:
        module: the body; it is not changed, and its weights are shared.
        reading: how all its layers are read.
        names: the layers to read. With the last one, or a submodule outside of the layers, the body stays complete.

    Examples:
        >>> import torch
        >>> from headstart.sources.transformers.bert import bert_hidden, bert_module
        >>> tiny = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 3, "intermediate_size": 16,
        ...     "max_position_embeddings": 5, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.02}
        >>> body, ids = bert_module(tiny), torch.tensor([[1, 2, 3]])
        >>> reading = Reading(lambda m, x: bert_hidden(m, x, torch.ones_like(x), heads=2), lambda n: list("abcd"[:n]))
        >>> short, forward = selected_reading(body, reading, ["b"])
        >>> len(short["encoder"]["layer"]), torch.equal(forward(short, ids)[0], reading(body, ids)[1])
        (1, True)
    """
    path, count = _layers(module)
    hidden = list(reading.names(count + 1))
    depth = _depth(names, hidden, path)
    if depth is None:
        return module, replace(reading, layers=tuple(names))
    # where each layer is read: hidden state 0 enters the first layer, state k leaves layer k - 1
    places = {name: f"{path}.{max(hidden.index(name) - 1, 0)}" if name in hidden else name for name in names}
    short = _shortened(module, path.split("."), max(depth, 1))

    def forward(body: nn.Module, batch: Tensors) -> list[Tensor]:
        found: dict[str, Any] = {}
        handles = [_read(found, name, body.get_submodule(places[name]), entry=name == hidden[0]) for name in names]
        try:
            reading.hidden(body, batch)
        finally:
            for handle in handles:
                handle.remove()
        mask = batch.get("attention_mask") if isinstance(batch, Mapping) else None
        return [reading.rows_of(found[name], mask, last=False) for name in names]

    return short, forward


def _read(found: dict[str, Any], name: str, layer: nn.Module, *, entry: bool) -> Any:
    """Hook a layer so that its output, or what enters it, is kept under a name; returns the hook's handle."""
    if entry:
        return layer.register_forward_pre_hook(lambda _layer, inputs: found.update({name: inputs[0]}))
    return layer.register_forward_hook(lambda _layer, _inputs, output: found.update({name: output}))


def _layers(module: nn.Module) -> tuple[str, int]:
    """The name and the length of the longest list of layers; an empty name if there is none."""
    from torch import nn

    lists = {name: len(part) for name, part in module.named_modules() if name and isinstance(part, nn.ModuleList)}
    longest = max(lists, key=lambda name: lists[name], default="")
    return longest, lists.get(longest, 0)


def _depth(names: Sequence[str], hidden: Sequence[str], path: str) -> int | None:
    """How many layers have to run; None for all, or if that is unknown."""
    found = []
    for name in names:
        place = name.removeprefix(f"{path}.").partition(".")[0]
        if name in hidden:
            found.append(hidden.index(name))
        elif path and name.startswith(f"{path}.") and place.isdecimal():
            found.append(int(place) + 1)
        else:
            return None
    return max(found) if max(found) < len(hidden) - 1 else None


def _shortened(module: nn.Module, path: Sequence[str], depth: int) -> nn.Module:
    """A copy of a module whose list of layers at ``path`` has ``depth`` of them; all parameters are shared."""
    copied = copy.copy(module)
    copied._modules = dict(module._modules)  # a shallow copy of a module shares the table of its parts
    if not path:
        copied._modules = {str(k): copied._modules[str(k)] for k in range(depth)}
    else:
        copied._modules[path[0]] = _shortened(module.get_submodule(path[0]), path[1:], depth)
    return copied
