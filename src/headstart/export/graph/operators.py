"""Nodes and constants of an ONNX graph, collected one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["EXTENSIONS", "TEXT_EXTENSIONS", "Operators"]

EXTENSIONS = "com.microsoft.extensions"  # of onnxruntime-extensions: what reads files
TEXT_EXTENSIONS = "ai.onnx.contrib"  # of onnxruntime-extensions: what reads texts


class Operators:
    """Collects nodes and constants; every value has a name of its own.

    Args:
        prefix: of the names.

    Attributes:
        nodes: in their order.
        constants: the initializers.

    Examples:
        >>> ops = Operators("sum")
        >>> ops.op("Add", "x", ops.constant([1.0]))
        'sum_1'
        >>> [node.op_type for node in ops.nodes], len(ops.constants)
        (['Add'], 1)
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def name(self) -> str:
        """A new name."""
        self._count += 1
        return f"{self.prefix}_{self._count - 1}"

    def op(self, kind: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        (found,) = self.several(kind, inputs, [output or self.name()], domain=domain, **attributes)
        return found

    def several(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs."""
        from onnx import helper

        node = helper.make_node(
            kind, list(inputs), list(outputs), name=f"node_{outputs[0]}", domain=domain or None, **attributes
        )
        self.nodes.append(node)
        return list(outputs)

    def constant(self, values: Any, kind: type = np.float64) -> str:
        """Add a constant; returns its name."""
        from onnx import numpy_helper

        name = self.name()
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def text(self, value: str) -> str:
        """Add a constant of one text, (1,); returns its name."""
        from onnx import numpy_helper

        name = self.name()
        self.constants.append(numpy_helper.from_array(np.array([value], dtype=object), name))
        return name
