"""Grad-CAM: the last map of the body, its channels weighted by the mean gradient of the score.

    w_k = mean_p ∂f/∂a_k(p),      map(p) = max(0, Σ_k w_k a_k(p)).

It needs no particular pooling, and is approximate: the map does not sum to anything. Where the rows are the mean of the
map and one block is read, it is the positive part of the class activation map with zero as the reference, up to a
factor. The map is that of the last layer whose positions the score depends on; of a body that reads its class token
alone, this is the input of the last attention.

Where the head reads several blocks, the map shows one of them. On spectrograms of ESC-10 (8 blocks, 24 sounds) its
rank correlation with the map of a random head is 0.36, and deleting its largest cells first lowers the score more than
a random order by 16.5 [-3.4, 36.5], which chance may explain; the class activation map of all blocks, which is used
first where it exists, has -0.10 and 25.3 [7.1, 43.4].

Reference: Selvaraju, Cogswell, Das, Vedantam, Parikh & Batra, "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", ICCV 2017.

Command: headstart explain RUN PICTURE --method grad_cam
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

__all__ = ["GRAD_CAM", "GradCam"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GradCam:
    """The gradient-weighted class activation map.

    Attributes:
        relu: whether evidence against the label is left out, as in the paper; else the map is signed.
        name: ``"grad_cam"``.
        title: what it shows.
        modalities: pictures and sounds.
        needs: a linear head, and a body in torch that has maps.

    Examples:
        >>> from headstart import fit
        >>> pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> found = model.explain(pictures[0], method="grad_cam")["grad_cam"]
        >>> found.shown.values.shape, bool((found.shown.values >= 0).all())
        ((64, 64), True)
    """

    relu: bool = True
    name: str = "grad_cam"
    title: str = "Where the answer comes from: Grad-CAM"
    modalities: frozenset[Modality] = frozenset({"image", "audio"})
    needs: frozenset[Need] = frozenset({"linear head", "maps"})

    def __call__(self, query: Query) -> Attribution:
        """The map of each part."""

        def note(slopes: Sequence[Slopes], reading: MapReading) -> list[str]:
            (one,) = slopes
            read = sum(query.model.head.feature_map.reads([block.width for block in reading.source.info.blocks]))
            covered = [f"The head reads {read} blocks; this map shows what passes through its layer only."]
            return [
                f"Approximate: the map of layer '{one.layer}', {one.layout.grid[0]} x {one.layout.grid[1]} positions, "
                "weighted by mean gradients; it does not sum to anything.",
                *(covered if read > 1 else []),
            ]

        return approximate_map(self, query, self._maps, note, signed=not self.relu)

    def _maps(self, slopes: Sequence[Sequence[Slopes]], reading: MapReading) -> list[Array]:
        maps = []
        for (one,) in slopes:
            values = one.values @ one.gradient[one.layout.prefix :].mean(axis=0)
            values = np.maximum(values, 0.0) if self.relu else values
            maps.append(part_map(values, one.layout, reading.parts, len(values)))
        return maps


GRAD_CAM = GradCam()
