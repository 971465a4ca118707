"""What goes into the graph of a model that annotates items, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["AnnotationGraph"]


@dataclass(frozen=True, eq=False)
class AnnotationGraph:
    """The graph of a model that annotates items.

    Attributes:
        kind: which reader its items need.
        module: from the inputs, in their order, to the outputs.
        examples: an example of each input, by name, at least two items.
        dynamic: for each input and output, the names of its axes that may have any length; the keys of the outputs give
            their names and order.
        settings: how the reader prepares items and decodes the outputs, as plain JSON values.
        inputs: what each input is, in words.
        outputs: what each output is, in words.
        write: writes the files that the reader needs beside the graph.

    Examples:
        >>> import torch
        >>> axes = {"pixels": {0: "n"}}, {"scores": {0: "n"}}
        >>> graph = AnnotationGraph("mask", torch.nn.Identity(), {"pixels": torch.zeros(2, 4)}, *axes, {}, {}, {})
        >>> list(graph.dynamic_outputs)
        ['scores']
    """

    kind: Literal["word", "box", "mask"]
    module: nn.Module
    examples: Mapping[str, Tensor]
    dynamic: Mapping[str, Mapping[int, str]]
    dynamic_outputs: Mapping[str, Mapping[int, str]]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    write: Callable[[Path], None] | None = field(default=None)
