"""Class activation map: what each position of the picture, or each time and frequency of the sound, adds to the score.

    f(x) - f(μ) = Σ_b Σ_p w_bᵀ (a_b(p) - μ_b) / P_b

A block whose rows are the mean of a map a_b over its P_b positions is read by a linear head position by position, so
the map is exact: its sum is the difference of the score from that of the mean training item μ. Zhou et al. read the
last block alone; here the maps of all blocks that the head reads are enlarged, keeping their sums, and added. Where a
block is pooled otherwise (a class token, a norm after the mean), there is no such map, and Grad-CAM is used.

Reference: Zhou, Khosla, Lapedriza, Oliva & Torralba, "Learning Deep Features for Discriminative Localization", CVPR
2016.

Command: headstart explain RUN PICTURE --method cam
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution
from headstart.explain.asking.query import Query
from headstart.explain.bodies.class_maps import BlockTerm, block_terms, reference
from headstart.explain.bodies.drawn_map import drawn_map, part_map
from headstart.explain.bodies.feature_maps import Mean, Recorded, weights_of
from headstart.explain.bodies.map_reading import MapReading, map_reading
from headstart.explain.bodies.map_words import map_checks, map_notes
from headstart.explain.registry import Need
from headstart.types import Modality

__all__ = ["CAM", "ClassActivationMap"]

Array = NDArray[np.float64]
WIDER = "What a position of a deep layer knows comes from a wider surrounding than its own place."


@dataclass(frozen=True)
class ClassActivationMap:
    """The class activation map.

    Attributes:
        name: ``"cam"``.
        title: what it shows.
        modalities: pictures and sounds.
        needs: a linear head, a body in torch, and blocks that are means over the positions of maps.

    Examples:
        >>> from headstart import fit
        >>> pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> found = model.explain(pictures[0], method="cam")["cam"]
        >>> bool(np.isclose(found.shown.values.sum(), found.value - found.baseline, atol=1e-3))
        True
    """

    name: str = "cam"
    title: str = "Where the answer comes from: class activation map"
    modalities: frozenset[Modality] = frozenset({"image", "audio"})
    needs: frozenset[Need] = frozenset({"linear head", "means of maps"})

    def __call__(self, query: Query) -> Attribution:
        """The sum over blocks of what each position adds."""
        import torch

        reading = map_reading(query)
        terms = block_terms(query, reading.row)
        means = _read_means(reading, terms)
        grid = means[-1][1][1].grid
        maps: list[Array] = []
        elsewhere = 0.0
        with torch.no_grad():
            for group, found in reading.runs():
                for k, share in enumerate(reading.shares[group]):
                    one, rest = _map_of_part(reading, found, terms, k)
                    maps.append(share * one)
                    elsewhere += float(share) * rest
        start, start_is = reference(query)
        value = float(query.values(reading.row[None])[0])
        baseline = float(query.direction @ start + query.constant)
        total = float(sum(one.sum() for one in maps))
        rest_notes = [f"Tokens without a place, such as the class token, add {elsewhere:+.3g}."] if elsewhere else []
        shown = drawn_map(reading, query.item, maps, grid, signed=True)
        return Attribution(
            self.name, self.title, shown, query.contrast.quantity, query.contrast.unit, value, baseline, start_is,
            abs(total + elsewhere - (value - baseline)), map_checks(query, value),
            (_exact(len(means), grid), WIDER, *rest_notes, *map_notes(query, reading)),
        )  # fmt: skip


def _map_of_part(reading: MapReading, found: Recorded, terms: list[BlockTerm], part: int) -> tuple[Array, float]:
    """What each pixel (or frame) of one part adds, and what tokens without a place add."""
    maps, elsewhere = [], 0.0
    for term, (place, layout) in _read_means(reading, terms):
        positions = layout.positions(found.outputs[place])[part : part + 1]
        mask = None if found.mask is None else found.mask[part : part + 1]
        pooling = weights_of(positions, mask)[0].double().numpy()
        values = pooling * (positions[0].double().numpy() @ term.weights - term.constant)
        values = values[: found.frames(part, len(values))]
        elsewhere += float(values[: layout.prefix].sum())
        # the last map that is read decides how many frames a map in time has
        frames = len(values)
        maps.append((values, layout))
    total = sum(part_map(values, layout, reading.parts, frames) for values, layout in maps)
    return np.asarray(total, np.float64), elsewhere


def _read_means(reading: MapReading, terms: list[BlockTerm]) -> list[tuple[BlockTerm, Mean]]:
    """The blocks that the head reads, with the maps whose means they are."""
    pairs = zip(terms, reading.means, strict=True)
    return [(term, mean) for term, mean in pairs if mean is not None and term.is_read]


def _exact(count: int, grid: tuple[int, int]) -> str:
    """What the map promises, in a sentence."""
    if count == 1:
        return (
            f"Exact: the head is linear and reads the mean of one map of {grid[0]} x {grid[1]} positions, so each has "
            "its own share of the score."
        )
    return (
        f"Exact: the head is linear and reads {count} blocks, each of them the mean of a map; their maps, the last of "
        f"{grid[0]} x {grid[1]} positions, are enlarged and added."
    )


CAM = ClassActivationMap()
