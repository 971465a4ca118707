"""The parts of a picture or a sound, for deletion and insertion curves: cells of a grid, of which some are removed.

A removed cell of a picture has the picture's mean colour; of a sound it is silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import PixelMap, TimeFrequencyMap
from headstart.attributions.kinds import cell_sums
from headstart.data.media.readers import read_audio, read_image
from headstart.explain.checking.curves import Keeper
from headstart.sources.preprocessing.mel import mel_centres

__all__ = ["picture_parts", "sound_parts"]

Array = NDArray[np.float64]
SIDE = 256  # pixels of the longer side of the picture that is changed
SOUND_GRID = (4, 8)  # bands of frequencies and stretches of time


def picture_parts(item: Any, shown: PixelMap) -> tuple[Array, Keeper]:
    """The attributions of the cells of a picture, and the picture with some of them.

    Args:
        item: the picture.
        shown: its map; its grid gives the cells. What the body did not see stays as it is.

    Returns:
        (cells,) sums of the map, and a function from (cells,) booleans to a picture.

    Examples:
        >>> picture = np.zeros((4, 4, 3), np.uint8)
        >>> picture[:, 2:] = 200
        >>> values, keep = picture_parts(picture, PixelMap(np.eye(2), picture, (1, 2)))
        >>> values, keep(np.array([True, False]))[0, :, 0].tolist()
        (array([1., 1.]), [0, 0, 100, 100])
    """
    image = read_image(item, draft_size=(SIDE, SIDE))
    image.thumbnail((SIDE, SIDE))
    picture = np.asarray(image.convert("RGB"))
    height, width = picture.shape[:2]
    left, top, right, bottom = shown.box
    rows, columns = (
        (np.linspace(low, high, cells + 1) * side).round().clip(0, side).astype(int)
        for low, high, cells, side in ((top, bottom, shown.cells[0], height), (left, right, shown.cells[1], width))
    )
    mean = np.rint(picture.reshape(-1, 3).mean(axis=0)).astype(np.uint8)

    def keep(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        found = picture.copy()
        for i, j in np.argwhere(~mask.reshape(shown.cells)):
            found[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] = mean
        return found

    return cell_sums(shown.values, shown.cells).ravel(), keep


def sound_parts(item: Any, shown: TimeFrequencyMap) -> tuple[Array, Keeper]:
    """The attributions of stretches of time and bands of frequencies of a sound, and the sound with some of them.

    Args:
        item: the sound.
        shown: its map; of times alone, there are as many stretches of time as there are cells otherwise.

    Returns:
        (cells,) sums of the map, and a function from (cells,) booleans to samples and their rate.

    Examples:
        >>> shown = TimeFrequencyMap(np.eye(4), np.zeros((4, 4)), 1.0, np.arange(1.0, 5) * 1000)
        >>> values, keep = sound_parts((np.ones(8000, np.float32), 8000), shown)
        >>> len(values), float(np.abs(keep(np.zeros(32, bool))[0]).max())
        (32, 0.0)
    """
    samples, rate = read_audio(item)
    bands, stretches = SOUND_GRID if shown.values.shape[0] > 1 else (1, SOUND_GRID[0] * SOUND_GRID[1])
    times = (np.linspace(0, min(shown.seconds, len(samples) / rate), stretches + 1) * rate).round().astype(int)
    # the rows of a map are evenly spaced in mel between the lowest and the highest frequency that the body sees
    edges = _band_edges(shown, bands, rate)

    def keep(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], int]:
        found = samples.copy()
        stays = mask.reshape(bands, stretches)
        for j in np.flatnonzero(~stays.all(axis=0)):
            part = slice(times[j], times[j + 1])
            found[part] = 0.0 if not stays[:, j].any() else _without_bands(found[part], rate, edges, ~stays[:, j])
        return found, rate

    return _sums(shown, (bands, stretches), len(samples) / rate), keep


def _sums(shown: TimeFrequencyMap, cells: tuple[int, int], seconds: float) -> Array:
    """The sums over the cells that the sound fills; beyond its end there is only padding."""
    rows = np.array_split(np.arange(shown.values.shape[0]), cells[0])
    columns = shown.values.shape[1]
    edges = np.linspace(0, min(1.0, seconds / shown.seconds), cells[1] + 1) * columns
    ends = np.concatenate([np.zeros((shown.values.shape[0], 1)), np.cumsum(shown.values, axis=1)], axis=1)
    at_edges = np.array([np.interp(edges, np.arange(columns + 1), row) for row in ends])
    sums: Array = np.array([np.diff(at_edges[one], axis=1).sum(axis=0) for one in rows])
    return sums.ravel()


def _band_edges(shown: TimeFrequencyMap, bands: int, rate: int) -> Array:
    hertz = shown.hertz if len(shown.hertz) else mel_centres(64, 0.0, rate / 2)
    firsts = [part[0] for part in np.array_split(hertz, bands)]
    return np.array([0.0, *firsts[1:], np.inf])


def _without_bands(
    samples: NDArray[np.float32], rate: int, edges: Array, removed: NDArray[np.bool_]
) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    for k in np.flatnonzero(removed):
        spectrum[(frequencies >= edges[k]) & (frequencies < edges[k + 1])] = 0.0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)
