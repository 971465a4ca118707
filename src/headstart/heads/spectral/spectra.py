"""Moments and spectra of the rows that a feature map gives, streamed or from the smaller side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap
from headstart.heads.spectral.shared_spectra import known_spectrum
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.types import Rows

__all__ = ["solve_spectrum", "solved_maps", "stream_moments"]

CHUNK = 4096


def stream_moments(
    rows: Rows, targets: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None = None
) -> Moments:
    """Moments of mapped rows, a chunk at a time, so that memory does not grow with n.

    Args:
        rows: (n, d) source rows, for instance a memory map.
        targets: (n, k) float64, an array or `TargetRows`.
        feature_map: from source rows to head rows.
        weights: (n,) weights of the rows; default: ones.

    Examples:
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> stream_moments(np.eye(2), np.ones((2, 1)), whole).n
        2
    """
    own = np.ones(len(rows)) if weights is None else weights
    parts = [slice(i, i + CHUNK) for i in range(0, len(rows), CHUNK)]
    return Moments.stream((feature_map(rows[part]), targets[part], own[part]) for part in parts)


def solve_spectrum(
    rows: Rows, targets: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None = None
) -> tuple[Spectrum, Moments | None]:
    """The spectrum of mapped rows from whichever side is smaller, and the moments if it was theirs.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64.
        feature_map: from source rows to head rows.
        weights: (n,) weights of the rows; default: ones.

    Examples:
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> spectrum, moments = solve_spectrum(np.array([[0.0, 0.0], [2.0, 0.0]]), np.ones((2, 1)), whole)
        >>> spectrum.values, moments is None
        (array([2.]), True)
    """
    known = known_spectrum(
        rows, targets, feature_map, weights, lambda: _solve_spectrum(rows, targets, feature_map, weights)[0]
    )
    return _solve_spectrum(rows, targets, feature_map, weights) if known is None else (known, None)


def _solve_spectrum(
    rows: Rows, targets: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None
) -> tuple[Spectrum, Moments | None]:
    if len(rows) <= feature_map.num_features:
        return Spectrum.from_rows(feature_map(rows[:]), targets[:], weights), None
    moments = stream_moments(rows, targets, feature_map, weights)
    return Spectrum.from_moments(moments), moments


def solved_maps(
    rows: Rows, targets: Rows, maps: Sequence[FeatureMap], weights: NDArray[np.float64] | None = None
) -> Iterator[tuple[FeatureMap, Spectrum, Moments | None]]:
    """Each feature map with what `solve_spectrum` gives; columns that are only shifted and scaled need no new pass.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64, an array or `TargetRows`.
        maps: feature maps.
        weights: (n,) weights of the rows; default: ones.

    Examples:
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> [(found.name, spectrum.n) for found, spectrum, _ in solved_maps(np.eye(2), np.ones((2, 1)), [whole])]
        [('rows', 2)]
    """
    summed: dict[Any, Moments] = {}
    for feature_map in maps:
        read = feature_map.reading
        if feature_map.shift.size and read in summed:
            moments = summed[read].rescaled(feature_map.shift, feature_map.scale)
            yield feature_map, Spectrum.from_moments(moments), moments
            continue
        spectrum, found = solve_spectrum(rows, targets, feature_map, weights)
        if found is not None and not feature_map.scale.size:
            summed[read] = found
        yield feature_map, spectrum, found
