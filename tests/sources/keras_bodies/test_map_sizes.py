"""The bound on maps: the computed sizes are those of the tensors that torch makes, and what grows is refused early."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from headstart.errors import SourceError
from headstart.sources.keras_bodies.graph import GraphNode
from headstart.sources.keras_bodies.layers import make_layer
from headstart.sources.keras_bodies.map_sizes import largest_map, most_numbers
from headstart.sources.keras_bodies.network import KerasNetwork


class Largest(TorchDispatchMode):
    """The size of the largest tensor that torch makes."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for one in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return found


SAME = {"padding": "same"}
MAP = (1, 4, 9, 11)


@pytest.mark.parametrize(
    ("kind", "settings", "shapes"),
    [
        ("Conv2D", {"filters": 8, "kernel_size": [3, 5], "strides": [2, 1], **SAME}, [MAP]),
        ("Conv2D", {"filters": 8, "kernel_size": [3, 3], "dilation_rate": [2, 3]}, [MAP]),
        ("Conv2D", {"filters": 1, "kernel_size": [7, 7], "dilation_rate": 3, **SAME}, [MAP]),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 3, **SAME}, [MAP]),
        ("SeparableConv2D", {"filters": 2, "kernel_size": 3, "depth_multiplier": 5, **SAME}, [MAP]),
        ("SeparableConv2D", {"filters": 30, "kernel_size": 3, "strides": 2}, [MAP]),
        ("MaxPooling2D", {"pool_size": 7, "strides": 1, **SAME}, [MAP]),
        ("AveragePooling2D", {"pool_size": [2, 3]}, [MAP]),
        ("ZeroPadding2D", {"padding": [[1, 2], [3, 4]]}, [MAP]),
        ("Dense", {"units": 9}, [MAP]),
        ("Dense", {"units": 9}, [(1, 4)]),
        ("Concatenate", {}, [MAP, (1, 2, 9, 11), MAP]),
        ("Multiply", {}, [(1, 4, 1, 11), (1, 1, 9, 1), MAP]),
        ("Add", {}, [(1, 4, 1, 11), (1, 1, 9, 1)]),
        ("ReLU", {}, [MAP]),
        ("GlobalAveragePooling2D", {}, [MAP]),
        ("Flatten", {}, [MAP]),
    ],
)
def test_the_computed_size_is_that_of_the_largest_tensor(kind, settings, shapes):
    layer, inputs = make_layer(kind, settings, shapes[0]).eval(), [torch.ones(shape) for shape in shapes]
    with torch.no_grad(), Largest() as seen:
        layer(*inputs)
    weights = max((parameter.numel() for parameter in layer.parameters()), default=0)
    wanted, found = largest_map(kind, settings, shapes), seen.numbers
    assert found <= max(wanted, weights)
    assert wanted <= max(found, *(one.numel() for one in inputs), 0)


def grown(kind, settings, count, *, twice=False):
    """A chain of layers without weights."""
    nodes = [GraphNode("in", "InputLayer", {}, ())]
    for k in range(count):
        nodes.append(GraphNode(f"n{k}", kind, settings, (nodes[-1].name,) * (1 + twice)))
    return nodes


def branches(count):
    """Maps of the picture's size, all of which wait until they are added."""
    wide = GraphNode("wide", "Conv2D", {"filters": 4096, "kernel_size": [1, 1]}, ("in",))
    nodes = [GraphNode("in", "InputLayer", {}, ()), wide]
    nodes += [GraphNode(f"n{k}", "Activation", {"activation": "tanh"}, ("wide",)) for k in range(count)]
    return [*nodes, GraphNode("sum", "Add", {}, tuple(f"n{k}" for k in range(count)))]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (grown("ZeroPadding2D", {"padding": [[64, 64], [64, 64]]}, 4000), "ZeroPadding2D 'n18' makes a map of"),
        (grown("Concatenate", {}, 60, twice=True), "Concatenate 'n12' makes a map of 25,165,824 numbers"),
        (grown("MaxPooling2D", {"pool_size": 65536, "strides": 1, **SAME}, 1), "MaxPooling2D 'n0' makes a map of"),
        (
            grown("Conv2D", {"filters": 1, "kernel_size": [3, 3], "dilation_rate": 65536, **SAME}, 1),
            "Conv2D 'n0' makes a map of",
        ),
        (grown("Dense", {"units": 65536}, 1), "Dense 'n0' makes a map of 67,108,864 numbers"),
        (branches(60), "Activation 'n15' makes a map of 4,194,304 numbers of one picture while 67,108,864"),
    ],
    ids=["padding", "joining", "pooling", "dilation", "units", "branches"],
)
def test_maps_that_grow_without_weights_are_refused(nodes, words):
    """Kind: each layer that can make a map of few weights larger than its input, and many maps at the same time."""
    with Largest() as seen, pytest.raises(SourceError, match=words) as caught:
        KerasNetwork(nodes, 32, "a model")
    assert seen.numbers <= most_numbers(32)
    assert str(caught.value).startswith("a model: ")
    assert "\n" not in str(caught.value)


def test_vgg_fits_at_the_largest_side():
    """The widest map of VGG, 64 channels at the picture's own size, for pictures of 1024 pixels."""
    conv = {"filters": 64, "kernel_size": [3, 3], "padding": "same"}
    assert largest_map("Conv2D", conv, [(1, 64, 1024, 1024)]) <= most_numbers(1024)
