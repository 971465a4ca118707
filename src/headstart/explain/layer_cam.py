"""LayerCAM: maps of several layers, each position of each channel weighted by its own positive gradient.

    M_l(p) = max(0, Σ_k max(0, ∂f/∂a_k(p)) a_k(p)),      map(p) = max_l tanh(2 M_l(p) / max M_l).

The gradient of each position instead of their mean makes the maps of early layers, which are fine, meaningful too. They
are enlarged, brought into the same range and joined by their maximum. Approximate: the map does not sum to anything.

It fails the check by randomisation (Adebayo et al., NeurIPS 2018): without the negative gradients, a position where
many channels are large gets a large value whatever the weights are. On clothing10 the rank correlation with the map of
a random head is 0.84 (on ESC-10 0.90), where it is near 0 for CAM. Deleting its largest cells first beats a random
order on clothing10, but not clearly on ESC-10: 16.1 [-3.8, 36.0]. So it is used only if it is named.

Reference: Jiang, Zhang, Hou, Cheng & Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
IEEE Transactions on Image Processing 2021.

Command: headstart explain RUN PICTURE --method layer_cam
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution
from headstart.explain.asking.query import Query
from headstart.explain.bodies.approximate_map import approximate_map
from headstart.explain.bodies.drawn_map import part_map
from headstart.explain.bodies.map_gradients import Slopes
from headstart.explain.bodies.map_reading import MapReading
from headstart.explain.registry import Need
from headstart.types import Modality

__all__ = ["LAYER_CAM", "LayerCam"]

Array = NDArray[np.float64]
STEEPNESS = 2.0  # the factor in tanh, from the paper
GRIDS = 3
WHERE_NOT_WHY = (
    "It shows where the body responds at all, more than what speaks for this label: the map of a random head is much "
    "like it."
)


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

        def note(slopes: Sequence[Slopes], _reading: MapReading) -> list[str]:
            names = ", ".join(f"'{one.layer}'" for one in slopes)
            return [
                f"Approximate: maps of {names}, weighted by positive gradients and joined by their maximum; they do "
                "not sum to anything.",
                WHERE_NOT_WHY,
            ]

        return approximate_map(self, query, _joined, note, grids=self.grids, unit="share of the largest")


def _joined(slopes: Sequence[Sequence[Slopes]], reading: MapReading) -> list[Array]:
    """The maximum over layers of the maps of each part, each layer in the same range."""
    by_layer = [[_enlarged(part[k], reading, len(part[-1].values)) for part in slopes] for k in range(len(slopes[0]))]
    most = [max(float(one.max()) for one in maps) for maps in by_layer]
    return [
        np.asarray(
            np.max(
                [np.tanh(STEEPNESS * maps[part] / (top or 1.0)) for maps, top in zip(by_layer, most, strict=True)],
                axis=0,
            )
        )
        for part in range(len(slopes))
    ]


def _enlarged(slopes: Slopes, reading: MapReading, frames: int) -> Array:
    values = np.maximum((np.maximum(slopes.gradient, 0.0) * slopes.values).sum(axis=1), 0.0)
    return part_map(values, slopes.layout, reading.parts, frames)


LAYER_CAM = LayerCam()
