"""The trained head for masks: a decoder network on the maps of a frozen body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import PackedMask
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError
from headstart.heads.masks.cell_rows import batches, item_size
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import decoded_pixels
from headstart.reporting import Progress
from headstart.sources.positions.map_settings import DEEPEST, MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.sources.positions.window_maps import WindowMaps
from headstart.types import Source, Task

if TYPE_CHECKING:
    from headstart.heads.masks.network import MapDecoder

__all__ = ["TrainedMaskHead"]

NAME = "mask decoder"
MOST_BLOCKS, MOST_WIDTH, MOST_CLASSES = 16, 16_384, 1024
TOGETHER = 4  # pictures that are encoded at once, if their maps fit into memory


@dataclass(frozen=True, eq=False)
class TrainedMaskHead:
    """Gives a class to each pixel by a decoder network, and numbers objects where it was trained on objects.

    Attributes:
        settings: how pictures are read; the blocks and the window are named.
        widths: channels of the blocks' maps.
        strides: pixels a cell of each.
        weights: of the network, by name.
        decoder: from probabilities to a mask.
        num_classes: C of the task.

    Examples:
        >>> import torch
        >>> from headstart.heads.masks.network import DecoderShape, MapDecoder
        >>> from headstart.sources import open_source
        >>> network = MapDecoder(DecoderShape((32, 48), (2, 4), 2))
        >>> weights = {name: value.numpy() for name, value in network.state_dict().items()}
        >>> settings = MapSettings(window=(64, 64), blocks=("act1", "layer1"))
        >>> head = TrainedMaskHead(settings, (32, 48), (2, 4), weights, MaskDecoder(boundary=False), 2)
        >>> head.annotate(open_source("headstart:image"), [np.zeros((40, 70, 3), np.uint8)], engine=Engine())[0].size
        (70, 40)
    """

    kind: ClassVar[str] = "mask"

    settings: MapSettings
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    weights: Mapping[str, NDArray[Any]]
    decoder: MaskDecoder
    num_classes: int
    _opened: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in `ANNOTATION_HEADS`."""
        return NAME

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[PackedMask]:
        """The mask of each of n pictures, of the picture's size; raises `ItemError` on an unreadable one."""
        maps = self._windows(source)
        found: list[PackedMask] = []
        for batch in batches(map(maps.picture_bytes, map(item_size, items)), most=TOGETHER):
            some = [items[k] for k in batch]
            for item, probabilities in zip(some, self.probabilities(maps, some, engine), strict=True):
                found.append(PackedMask.of(decoded_pixels(item, probabilities, maps, self.decoder)))
            if progress is not None:
                progress(len(found), len(items), str(maps.runtime))
        return found

    def probabilities(self, maps: WindowMaps, items: Sequence[Any], engine: Engine) -> list[NDArray[np.float32]]:
        """(height, width, k) of each picture as it was read.

        Args:
            maps: the source as this head reads it.
            items: a few pictures.
            engine: how they are encoded.
        """
        read = extract(maps, items, engine=engine, on_error="raise")
        offsets = read.offsets if read.offsets is not None else np.array([0, len(read.rows)])
        found = []
        for item, begin, end in zip(items, offsets[:-1], offsets[1:], strict=True):
            pixels = maps.pixels(item)
            windows = maps.windows((pixels.shape[0], pixels.shape[1]))
            cut = windows.cut(pixels)
            parts = [self._decoded(maps, row, window) for row, window in zip(read.rows[begin:end], cut, strict=True)]
            found.append(windows.joined(np.stack(parts)))
        return found

    def _decoded(self, maps: WindowMaps, row: NDArray[np.float32], window: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, k) of one window."""
        import torch

        network = self.network()
        blocks = [
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(block, 2, 0)))[None] for block in maps.unpacked(row)
        ]
        with torch.inference_mode():
            logits = network(blocks, torch.from_numpy(np.require(window, requirements=["C", "W"]))[None])
            return np.asarray(logits.softmax(1)[0].permute(1, 2, 0).numpy(), dtype=np.float32)

    def network(self) -> MapDecoder:
        """The network with its weights; built once."""
        if "network" not in self._opened:
            self._opened["network"] = _built(self.widths, self.strides, self._outputs, self.weights)
        network: MapDecoder = self._opened["network"]
        return network

    @property
    def _outputs(self) -> int:
        return self.num_classes + self.decoder.boundary

    def _windows(self, source: Source) -> WindowMaps:
        if self._opened.get("source") is not source:
            self._opened.update(source=source, maps=WindowMaps.of(maps_of(source, self.settings)))
        maps: WindowMaps = self._opened["maps"]
        return maps

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The weights of the network by name."""
        return dict(self.weights)

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values."""
        return {
            "settings": self.settings.to_dict(), "decoder": self.decoder.to_dict(),
            "widths": list(self.widths), "strides": list(self.strides),
        }  # fmt: skip

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> TrainedMaskHead:
        """The head that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit together or to the task, or a number is out of its range.
        """
        try:
            settings = MapSettings.from_dict(facts.get("settings") or {})
            decoder = MaskDecoder.from_dict(facts.get("decoder") or {})
        except (HeadstartError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error
        widths, strides = (_numbers(facts, name, most) for name, most in (("widths", MOST_WIDTH), ("strides", DEEPEST)))
        blocks, outputs = settings.blocks or (), task.num_outputs + decoder.boundary
        if not 1 <= len(blocks) <= MOST_BLOCKS or len(blocks) != len(widths) or len(widths) != len(strides):
            raise ValueError(f"the decoder of masks reads {len(blocks)} blocks, with {len(widths)} widths")
        if not 2 <= outputs <= MOST_CLASSES or settings.window is None:
            raise ValueError(f"the decoder of masks has {outputs} classes and the window {settings.window}")
        try:
            settings.check_memory(0, outputs)
        except HeadstartError as error:
            raise ValueError(str(error)) from error
        _built(widths, strides, outputs, tensors)
        return cls(settings, widths, strides, dict(tensors), decoder, task.num_outputs)


def _numbers(facts: Mapping[str, Any], name: str, most: int) -> tuple[int, ...]:
    values = facts.get(name)
    fine = isinstance(values, list) and all(type(value) is int and 1 <= value <= most for value in values)
    if not fine:
        raise ValueError(f"the decoder of masks has no list of whole numbers '{name}'")
    return tuple(values)  # type: ignore[arg-type]


def _built(
    widths: tuple[int, ...], strides: tuple[int, ...], outputs: int, weights: Mapping[str, NDArray[Any]]
) -> MapDecoder:
    """The network with its weights; raises `ValueError` if they do not fit or are not finite."""
    import torch

    from headstart.heads.masks.network import DecoderShape, MapDecoder

    with torch.device("meta"):  # nothing is allocated before the shapes are known to fit
        network = MapDecoder(DecoderShape(widths, strides, outputs))
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if wanted != found:
        raise ValueError("the weights of the decoder of masks do not fit its maps")
    state = {name: torch.from_numpy(np.array(value, dtype=np.float32)) for name, value in weights.items()}
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise ValueError("the weights of the decoder of masks are not finite")
    network.load_state_dict(state, assign=True)
    return network.eval()
