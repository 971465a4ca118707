"""The graph of a model that draws masks: from a window of a picture to the probabilities of its cells or pixels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.engine.frozen_body import FrozenBody
from headstart.errors import SourceError
from headstart.export.annotations.graph import AnnotationGraph
from headstart.export.annotations.grid_map import grid_map
from headstart.heads.masks.mask_head import FULL_PIXELS, MaskHead
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.sources.positions.map_settings import DEEPEST
from headstart.sources.positions.maps import MapSource, maps_of
from headstart.types import Source, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["mask_graph"]

STATISTICS = 9  # columns of colour and local statistics


def mask_graph(head: MaskHead | TrainedMaskHead, source: Source, task: Task) -> AnnotationGraph:
    """The graph of a head for masks and the source that it reads.

    Args:
        head: solved or trained.
        source: of pictures.
        task: of the model.

    Raises:
        SourceError: if the head reads no body.

    Examples:
        >>> from headstart.heads.masks.linear_map import LinearMap
        >>> from headstart.heads.masks.mask_decoder import MaskDecoder
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> settings = MapSettings(stride=8, blocks=("layer2",), statistics=False, window=(64, 64))
        >>> linear = LinearMap("ridge", 0.1, np.zeros((96, 2)), np.array([0.2, 0.8]))
        >>> head = MaskHead(settings, linear, MaskDecoder(boundary=False), 2)
        >>> graph = mask_graph(head, open_source("headstart:image"), Task("mask", ("background", "cell")))
        >>> graph.module(graph.examples["pixels"])[0].shape
        torch.Size([2, 8, 8, 2])
    """
    maps = maps_of(source, head.settings)
    if maps.body is None or maps.settings.window is None:
        raise SourceError("A model of masks is exported with the body that it reads, and this one reads none.")
    window = maps.settings.window
    pixels = _two_windows(window)
    solved = isinstance(head, MaskHead)
    stride, statistics = (maps.settings.stride, maps.settings.statistics) if solved else (1, False)
    grid = window[0] // stride, window[1] // stride
    made = _solved(head, maps, maps.body, grid) if isinstance(head, MaskHead) else _trained(head, maps, maps.body)
    examples, dynamic = {"pixels": pixels}, {"pixels": {0: "n"}}
    inputs = {"pixels": f"(n, {window[0]}, {window[1]}, 3) uint8, windows of the picture"}
    if statistics:
        examples["statistics"] = pixels.new_zeros(2, *grid, STATISTICS).float()
        dynamic["statistics"] = {0: "n"}
        inputs["statistics"] = f"(n, {grid[0]}, {grid[1]}, 9) float32, colour and local statistics of their cells"
    told = " and of the outlines of objects" if head.decoder.boundary else ""
    k = task.num_outputs + head.decoder.boundary
    outputs = {"probabilities": f"(n, {grid[0]}, {grid[1]}, {k}) float32, of the classes{told} in each cell"}
    return AnnotationGraph(
        "mask", made, examples, dynamic, {"probabilities": {0: "n"}}, _settings(head, maps, stride, statistics),
        inputs, outputs,
    )  # fmt: skip


def _two_windows(window: tuple[int, int]) -> Tensor:
    import torch

    pixels = torch.zeros(2, *window, 3, dtype=torch.uint8)
    pixels[1] = 200
    return pixels


def _settings(head: MaskHead | TrainedMaskHead, maps: MapSource, stride: int, statistics: bool) -> Mapping[str, Any]:
    own = maps.settings
    return {
        "window": list(own.window or ()), "overlap": own.overlap, "align": DEEPEST, "cell": stride, "fit": own.fit,
        "scale": own.scale, "limit": own.limit, "statistics": statistics, "decoder": head.decoder.to_dict(),
        "decoded_at_full_size": FULL_PIXELS,
    }  # fmt: skip


def _solved(head: MaskHead, maps: MapSource, body: FrozenBody, grid: tuple[int, int]) -> nn.Module:
    module, forward = body.recipe.build()
    width = sum(shape[2] for shape in maps.shapes)
    weight, bias = head.linear.weight, head.linear.bias
    found = grid_map(module, forward, maps.shapes, grid, weight=weight[:width], mean=np.zeros(width))
    made: nn.Module = _solved_class()(found, weight[width:], bias, head.linear.kind)
    return made.eval()


@cache
def _solved_class() -> Any:
    import torch

    class SolvedMaskGraph(torch.nn.Module):
        """Scores of cells as probabilities."""

        def __init__(self, maps: nn.Module, weight: Any, bias: Any, kind: str) -> None:
            super().__init__()
            self.maps, self.kind = maps, kind
            self.register_buffer("weight", torch.from_numpy(np.array(weight, np.float32)))
            self.register_buffer("bias", torch.from_numpy(np.array(bias, np.float32)))

        def forward(self, pixels: Tensor, statistics: Tensor | None = None) -> tuple[Tensor]:
            scores = self.maps(pixels).permute(0, 2, 3, 1) + self.get_buffer("bias")
            if statistics is not None:
                scores = scores + statistics @ self.get_buffer("weight")
            return (scores.clamp(0, 1) if self.kind == "ridge" else scores.softmax(3),)

    return SolvedMaskGraph


def _trained(head: TrainedMaskHead, maps: MapSource, body: FrozenBody) -> nn.Module:
    module, forward = body.recipe.build()
    made: nn.Module = _trained_class()(module, forward, maps.shapes, head.network())
    return made.eval()


@cache
def _trained_class() -> Any:
    import torch

    class TrainedMaskGraph(torch.nn.Module):
        """Body and decoder."""

        def __init__(self, body: nn.Module, run: Any, shapes: Any, decoder: nn.Module) -> None:
            super().__init__()
            self.body, self.run, self.shapes, self.decoder = body, run, list(shapes), decoder

        def forward(self, pixels: Tensor) -> tuple[Tensor]:
            blocks = zip(self.run(self.body, pixels), self.shapes, strict=True)
            maps = [block.float().reshape(-1, *shape).permute(0, 3, 1, 2) for block, shape in blocks]
            return (self.decoder(maps, pixels).softmax(1).permute(0, 2, 3, 1),)

    return TrainedMaskGraph
