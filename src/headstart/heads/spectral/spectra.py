"""Moments and spectra of mapped rows: streamed over chunks, or from the n x n side if that is smaller."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap
from headstart.linear.checks import CHUNK
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.types import Rows

__all__ = [
    "SharedSpectra",
    "known_spectrum",
    "shared_spectra",
    "solve_spectrum",
    "solved_maps",
    "stream_moments",
]


def stream_moments(
    rows: Rows, targets: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None = None
) -> Moments:
    """Moments of mapped rows, computed in chunks so that memory does not grow with n.

    Args:
        rows: (n, d) source rows, for instance a memory map.
        targets: (n, k) float64, an array or `TargetRows`.
        feature_map: from source rows to head rows.
        weights: (n,) weights of the rows; default: ones.

    Examples:
        >>> identity = FeatureMap("rows", ((0, 2),), "none")
        >>> stream_moments(np.eye(2), np.ones((2, 1)), identity).n
        2
    """
    own = np.ones(len(rows)) if weights is None else weights
    parts = [slice(i, i + CHUNK) for i in range(0, len(rows), CHUNK)]
    return Moments.stream((feature_map(rows[part]), targets[part], own[part]) for part in parts)


def solve_spectrum(
    rows: Rows, targets: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None = None
) -> tuple[Spectrum, Moments | None]:
    """The spectrum of mapped rows from the smaller side, n x n or d x d; in the second case also the moments.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64, an array or `TargetRows`.
        feature_map: from source rows to head rows.
        weights: (n,) weights of the rows; default: ones.

    Returns:
        The spectrum, and the moments that it was computed from or None.

    Examples:
        >>> identity = FeatureMap("rows", ((0, 2),), "none")
        >>> spectrum, moments = solve_spectrum(np.array([[0.0, 0.0], [2.0, 0.0]]), np.ones((2, 1)), identity)
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
    # n <= d: an (n, n) eigenproblem of rows that fit into memory; else (d, d) moments, streamed
    if len(rows) <= feature_map.num_features:
        return Spectrum.from_rows(feature_map(rows[:]), targets[:], weights), None
    moments = stream_moments(rows, targets, feature_map, weights)
    return Spectrum.from_moments(moments), moments


def solved_maps(
    rows: Rows, targets: Rows, maps: Sequence[FeatureMap], weights: NDArray[np.float64] | None = None
) -> Iterator[tuple[FeatureMap, Spectrum, Moments | None]]:
    """Each feature map with its spectrum and moments; maps that differ only by shift and scale share one pass.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64, an array or `TargetRows`.
        maps: feature maps.
        weights: (n,) weights of the rows; default: ones.

    Examples:
        >>> identity = FeatureMap("rows", ((0, 2),), "none")
        >>> [(found.name, spectrum.n) for found, spectrum, _ in solved_maps(np.eye(2), np.ones((2, 1)), [identity])]
        [('rows', 2)]
    """
    summed: dict[Any, Moments] = {}
    for feature_map in maps:
        read = feature_map.moments_key
        # the moments of (x - shift)/scale follow from those of x, without another pass over the rows
        if feature_map.shift.size and read in summed:
            moments = summed[read].rescaled(feature_map.shift, feature_map.scale)
            yield feature_map, Spectrum.from_moments(moments), moments
            continue
        spectrum, found = solve_spectrum(rows, targets, feature_map, weights)
        if found is not None and not feature_map.scale.size:
            summed[read] = found
        yield feature_map, spectrum, found


MOST_BYTES = 2**29  # of cached eigenvectors; spectra beyond that are recomputed


@dataclass(eq=False)
class SharedSpectra:
    """A cache of eigendecompositions.

    Attributes:
        known: spectra by digest of mapped rows and weights.
        reused: number of cache hits.
    """

    known: dict[str, Spectrum] = field(default_factory=dict)
    reused: int = 0


_CURRENT: ContextVar[SharedSpectra | None] = ContextVar("shared_spectra", default=None)


@contextmanager
def shared_spectra() -> Iterator[SharedSpectra]:
    """Share eigendecompositions among the fits within the block.

    Examples:
        >>> from headstart.heads.spectral.spectra import solve_spectrum
        >>> x, identity = np.arange(6.0).reshape(3, 2), FeatureMap("rows", ((0, 2),), "none")
        >>> with shared_spectra() as shared:
        ...     first, second = (solve_spectrum(x, np.full((3, k), [[1.0], [2.0], [4.0]]), identity)[0] for k in (1, 2))
        >>> shared.reused, second.cross.shape
        (1, (1, 2))
    """
    found = SharedSpectra()
    token = _CURRENT.set(found)
    try:
        yield found
    finally:
        _CURRENT.reset(token)


def known_spectrum(
    rows: Rows,
    targets: Rows,
    feature_map: FeatureMap,
    weights: NDArray[np.float64] | None,
    make: Callable[[], Spectrum],
) -> Spectrum | None:
    """The spectrum of mapped rows with these targets, from the cache of `shared_spectra`; None outside of its block.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) targets.
        feature_map: from source rows to head rows.
        weights: (n,) weights, or None.
        make: computes the spectrum with these targets if the rows are not in the cache.

    Examples:
        >>> identity = FeatureMap("rows", ((0, 2),), "none")
        >>> x = np.eye(2)
        >>> known_spectrum(x, x, identity, None, lambda: Spectrum.from_rows(x, x)) is None
        True
    """
    shared = _CURRENT.get()
    if shared is None:
        return None
    # targets are not in the key, since eigenvectors do not depend on them
    key = _digest(rows, feature_map, weights)
    if key not in shared.known:
        spectrum: Spectrum = make()
        if sum(one.vectors.nbytes for one in (*shared.known.values(), spectrum)) <= MOST_BYTES:
            shared.known[key] = spectrum
        return spectrum
    shared.reused += 1
    return _with_targets(shared.known[key], rows, targets, feature_map, weights)


def _digest(rows: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None) -> str:
    digest = hashlib.blake2b(digest_size=20)
    for start in range(0, len(rows), CHUNK):
        digest.update(np.ascontiguousarray(feature_map(rows[start : start + CHUNK])).data)
    if weights is not None:
        digest.update(np.ascontiguousarray(weights).data)
    return f"{digest.hexdigest()} {feature_map.num_features}"


def _with_targets(
    spectrum: Spectrum, rows: Rows, targets: Rows, feature_map: FeatureMap, weights: NDArray[np.float64] | None
) -> Spectrum:
    """The same eigendecomposition with other targets: their mean ȳ, VᵀX̃ᵀỸ and the diagonal of ỸᵀỸ, in chunks."""
    n, width = targets.shape
    own = np.ones(n) if weights is None else weights
    parts = [slice(start, start + CHUNK) for start in range(0, n, CHUNK)]
    mean = sum((own[part] @ targets[part] for part in parts), np.zeros(width)) / own.sum()
    cross, total = np.zeros((len(spectrum.values), width)), np.zeros(width)
    for part in parts:
        centred = targets[part] - mean
        weighted = own[part][:, None] * centred
        cross += spectrum.project(feature_map(rows[part])).T @ weighted
        total += (weighted * centred).sum(axis=0)
    return replace(spectrum, target_mean=mean, cross=cross, total=total)
