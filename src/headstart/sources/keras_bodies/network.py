"""The network of a graph: it runs layer by layer, and finds its blocks and where its classifier begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from headstart.errors import SourceError
from headstart.sources.bodies.seeded import spread
from headstart.sources.keras_bodies.graph import GraphNode
from headstart.sources.keras_bodies.layers import make_layer, stored_tensors
from headstart.sources.keras_bodies.map_sizes import largest_map, most_numbers
from headstart.sources.keras_bodies.weights import Stored

__all__ = ["KerasNetwork", "fill"]

MOST_BLOCKS = 12
WAITING = 4  # largest maps that wait at the same time for the layers that read them
SKIPPED = ("ZeroPadding2D", "Normalization", "Rescaling")
STAGES = ("Add", "Concatenate", "MaxPooling2D", "AveragePooling2D")


class KerasNetwork(nn.Module):
    """A graph as a module.

    Args:
        nodes: the layers, in the order in which they run.
        side: height and width of its pictures in pixels.
        where: the origin, for messages.

    Attributes:
        blocks: the layers whose outputs are blocks, first to last: additions, concatenations and poolings, and the last
            map of each size; at most twelve.
        trunk: the layer whose (pooled) output is the body's last block: the input of the classifier.

    Raises:
        SourceError: if a layer cannot be built for pictures of this size, or makes larger maps than any known body.

    Examples:
        >>> conv = GraphNode("conv", "Conv2D", {"filters": 4, "kernel_size": [3, 3]}, ("in",))
        >>> KerasNetwork([GraphNode("in", "InputLayer", {}, ()), conv], 8, "a model").trunk
        'conv'
    """

    def __init__(self, nodes: Sequence[GraphNode], side: int, where: str) -> None:
        super().__init__()
        self.nodes = list(nodes)
        self.layers = nn.ModuleDict()
        shapes: dict[str, tuple[int, ...]] = {}
        outputs: dict[str, Tensor] = {}
        left = {name: sum(name in node.inputs for node in nodes) for name in (node.name for node in nodes)}
        for node in nodes:
            try:
                if not node.inputs:
                    outputs[node.name] = torch.zeros(1, 3, side, side)
                else:
                    if len({outputs[name].ndim for name in node.inputs}) > 1:
                        raise SourceError(f"'{node.name:.60}' joins a map and a row; Reshape it to 1 x 1 before")
                    _check_sizes(node, outputs, most_numbers(side))
                    layer = make_layer(node.kind, node.settings, outputs[node.inputs[0]].shape).eval()
                    self.layers[f"{node.name}_"] = layer  # a name such as "keys" belongs to the container
                    with torch.no_grad():
                        outputs[node.name] = layer(*(outputs[name] for name in node.inputs))
            except SourceError as error:
                raise SourceError(f"{where}: {error}") from error
            except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError) as error:
                reason = " ".join(str(error).split())[:200]
                raise SourceError(
                    f"{where} cannot be built for pictures of {side} pixels a side: its {node.kind} '{node.name:.60}' "
                    f"gives {reason}; give another side, or save the model again."
                ) from error
            shapes[node.name] = tuple(outputs[node.name].shape)
            for name in node.inputs:  # outputs that no layer reads any more are released
                left[name] -= 1
                if not left[name]:
                    outputs.pop(name, None)
        self.shapes = shapes
        self.trunk, self.classifier = self._trunk()
        self.blocks = self._blocks()

    def run(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The outputs of some layers, of preprocessed pictures (n, 3, side, side)."""
        wanted, outputs, kept = set(names), {self.nodes[0].name: x}, {}
        last = max(k for k, node in enumerate(self.nodes) if node.name in wanted)
        readers = {name: k for k, node in enumerate(self.nodes[: last + 1]) for name in node.inputs}
        for k, node in enumerate(self.nodes[: last + 1]):
            if node.inputs:
                outputs[node.name] = self.layers[f"{node.name}_"](*(outputs[name] for name in node.inputs))
            if node.name in wanted:
                kept[node.name] = outputs[node.name]
            for name in node.inputs:
                if readers[name] == k:
                    outputs.pop(name, None)
        return kept

    def forward(self, x: Tensor) -> Tensor:
        """The model's own output."""
        return self.run(x, [self.nodes[-1].name])[self.nodes[-1].name]

    def _trunk(self) -> tuple[str, str | None]:
        """The layer before the final Dense layer, and that layer; without one, the output and None."""
        by_name = {node.name: node for node in self.nodes}
        node = self.nodes[-1]
        while node.kind in ("Activation", "Softmax", "Dropout") and len(self.shapes[node.name]) == 2:
            node = by_name[node.inputs[0]]
        if node.kind != "Dense":
            return self.nodes[-1].name, None
        before = by_name[node.inputs[0]]
        while before.kind == "Dropout":
            before = by_name[before.inputs[0]]
        return before.name, node.name

    def _blocks(self) -> list[str]:
        trunk = next(k for k, node in enumerate(self.nodes) if node.name == self.trunk)
        maps = [
            node
            for node in self.nodes[1 : trunk + 1]
            if len(self.shapes[node.name]) == 4 and node.kind != "ZeroPadding2D"
        ]
        ends = {self.shapes[node.name][2:]: node.name for node in maps if self.shapes[node.name][2:] != (1, 1)}
        found = [node.name for node in maps if node.kind in STAGES or node.name in ends.values()]
        # The last map, pooled, is the last block where the body ends with it or with its mean.
        ending = self.nodes[trunk]
        same = {ending.name, *(ending.inputs if ending.kind == "GlobalAveragePooling2D" else ())}
        return spread([name for name in found if name not in same], MOST_BLOCKS)


def _check_sizes(node: GraphNode, outputs: Mapping[str, Tensor], most: int) -> None:
    """Raise before a layer makes a map that is too large: padding and joining take no weights, so any file may ask."""
    numbers = largest_map(node.kind, node.settings, [outputs[name].shape for name in node.inputs])
    waiting = sum(output.numel() for output in outputs.values())
    if numbers > most or numbers + waiting > WAITING * most:
        raise SourceError(
            f"the {node.kind} '{node.name:.60}' makes a map of {numbers:,} numbers of one picture while "
            f"{waiting:,} wait, and at most {most:,} and {WAITING * most:,} in all are allowed; give a smaller model"
        )


def fill(network: KerasNetwork, stored: Stored, where: str) -> None:
    """Put the weights of a file into a network, in place.

    Args:
        network: the network.
        stored: the arrays of each layer.
        where: the origin, for messages.

    Raises:
        SourceError: if they do not fit, or hold NaN or infinite numbers.

    Examples:
        >>> dense = GraphNode("dense", "Dense", {"units": 1, "use_bias": False}, ("mean",))
        >>> mean = GraphNode("mean", "GlobalAveragePooling2D", {}, ("in",))
        >>> network = KerasNetwork([GraphNode("in", "InputLayer", {}, ()), mean, dense], 8, "a model")
        >>> fill(network, lambda node, sizes: [np.full((3, 1), 2.0)], "a file")
        >>> network(torch.ones(1, 3, 8, 8)).item()
        6.0
    """
    for node in network.nodes:
        wanted = stored_tensors(node.kind, node.settings)
        if not wanted:
            continue
        state = network.layers[f"{node.name}_"].state_dict()
        try:
            arrays = stored(node, [state[name].numel() for name, _ in wanted])
        except SourceError as error:
            raise SourceError(
                f"{where} does not fit the {node.kind} layer '{node.name:.60}': {error}; give the weights of this "
                "architecture."
            ) from error
        if len(arrays) != len(wanted):
            raise SourceError(
                f"{where} has {len(arrays)} arrays for the {node.kind} layer '{node.name:.60}', not {len(wanted)}; "
                "give the weights of this architecture."
            )
        for (name, convert), array in zip(wanted, arrays, strict=True):
            fits = array.ndim >= state[name].ndim
            converted = np.array(convert(array), np.float32, order="C") if fits else array
            if converted.shape != tuple(state[name].shape) or not np.isfinite(converted).all():
                raise SourceError(
                    f"{where} has an array of shape {array.shape} for '{name}' of the layer '{node.name:.60}', not "
                    f"{tuple(state[name].shape)} finite numbers; give the weights of this architecture."
                )
            state[name].copy_(torch.from_numpy(converted))
