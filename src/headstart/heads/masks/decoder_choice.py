"""Which decoder: levels and the guided filter, chosen on pictures that the fit has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED, Mask, MaskArray
from headstart.decode.object_matches import matches_by_class
from headstart.decode.pixel_counts import mean_iou, pixel_confusion
from headstart.heads.masks.mask_decoder import MaskDecoder, cell_pixels
from headstart.heads.masks.mask_head import grey
from headstart.sources.positions.maps import MapSource
from headstart.sources.preprocessing.bilinear import at_grid
from headstart.types import Dataset

__all__ = ["DecoderTrial", "TrialPicture", "choose_decoder", "smallest_object"]

TrialPicture = tuple[Mask, NDArray[np.float32], NDArray[np.float32]]
"""A mask, the probabilities (height, width, k) of its pixels, and the grey values (height, width)."""

LEVELS = (0.35, 0.5, 0.65)
SEED_LEVELS = (0.35, 0.5, 0.65)
SMALLEST = 0.01  # quantile of the areas of labelled objects, half of which is the smallest found object


@dataclass(eq=False)
class DecoderTrial:
    """Left-out pictures with the probabilities of their cells.

    Attributes:
        dataset: of masks.
        maps: how pictures are read.
        boundary: whether the last probability is that of outlines.
        cells: (cells, k) float32 by the picture's position.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))
        >>> trial = DecoderTrial(toy_masks(1), maps, boundary=False)
        >>> trial.add(0, np.full((144, 2), 0.5, np.float32))
        >>> trial.count, next(trial.pictures())[1].shape
        (1, (24, 24, 2))
    """

    dataset: Dataset
    maps: MapSource
    boundary: bool
    cells: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def add(self, index: int, probabilities: NDArray[np.float32]) -> None:
        """Add a left-out picture."""
        self.cells[index] = probabilities

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.cells)

    def pictures(self) -> Iterator[TrialPicture]:
        """The mask, the probabilities (height, width, k) of the pixels and the grey values of each picture."""
        for index, own in self.cells.items():
            mask: Mask = self.dataset.labelled()[1][index]
            width, height = mask.size
            scale = self.maps.scale_of(mask.size)
            read = round(height * scale[1]), round(width * scale[0])
            cells = own.reshape(*self.maps.grid(mask.size), -1)
            pixels = cell_pixels(cells, self.maps.settings.stride, read)
            yield mask, np.ascontiguousarray(at_grid(pixels, (height, width))), grey(self.dataset.items[index])

    def choose(self) -> tuple[MaskDecoder, dict[str, float]]:
        """The decoder for these pictures, as `choose_decoder`."""
        task, y = self.dataset.labelled()
        least = smallest_object(y[list(self.cells)])
        return choose_decoder(self.pictures(), task.num_outputs, boundary=self.boundary, least=least)


def choose_decoder(
    pictures: Iterable[TrialPicture], classes: int, *, boundary: bool, least: int = 1
) -> tuple[MaskDecoder, dict[str, float]]:
    """The decoder with the highest instance F1 where objects are told apart, else with the highest mIoU.

    Args:
        pictures: masks, with probabilities (height, width, k) of their pixels and grey values, of the masks' size; of
            pictures that no fit has seen.
        classes: C of the task.
        boundary: whether the last probability is that of outlines.
        least: pixels of the smallest object that is kept, from `smallest_object`.

    Returns:
        The decoder, and the metrics of the pictures by name.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> data = toy_masks(2, objects=False)
        >>> sure = [np.eye(2, dtype=np.float32)[mask.classes()] for mask in data.y]
        >>> choose_decoder(zip(data.y, sure, map(grey, data.items)), 2, boundary=False)[1]
        {'miou': 1.0}
    """
    start = MaskDecoder(boundary, least=least)
    levels = product(LEVELS, SEED_LEVELS if boundary else (start.seed_level,))
    tried = [replace(start, level=level, seed_level=seed) for level, seed in levels]
    counts = {replace(each, guided=guided): _Tally(classes) for each in tried for guided in (False, True)}
    for mask, probabilities, guide in pictures:
        for guided in (False, True):
            refined = replace(start, guided=guided).refined(probabilities, guide)
            for each in tried:
                counts[replace(each, guided=guided)].add(mask, each.decode(refined))
    best = max(counts, key=lambda each: counts[each].score(objects=boundary))
    return best, counts[best].metrics(objects=boundary)


class _Tally:
    """Pixels and objects that were found."""

    def __init__(self, classes: int) -> None:
        self.confusion = np.zeros((classes, classes), np.int64)
        self.hits = self.objects = 0

    def add(self, mask: Mask, found: MaskArray) -> None:
        truth = np.asarray(mask.classes())
        self.confusion += pixel_confusion(truth, found.values, len(self.confusion))
        labelled = mask.instances()
        if labelled is None or found.objects is None:
            return
        sides = (truth, np.asarray(labelled)), (found.values, found.objects)
        for matches in matches_by_class(*sides, len(self.confusion), truth == IGNORED):
            self.hits += 2 * matches.hits()
            self.objects += len(matches.truth) + len(matches.found)

    def score(self, *, objects: bool) -> tuple[float, float]:
        metrics = self.metrics(objects=objects)
        return metrics.get("instance_f1", 0.0), metrics["miou"]

    def metrics(self, *, objects: bool) -> dict[str, float]:
        found = {"miou": float(mean_iou(self.confusion))}
        if objects:
            found["instance_f1"] = self.hits / self.objects if self.objects else 1.0
        return found


def smallest_object(masks: Iterable[Mask]) -> int:
    """Pixels of the smallest object that is worth keeping: half of the first percentile of the labelled areas.

    Args:
        masks: of training pictures.

    Examples:
        >>> smallest_object([MaskArray(np.ones((4, 4), np.int16), np.ones((4, 4), np.int32))])
        8
    """
    areas = [np.bincount(objects.ravel())[1:] for mask in masks if (objects := mask.instances()) is not None]
    sizes = np.concatenate(areas) if areas else np.empty(0)
    sizes = sizes[sizes > 0]
    return max(1, int(np.quantile(sizes, SMALLEST) / 2)) if sizes.size else 1
