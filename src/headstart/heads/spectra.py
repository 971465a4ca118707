"""Moments and spectra of the rows that a feature map gives, streamed or from the smaller side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from headstart.heads.feature_map import FeatureMap
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.types import Rows

__all__ = ["solve_spectrum", "solved_maps", "stream_moments"]

CHUNK = 4096


def stream_moments(rows: Rows, targets: Rows, feature_map: FeatureMap) -> Moments:
    """Moments of mapped rows, a chunk at a time, so that memory does not grow with n.

    Args:
        rows: (n, d) source rows, for instance a memory map.
        targets: (n, k) float64, an array or `TargetRows`.
        feature_map: from source rows to head rows.

    Examples:
        >>> import numpy as np
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> stream_moments(np.eye(2), np.ones((2, 1)), whole).n
        2
    """
    starts = range(0, len(rows), CHUNK)
    return Moments.stream((feature_map(rows[i : i + CHUNK]), targets[i : i + CHUNK]) for i in starts)


def solve_spectrum(rows: Rows, targets: Rows, feature_map: FeatureMap) -> tuple[Spectrum, Moments | None]:
    """The spectrum of mapped rows from whichever side is smaller, and the moments if it was theirs.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64.
        feature_map: from source rows to head rows.

    Examples:
        >>> import numpy as np
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> spectrum, moments = solve_spectrum(np.array([[0.0, 0.0], [2.0, 0.0]]), np.ones((2, 1)), whole)
        >>> spectrum.values, moments is None
        (array([2.]), True)
    """
    if len(rows) <= feature_map.num_features:
        return Spectrum.from_rows(feature_map(rows[:]), targets[:]), None
    moments = stream_moments(rows, targets, feature_map)
    return Spectrum.from_moments(moments), moments


def solved_maps(
    rows: Rows, targets: Rows, maps: Sequence[FeatureMap]
) -> Iterator[tuple[FeatureMap, Spectrum, Moments | None]]:
    """Each feature map with what `solve_spectrum` gives; columns that are only shifted and scaled need no new pass.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64, an array or `TargetRows`.
        maps: feature maps.

    Examples:
        >>> import numpy as np
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> [(found.name, spectrum.n) for found, spectrum, _ in solved_maps(np.eye(2), np.ones((2, 1)), [whole])]
        [('rows', 2)]
    """
    summed: dict[Any, Moments] = {}
    for feature_map in maps:
        read = feature_map.blocks, feature_map.scaling
        if feature_map.shift.size and read in summed:
            moments = summed[read].rescaled(feature_map.shift, feature_map.scale)
            yield feature_map, Spectrum.from_moments(moments), moments
            continue
        spectrum, found = solve_spectrum(rows, targets, feature_map)
        if found is not None and not feature_map.scale.size:
            summed[read] = found
        yield feature_map, spectrum, found
