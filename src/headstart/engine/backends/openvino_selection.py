"""A converted body cut after the blocks that are selected: OpenVINO then drops every layer that only others need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.engine.backends.openvino import import_openvino

__all__ = ["selected_graph"]


def selected_graph(model: Any, positions: Sequence[int], count: int) -> Any | None:
    """The OpenVINO model with only some of its blocks as output; None if its output is no concatenation of all.

    Args:
        model: as `headstart.engine.backends.openvino_graph.convert` makes it; it shares its layers with the result.
        positions: ascending positions of the selected blocks.
        count: number of all blocks.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.backends.openvino import OpenVino
        >>> from headstart.engine.backends.openvino_graph import convert
        >>> x = np.ones((2, 3), np.float32)
        >>> model = convert(torch.nn.ReLU(), lambda module, x: [module(x), x], x, lengths=False)
        >>> OpenVino(selected_graph(model, [1], 2), "fp32")(-x[:1])
        array([[-1., -1., -1.]], dtype=float32)
    """
    ov = import_openvino()
    joined = model.get_results()[0].input_value(0).get_node()
    blocks = [port.get_source_output() for port in joined.inputs()]
    if joined.get_type_name() != "Concat" or len(blocks) != count:
        return None
    kept = [blocks[k] for k in positions]
    output = kept[0] if len(kept) == 1 else ov.opset13.concat(kept, -1).output(0)
    return ov.Model([output], model.get_parameters(), model.get_friendly_name())
