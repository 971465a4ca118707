"""Occlusion: how much the quantity falls if a part of the item is covered. It needs predictions alone.

    a(p) = mean over patches that cover p of f(x) - f(x with the patch covered), averaged over two sizes of patches

A patch of a picture is filled with the picture's mean colour. A patch of a sound is a stretch of time and a band of
frequencies, which is silenced (of a speech body a stretch of time alone). The values do not sum to anything.

Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.

Command: headstart explain RUN PICTURE --method occlusion
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution, PixelMap, Shown, TimeFrequencyMap
from headstart.data.media.readers import read_audio, read_image
from headstart.explain.asking.query import Query, source_in_fp32
from headstart.explain.registry import Need
from headstart.sources.preprocessing.mel import log_mel, mel_centres
from headstart.sources.transformers.speech_body import SpeechBody
from headstart.types import Modality

__all__ = ["OCCLUSION", "Occlusion", "covered_picture", "silenced_sound"]

Array = NDArray[np.float64]
Part = tuple[slice, slice]  # of a grid
SIDE = 512  # pixels of the longer side of a picture that is covered
AT_ONCE = 32  # items
PICTURE_GRID, PICTURE_PATCHES = (14, 14), ((4, 2), (2, 1))  # the side of a patch and its step, in cells
SOUND_GRID, SOUND_PATCHES = (8, 12), ((2, 1), (1, 1))  # bands of frequencies and stretches of time
TIME_GRID, TIME_PATCHES = (1, 24), ((3, 1), (1, 1))
MOST_SECONDS = 120.0  # of a sound; of a longer one the beginning
MELS, FRAMES = 64, 400  # of the spectrogram that is shown
RANGE_DB = 80.0  # of it


@dataclass(frozen=True)
class Occlusion:
    """How much each part of a picture or a sound counts, from predictions without it.

    Attributes:
        name: ``"occlusion"``.
        title: what it shows.
        modalities: pictures and sounds.
        needs: nothing: any head on any backend.

    Examples:
        >>> from headstart import fit
        >>> pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="toy", baselines="none", verbose=False).model
        >>> picture = np.zeros((28, 28, 3), np.uint8)
        >>> model.explain(picture, method="occlusion")["occlusion"].shown.cells
        (14, 14)
    """

    name: str = "occlusion"
    title: str = "Where the answer comes from: occlusion"
    modalities: frozenset[Modality] = frozenset({"image", "audio"})
    needs: frozenset[Need] = frozenset()

    def __call__(self, query: Query) -> Attribution:
        """The mean fall of the quantity at each position."""
        run = _of_picture if query.model.source.info.modality == "image" else _of_sound
        shown, value, count, notes = run(query)
        return Attribution(
            self.name, self.title, shown, query.contrast.quantity, query.contrast.unit, value,
            checks={"predictions": float(count)},
            notes=(*notes, "The values do not sum to anything; two places that say the same hide each other."),
        )  # fmt: skip


def covered_picture(picture: NDArray[np.uint8], part: Part) -> NDArray[np.uint8]:
    """A picture of which a part has its mean colour.

    Args:
        picture: (h, w, 3).
        part: rows and columns.

    Examples:
        >>> covered_picture(np.array([[[0, 0, 0], [200, 0, 0]]], np.uint8), (slice(0, 1), slice(1, 2))).tolist()
        [[[0, 0, 0], [100, 0, 0]]]
    """
    found = picture.copy()
    found[part] = np.rint(picture.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
    return found


def silenced_sound(
    samples: NDArray[np.float32], rate: int, span: tuple[int, int], hertz: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """A sound without a stretch of time, or without a band of frequencies in it.

    Args:
        samples: (n,).
        rate: in Hz.
        span: the first sample that is silenced, and the one after the last.
        hertz: the band, from and below; default: all frequencies.

    Examples:
        >>> silenced_sound(np.ones(4, np.float32), 4, (1, 3)).tolist()
        [1.0, 0.0, 0.0, 1.0]
    """
    found = samples.copy()
    begin, end = span
    if hertz is None or end - begin < 2:
        found[begin:end] = 0.0
        return found
    spectrum = np.fft.rfft(samples[begin:end])
    frequencies = np.fft.rfftfreq(end - begin, 1 / rate)
    spectrum[(frequencies >= hertz[0]) & (frequencies < hertz[1])] = 0.0
    found[begin:end] = np.fft.irfft(spectrum, end - begin)
    return found


def _of_picture(query: Query) -> tuple[Shown, float, int, list[str]]:
    image = read_image(query.item, draft_size=(SIDE, SIDE))
    image.thumbnail((SIDE, SIDE))
    picture = np.asarray(image.convert("RGB"))
    height, width = picture.shape[:2]
    grid = (min(PICTURE_GRID[0], height), min(PICTURE_GRID[1], width))
    rows, columns = _edges(height, grid[0]), _edges(width, grid[1])

    def without(part: Part) -> NDArray[np.uint8]:
        down, across = part
        return covered_picture(
            picture, (slice(rows[down.start], rows[down.stop]), slice(columns[across.start], columns[across.stop]))
        )

    value, values, count = _measured(query, picture, grid, PICTURE_PATCHES, without)
    sizes = " and ".join(f"{size / PICTURE_GRID[0]:.0%}" for size, _ in PICTURE_PATCHES)
    said = f"{count} patches, of {sizes} of each side, were covered one by one with the picture's mean colour."
    return PixelMap(values, picture, grid), value, count + 1, [said]


def _of_sound(query: Query) -> tuple[Shown, float, int, list[str]]:
    samples, rate = read_audio(query.item)
    kept = samples[: max(1, int(MOST_SECONDS * rate))]
    in_time_only = isinstance(source_in_fp32(query.model.source), SpeechBody)
    grid, patches = (TIME_GRID, TIME_PATCHES) if in_time_only else (SOUND_GRID, SOUND_PATCHES)
    grid = (grid[0], min(grid[1], len(kept)))
    times = _edges(len(kept), grid[1])
    bands = [0.0, *mel_centres(grid[0] - 1, 0.0, rate / 2), np.inf] if grid[0] > 1 else [0.0, np.inf]

    def without(part: Part) -> tuple[NDArray[np.float32], int]:
        low, across = part
        band = None if in_time_only else (bands[low.start], bands[low.stop])
        return silenced_sound(kept, rate, (times[across.start], times[across.stop]), band), rate

    value, values, count = _measured(query, (kept, rate), grid, patches, without)
    hop = max(1, len(kept) // FRAMES)
    seen = log_mel(kept, rate, sample_rate=rate, n_fft=1024, hop=hop, n_mels=MELS, fmin=0.0, fmax=rate / 2)
    seconds = len(kept) / rate
    shown = TimeFrequencyMap(
        values, np.maximum(seen, seen.max() - RANGE_DB).astype(np.float64), seconds, mel_centres(MELS, 0.0, rate / 2)
    )
    what = "stretches of time" if in_time_only else "stretches of time, in bands of frequencies,"
    notes = [f"{count} {what} were silenced one by one."]
    if len(kept) < len(samples):
        notes.append(
            f"Only the first {seconds:g} of {len(samples) / rate:.0f} seconds were explained, as a sound alone."
        )
    return shown, value, count + 1, notes


def _edges(length: int, cells: int) -> list[int]:
    """Where cells begin and end."""
    edges: list[int] = np.linspace(0, length, cells + 1).round().astype(int).tolist()
    return edges


def _measured(
    query: Query,
    item: Any,
    grid: tuple[int, int],
    patches: tuple[tuple[int, int], ...],
    without: Callable[[Part], Any],
) -> tuple[float, Array, int]:
    """The quantity of an item, how much it falls at each cell of the grid, and the number of patches."""
    value = float(query.values_of_items([item])[0])
    total, count = np.zeros(grid), 0
    for size, step in patches:
        parts = [(down, across) for down in _spans(grid[0], size, step) for across in _spans(grid[1], size, step)]
        sums, covers = np.zeros(grid), np.zeros(grid)
        for start in range(0, len(parts), AT_ONCE):
            group = parts[start : start + AT_ONCE]
            for part, found in zip(group, query.values_of_items([without(part) for part in group]), strict=True):
                sums[part] += value - found
                covers[part] += 1
        total += sums / covers / len(patches)
        count += len(parts)
    return value, total, count


def _spans(cells: int, size: int, step: int) -> list[slice]:
    """Stretches of cells that cover all of them."""
    size = min(size, cells)
    starts = [*range(0, cells - size, step), cells - size]
    return [slice(start, start + size) for start in starts]


OCCLUSION = Occlusion()
