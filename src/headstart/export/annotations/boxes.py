"""The graph of a model that draws boxes: from a square picture to the box and the scores of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.export.annotations.graph import AnnotationGraph
from headstart.export.annotations.grid_map import grid_map
from headstart.heads.boxes.cells import NEIGHBOURS, centres
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.detections import LEAST_SCORE, MOST_BOXES, MOST_CELLS, MOST_OF_A_CLASS
from headstart.heads.boxes.solved import CERTAIN, LEAST_HEAT, MOST_PEAKS, OVERLAP, SolvedBoxes
from headstart.heads.boxes.tiled import TiledBoxes
from headstart.sources.positions.maps import maps_of
from headstart.sources.positions.pyramid import PyramidSource, square
from headstart.types import Source

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["box_graph"]

TILE_OVERLAP = 0.25


def box_graph(head: SolvedBoxes | DenseBoxes | TiledBoxes, source: Source) -> AnnotationGraph:
    """The graph of a head for boxes and the source that it reads.

    Args:
        head: solved, trained, or one of these on tiles.
        source: of pictures.

    Examples:
        >>> from headstart.heads.boxes.calibration import ScoreCalibration
        >>> from headstart.heads.boxes.solved import grid_settings
        >>> from headstart.sources import open_source
        >>> weights = (np.zeros(192), np.eye(192)), np.zeros((961, 2)), np.zeros((961, 4))
        >>> head = SolvedBoxes(grid_settings(64, ("layer3",)), *weights, (20.0, 30.0), ScoreCalibration())
        >>> graph = box_graph(head, open_source("headstart:image"))
        >>> [tuple(one.shape) for one in graph.module(graph.examples["pixels"])]
        [(2, 16, 4), (2, 16, 2)]
    """
    inner = head.inner if isinstance(head, TiledBoxes) else head
    tile = head.side if isinstance(head, TiledBoxes) else 0
    module, settings = _solved(inner, source) if isinstance(inner, SolvedBoxes) else _dense(inner, source)
    import torch

    pixels = torch.zeros(2, inner.side, inner.side, 3, dtype=torch.uint8)
    pixels[1] = 200
    shared = {
        "side": inner.side, "tile": tile, "tile_overlap": TILE_OVERLAP, "overlap": OVERLAP, "most": MOST_BOXES,
        "most_of_a_class": MOST_OF_A_CLASS, "calibration": inner.calibration.to_dict(),
    }  # fmt: skip
    what = "a part of the picture, resized" if tile else "the picture, resized"
    return AnnotationGraph(
        "box", module, {"pixels": pixels}, {"pixels": {0: "n"}}, {"boxes": {0: "n"}, "scores": {0: "n"}},
        {**shared, **settings},
        {"pixels": f"(n, {inner.side}, {inner.side}, 3) uint8, {what} without keeping its proportions"},
        {
            "boxes": "(n, cells, 4) float32, left, top, right and bottom as shares of the sides of the input",
            "scores": "(n, cells, classes) float32, before calibration and before overlapping boxes are left out",
        },
    )  # fmt: skip


def _solved(head: SolvedBoxes, source: Source) -> tuple[nn.Module, Mapping[str, Any]]:
    maps = maps_of(source, head.settings)
    if maps.body is None:
        raise SourceError("A model of boxes is exported with the body that it reads, and this one reads none.")
    body, forward = maps.body.recipe.build()
    mean, matrix = head.columns
    joined = np.concatenate([head.heat, head.box], axis=1)
    parts = np.split(joined[:-1], len(NEIGHBOURS))  # what each neighbour adds
    weight = np.concatenate([matrix @ part for part in parts], axis=1)
    found = grid_map(body, forward, maps.shapes, (head.cells, head.cells), weight=weight, mean=mean)
    made: nn.Module = _solved_class()(found, joined[-1], head)
    decoding = {
        "decoder": "peaks", "decode_at_least": None, "least": LEAST_HEAT, "most_cells": MOST_PEAKS, "certain": CERTAIN,
    }  # fmt: skip
    return made.eval(), decoding


@cache
def _solved_class() -> Any:
    import torch
    from torch.nn.functional import pad

    class SolvedBoxGraph(torch.nn.Module):
        """What the cells say of the classes and of their boxes."""

        def __init__(self, maps: nn.Module, intercept: NDArray[np.float64], head: SolvedBoxes) -> None:
            super().__init__()
            self.maps, self.cells, self.classes = maps, head.cells, head.heat.shape[1]
            self.stride, self.side = float(head.settings.stride), float(head.side)
            limit = np.log(2.0 * head.side / np.array(head.usual))
            for name, values in (
                ("intercept", intercept), ("points", centres(head.cells, head.settings.stride)), ("limit", limit),
                ("usual", np.array(head.usual)),
            ):  # fmt: skip
                self.register_buffer(name, torch.from_numpy(values.astype(np.float32)))

        def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
            seen = pad(self.maps(pixels), (1, 1, 1, 1), mode="replicate")
            width = self.classes + 4
            total: Any = 0
            for k, (y, x) in enumerate(NEIGHBOURS):
                own = seen[:, k * width : (k + 1) * width]
                total = total + own[:, :, 1 + y : 1 + y + self.cells, 1 + x : 1 + x + self.cells]
            said = total.flatten(2).transpose(1, 2) + self.get_buffer("intercept")
            heat, box = said[..., : self.classes], said[..., self.classes :]
            middle = self.get_buffer("points") + box[..., :2] * self.stride
            half = torch.exp(torch.minimum(box[..., 2:], self.get_buffer("limit"))) * self.get_buffer("usual") / 2
            return torch.cat([middle - half, middle + half], dim=-1) / self.side, heat

    return SolvedBoxGraph


def _dense(head: DenseBoxes, source: Source) -> tuple[nn.Module, Mapping[str, Any]]:
    pyramid = PyramidSource(source, head.levels, head.side)
    body, forward = pyramid.body.recipe.build()
    shapes = [(level.width, head.side // level.stride, head.side // level.stride) for level in head.levels]
    made: nn.Module = _dense_class()(body, forward, shapes, head.network)
    enough = square(head.side).decode_size
    decoding = {
        "decoder": "cells", "decode_at_least": None if enough is None else list(enough), "least": LEAST_SCORE,
        "most_cells": MOST_CELLS, "certain": 0.0,
    }  # fmt: skip
    return made.eval(), decoding


@cache
def _dense_class() -> Any:
    import torch

    class DenseBoxGraph(torch.nn.Module):
        """Body and dense head."""

        def __init__(self, body: nn.Module, run: Any, shapes: Any, head: nn.Module) -> None:
            super().__init__()
            self.body, self.run, self.shapes, self.head = body, run, list(shapes), head

        def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
            blocks = zip(self.run(self.body, pixels), self.shapes, strict=True)
            said = self.head([block.float().reshape(-1, *shape) for block, shape in blocks])
            return said.boxes, said.scores()

    return DenseBoxGraph
