"""Graphs that are no graph of one picture: one sentence each."""

import pytest

from headstart.errors import SourceError
from headstart.sources.keras_bodies.graph import read_graph


def layer(kind, name, *reads, **settings):
    """A layer of a Functional model, as config.json has it."""
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [one, 0, 0]}} for one in reads]
    nodes = [{"args": [tensors if len(reads) > 1 else tensors[0]], "kwargs": {}}] if reads else []
    return {"class_name": kind, "config": {"name": name, **settings}, "inbound_nodes": nodes}


def functional(*layers):
    return {"class_name": "Functional", "config": {"layers": list(layers)}}


INPUT = layer("InputLayer", "in")


@pytest.mark.parametrize(
    "model",
    [
        functional(INPUT, layer("ReLU", "a"), layer("Add", "b", "in", "a")),
        functional(layer("ReLU", "a"), layer("InputLayer", "in"), layer("Add", "b", "in", "a")),
        {"class_name": "Sequential", "config": {"layers": [layer("ReLU", "a"), INPUT]}},
    ],
)
def test_a_layer_that_reads_nothing_is_refused(model):
    """Kind: a layer without inputs that is no InputLayer, in both kinds of model; it has nothing to compute from."""
    with pytest.raises(SourceError, match="the layer 'a' reads no other layer"):
        read_graph(model, "a model")


@pytest.mark.parametrize("reads", [("in",), ("in", "a", "c")])
def test_a_difference_has_two_layers(reads):
    model = functional(INPUT, layer("ReLU", "a", "in"), layer("ReLU", "c", "a"), layer("Subtract", "b", *reads))
    with pytest.raises(SourceError, match=f"'b' is a Subtract of {len(reads)} layers"):
        read_graph(model, "a model")
