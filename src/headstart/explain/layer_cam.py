"""LayerCAM: maps of several layers, each position of each channel weighted by its own positive gradient.

    M_l(p) = max(0, Σ_k max(0, ∂f/∂a_k(p)) a_k(p)),      map(p) = max_l tanh(2 M_l(p) / max M_l).

The gradient of each position instead of their mean makes the maps of early layers, which are fine, meaningful too. They
are enlarged, brought into the same range and joined by their maximum. Approximate: the map does not sum to anything.

Reference: Jiang, Zhang, Hou, Cheng & Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
IEEE Transactions on Image Processing 2021.

Command: headstart explain RUN PICTURE --method layer_cam
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution
from headstart.explain.asking.query import Query
from headstart.explain.bodies.drawn_map import drawn_map, part_map
from headstart.explain.bodies.map_gradients import Slopes, layer_slopes
from headstart.explain.bodies.map_reading import MapReading, map_reading
from headstart.explain.bodies.map_words import map_checks, map_notes
from headstart.explain.registry import Need
from headstart.types import Modality

__all__ = ["LAYER_CAM", "LayerCam"]

Array = NDArray[np.float64]
STEEPNESS = 2.0  # the factor in tanh, from the paper
GRIDS = 3


@dataclass(frozen=True)
class LayerCam:
    """The layer-wise class activation map.

    Attributes:
        grids: how many resolutions are joined, the deepest ones, with the last layer of each; default 3.
        name: ``"layer_cam"``.
        title: what it shows.
        modalities: pictures and sounds.
        needs: a linear head, and a body in torch that has maps.

    Examples:
        >>> from headstart import fit
        >>> pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> found = model.explain(pictures[0], method="layer_cam")["layer_cam"]
        >>> bool((found.shown.values >= 0).all()), found.unit
        (True, 'share of the largest')
    """

    grids: int = GRIDS
    name: str = "layer_cam"
    title: str = "Where the answer comes from: LayerCAM"
    modalities: frozenset[Modality] = frozenset({"image", "audio"})
    needs: frozenset[Need] = frozenset({"linear head", "maps"})

    def __call__(self, query: Query) -> Attribution:
        """The joined maps."""
        import torch

        reading = map_reading(query)
        with torch.enable_grad():
            slopes = layer_slopes(query, reading, self.grids)
        by_layer = [
            [_enlarged(part[k], reading, len(part[-1].values)) for part in slopes] for k in range(len(slopes[0]))
        ]  # each layer's map of each part
        most = [max(float(one.max()) for one in maps) for maps in by_layer]
        joined = [
            np.max(
                [np.tanh(STEEPNESS * maps[part] / (top or 1.0)) for maps, top in zip(by_layer, most, strict=True)],
                axis=0,
            )
            for part in range(len(slopes))
        ]
        last = slopes[0][-1]
        shown = drawn_map(reading, query.item, joined, last.layout.grid, signed=False)
        value = float(query.values(reading.row[None])[0])
        names = ", ".join(f"'{one.layer}'" for one in slopes[0])
        return Attribution(
            self.name, self.title, shown, query.contrast.quantity, "share of the largest", value,
            checks=map_checks(query, value),
            notes=(
                f"Approximate: maps of {names}, weighted by positive gradients and joined by their maximum; they do "
                "not sum to anything.",
                *map_notes(query, reading),
            ),
        )  # fmt: skip


def _enlarged(slopes: Slopes, reading: MapReading, frames: int) -> Array:
    values = np.maximum((np.maximum(slopes.gradient, 0.0) * slopes.values).sum(axis=1), 0.0)
    return part_map(values, slopes.layout, reading.parts, frames)


LAYER_CAM = LayerCam()
