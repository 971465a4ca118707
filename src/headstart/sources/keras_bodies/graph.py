"""The graph of a Keras model, read from its configuration: which layer reads which, from an allow-list of layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headstart.errors import SourceError
from headstart.sources.keras_bodies.layers import KINDS, MERGES, check_settings

__all__ = ["GraphNode", "read_graph"]

MOST_LAYERS = 4000
OPERATORS = ("Add", "Maximum", "Multiply", "Subtract")  # those of two layers that compute what the layer computes


@dataclass(frozen=True)
class GraphNode:
    """One layer of a graph.

    Attributes:
        name: unique in the graph; letters, digits and underscores.
        kind: the class of Keras, such as ``"Conv2D"``.
        settings: its configuration.
        inputs: the names of the layers that it reads; none for the input.
        path: where its weights are in a file of Keras 3, such as ``layers/conv2d_1``.
        outer: the name of the outermost layer that it belongs to, by which older files store weights.

    Examples:
        >>> GraphNode("relu", "ReLU", {}, ("conv",)).inputs
        ('conv',)
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]
    path: str = ""
    outer: str = ""


def read_graph(model: object, where: str) -> list[GraphNode]:
    """The layers of a model in the order of its configuration, which nested models are part of.

    Args:
        model: ``class_name`` and ``config``, as ``config.json`` in a .keras file has them.
        where: the origin, for messages.

    Returns:
        The layers; the last one is the output.

    Raises:
        SourceError: for a layer that is not on the allow-list, a setting out of its range, several inputs or outputs, a
            layer that is used twice, and anything that is no graph.

    Examples:
        >>> layers = [{"class_name": "InputLayer", "config": {"name": "in"}}, {"class_name": "ReLU", "config": {}}]
        >>> [node.inputs for node in read_graph({"class_name": "Sequential", "config": {"layers": layers}}, "a model")]
        [(), ('in',)]
    """
    try:
        nodes = list(_nodes(model, "", "", ""))
        outputs = {node.name for node in nodes} - {name for node in nodes for name in node.inputs}
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        if isinstance(error, SourceError):
            raise SourceError(f"{where}: {error}") from error
        raise SourceError(f"{where} has no graph that can be read ({error!s:.100}); save the model again.") from error
    known: set[str] = set()
    for node in nodes:
        if node.name in known or not set(node.inputs) <= known:
            raise SourceError(
                f"{where} has a layer '{node.name:.60}' that comes twice or before its input; save it again."
            )
        known.add(node.name)
    inputs = [node for node in nodes if node.kind == "InputLayer"]
    if len(inputs) != 1 or len(outputs) != 1 or nodes[-1].name not in outputs or len(nodes) > MOST_LAYERS:
        raise SourceError(
            f"{where} must have one input, one output and at most {MOST_LAYERS} layers. Got {len(inputs)}, "
            f"{len(outputs)} and {len(nodes)} instead; save the part that reads one picture."
        )
    return nodes


def _nodes(model: Any, prefix: str, path: str, feeding: str) -> Iterator[GraphNode]:
    """The layers of a model or of a nested one, which reads the layer ``feeding``."""
    kind, config = model["class_name"], model["config"]
    if kind not in ("Functional", "Sequential", "Model"):
        raise SourceError(f"the model is a {kind!s:.60}, and only Sequential and Functional models can be read")
    counts: dict[str, int] = {}
    outputs: dict[str, str] = {}  # name within this model to the name in the graph
    before = feeding
    for layer in config["layers"]:
        inner, settings = layer["class_name"], layer["config"]
        own = str(settings.get("name") or layer.get("name") or inner)
        snake = _snake(inner)
        number = counts.get(snake, 0)
        counts[snake] = number + 1
        place = f"{path}layers/{snake}" + (f"_{number}" if number else "")
        name = re.sub(r"\W", "_", prefix + own)
        reads = tuple(outputs[one] for one in _read_by(layer)) if kind != "Sequential" else (before,) * bool(before)
        if inner in ("Functional", "Sequential", "Model"):
            for node in _nodes(layer, f"{prefix}{own}/", f"{place}/", reads[0]):
                yield node
                before = node.name
        elif inner == "InputLayer" and feeding:
            before = feeding
        else:
            if inner not in KINDS or layer.get("registered_name") not in (None, inner, f"keras>{inner}"):
                raise SourceError(
                    f"the layer {own!r:.60} is a {inner!s:.60}, not one of the built-in layers that can be read "
                    f"({', '.join(sorted(KINDS))}); leave it out, or give the body as a torch module"
                )
            _check_reads(layer, own, inner, reads)
            check_settings(inner, settings)
            yield GraphNode(name, inner, settings, reads, place, (prefix + own).partition("/")[0])
            before = name
        outputs[own] = before


def _check_reads(layer: Mapping[str, Any], own: str, kind: str, reads: tuple[str, ...]) -> None:
    """Raise unless a layer reads as many layers as its kind does; an operator, such as ``x + y``, reads two."""
    operator = str(layer.get("module", "")).startswith("keras.src.ops")
    fits = len(reads) == 2 if kind == "Subtract" else (len(reads) > 1) == (kind in MERGES)
    if not fits or (operator and (kind not in OPERATORS or len(reads) != 2)):
        raise SourceError(f"{own!r:.60} is a {kind} of {len(reads)} layers, perhaps with a number; use layers only")
    if kind != "InputLayer" and not reads:
        raise SourceError(f"the layer {own!r:.60} reads no other layer")


def _read_by(layer: Mapping[str, Any]) -> list[str]:
    """The names of the layers that a layer of a Functional model reads."""
    calls = layer.get("inbound_nodes") or []
    if len(calls) > 1:
        raise SourceError(f"the layer {layer['config'].get('name')!r:.60} is used twice, which is not supported")
    found = []
    waiting = list(calls)
    if calls and isinstance(calls[0], Mapping):
        waiting = [calls[0]["args"], *calls[0].get("kwargs", {}).values()]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
            found.append(str(value["config"]["keras_history"][0]))
        elif isinstance(value, list):
            waiting = [*value, *waiting]
    return found


def _snake(name: str) -> str:
    """Keras' own conversion of class names, which names the groups of a weights file."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
