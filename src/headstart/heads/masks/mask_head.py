"""The closed-form head for masks: a linear map of the rows of cells, and the decoder that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import MaskArray, PackedMask
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError, ItemError
from headstart.heads.masks.cell_rows import item_size, size_batches
from headstart.heads.masks.cells import resized_codes
from headstart.heads.masks.linear_map import KINDS, LinearMap
from headstart.heads.masks.mask_decoder import MaskDecoder, cell_pixels
from headstart.reporting import Progress
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import MapSource, maps_of
from headstart.sources.preprocessing.bilinear import at_grid
from headstart.sources.preprocessing.decode import open_picture
from headstart.types import Source, Task

__all__ = ["MaskHead", "decoded_picture", "decoded_pixels", "grey"]

NAME = "pixels"
FULL_PIXELS = 4_000_000  # larger pictures are decoded at the size at which they were read
MOST_FEATURES = 65_536
MOST_CLASSES = 4_096
TOGETHER = 8  # pictures that are encoded at once, if their rows fit into memory


@dataclass(frozen=True, eq=False)
class MaskHead:
    """Gives a class to each pixel, and numbers objects where it was fitted to objects.

    Attributes:
        settings: how pictures are read as rows of cells.
        linear: from rows to scores.
        decoder: from probabilities to a mask.
        num_classes: C of the task.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> linear = LinearMap("ridge", 0.1, np.repeat([[-1.0, 1.0]], 9, axis=0), np.array([4.0, -3.0]))
        >>> decoder = MaskDecoder(boundary=False, guided=False)
        >>> head = MaskHead(MapSettings(blocks=(), stride=1), linear, decoder, 2)
        >>> found = head.annotate(open_source("headstart:image"), toy_masks(1).items, engine=Engine())
        >>> found[0].size, np.unique(found[0].classes())
        ((24, 24), array([0, 1], dtype=int16))
    """

    kind: ClassVar[str] = "mask"

    settings: MapSettings
    linear: LinearMap
    decoder: MaskDecoder
    num_classes: int
    _opened: dict[int, tuple[Source, MapSource]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in `ANNOTATION_HEADS`."""
        return NAME

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[PackedMask]:
        """The mask of each of n pictures, of the picture's size; raises `ItemError` on an unreadable one."""
        maps, found = self.maps(source), list[PackedMask]()
        for batch in size_batches(maps, map(item_size, items), most=TOGETHER):
            some = [items[k] for k in batch]
            read = extract(maps, some, engine=engine, on_error="raise")
            offsets = read.offsets if read.offsets is not None else np.array([0, len(read.rows)])
            for item, first, end in zip(some, offsets[:-1], offsets[1:], strict=True):
                probabilities = self.linear.probabilities(read.rows[first:end])
                found.append(PackedMask.of(decoded_picture(item, probabilities, maps, self.decoder)))
            if progress is not None:
                progress(len(found), len(items), f"{read.backend} {read.precision}".strip())
        return found

    def maps(self, source: Source) -> MapSource:
        """The source as this head reads it; opened once for each source."""
        known = self._opened.get(id(source))
        if known is None or known[0] is not source:
            self._opened.clear()
            known = self._opened[id(source)] = (source, maps_of(source, self.settings))
        return known[1]

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """Its arrays by name."""
        return {"weight": self.linear.weight.astype(np.float32), "bias": self.linear.bias.astype(np.float32)}

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values."""
        return {
            "settings": self.settings.to_dict(),
            "decoder": self.decoder.to_dict(),
            "kind": self.linear.kind,
            "lambda": self.linear.lam,
        }

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> MaskHead:
        """The head that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit together or to the task, or a number is out of its range.
        """
        try:
            settings = MapSettings.from_dict(_mapping(facts, "settings"))
            decoder = MaskDecoder.from_dict(_mapping(facts, "decoder"))
        except HeadstartError as error:
            raise ValueError(str(error)) from error
        weight, bias = _array(tensors, "weight", 2), _array(tensors, "bias", 1)
        kind, lam = facts.get("kind"), facts.get("lambda")
        k = task.num_outputs + decoder.boundary
        if weight.shape[1] != k or bias.shape != (k,) or not 2 <= k <= MOST_CLASSES or len(weight) > MOST_FEATURES:
            raise ValueError(f"the weights of the masks have the shape {weight.shape}, and the task needs {k} columns")
        if kind not in KINDS or isinstance(lam, bool) or not isinstance(lam, int | float) or not 0 <= lam <= 1e9:
            raise ValueError(f"the head of the masks is damaged: kind {kind!r:.40}, lambda {lam!r:.40}")
        try:
            settings.check_memory(len(weight), k)
        except HeadstartError as error:
            raise ValueError(str(error)) from error
        linear = LinearMap(kind, float(lam), weight.astype(np.float64), bias.astype(np.float64))
        return cls(settings, linear, decoder, task.num_outputs)


def decoded_picture(
    item: object, probabilities: NDArray[np.float32], maps: MapSource, decoder: MaskDecoder
) -> MaskArray:
    """The mask of one picture from the probabilities (cells, k) of its cells.

    Above four million pixels the mask is decoded at the size at which the picture was read, and enlarged.

    Args:
        item: the picture.
        probabilities: of its cells, row by row.
        maps: how it was read.
        decoder: from probabilities of pixels to a mask.

    Raises:
        ItemError: if the number of cells is not that of the picture.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))
        >>> sure = np.tile(np.array([0.1, 0.9], np.float32), (144, 1))
        >>> decoder = MaskDecoder(boundary=False)
        >>> int(decoded_picture(toy_masks(1).items[0], sure, maps, decoder).classes().sum())
        576
    """
    full = grey(item)
    height, width = full.shape
    rows, columns = maps.grid((width, height))
    if rows * columns != len(probabilities):
        raise ItemError(f"A picture of {width} x {height} pixels has {rows * columns} cells. Got {len(probabilities)}.")
    scale = maps.scale_of((width, height))
    read = round(height * scale[1]), round(width * scale[0])
    pixels = cell_pixels(probabilities.reshape(rows, columns, -1), maps.settings.stride, read)
    return _decoded(item, full, pixels, maps, decoder)


def decoded_pixels(
    item: object, probabilities: NDArray[np.float32], maps: MapSource, decoder: MaskDecoder
) -> MaskArray:
    """As `decoded_picture`, from the probabilities (height, width, k) of the pixels of the picture as it was read.

    Args:
        item: the picture.
        probabilities: of its pixels.
        maps: how it was read.
        decoder: from probabilities of pixels to a mask.

    Examples:
        >>> from headstart.sources import open_source
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=1))
        >>> sure = np.tile(np.array([0.1, 0.9], np.float32), (8, 8, 1))
        >>> int(decoded_pixels(np.zeros((8, 8, 3), np.uint8), sure, maps, MaskDecoder(False)).classes().sum())
        64
    """
    return _decoded(item, grey(item), probabilities, maps, decoder)


def _decoded(
    item: object, full: NDArray[np.float32], pixels: NDArray[np.float32], maps: MapSource, decoder: MaskDecoder
) -> MaskArray:
    if full.size <= FULL_PIXELS:
        return decoder(np.ascontiguousarray(at_grid(pixels, full.shape)), full)
    found = decoder(pixels, grey(maps.pixels(item)))
    objects = None if found.objects is None else resized_codes(found.objects, full.shape)
    return MaskArray(resized_codes(found.values, full.shape), objects)


def grey(item: object) -> NDArray[np.float32]:
    """The grey values (height, width) in [0, 1] of a picture, upright.

    Examples:
        >>> grey(np.full((2, 3, 3), 255, np.uint8))[0]
        array([1., 1., 1.], dtype=float32)
    """
    return np.asarray(open_picture(item).image.convert("L"), dtype=np.float32) / np.float32(255)


def _mapping(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = facts.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"the head of the masks has no '{name}'")
    return value


def _array(tensors: Mapping[str, NDArray[Any]], name: str, dimensions: int) -> NDArray[Any]:
    value = tensors.get(name)
    if value is None or value.ndim != dimensions or value.dtype.kind != "f" or not np.isfinite(value).all():
        raise ValueError(f"the head of the masks needs finite numbers '{name}' of {dimensions} dimensions")
    return value
