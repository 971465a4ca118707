"""The trained head of boxes: the maps of a body go through a small network, whose weights the head holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads.boxes.calibration import UNCALIBRATED, ScoreCalibration
from headstart.heads.boxes.detections import as_boxes
from headstart.heads.boxes.saved import check_tensor, whole
from headstart.heads.boxes.solved import calibration_of, picture_size
from headstart.reporting import Progress
from headstart.sources.positions.map_settings import MOST_NUMBERS
from headstart.sources.positions.pyramid import LEAST, MOST, MOST_LEVELS, Level, PyramidSource
from headstart.types import Source, Task

if TYPE_CHECKING:
    from headstart.heads.boxes.network import DenseHead

__all__ = ["DenseBoxes"]

AT_ONCE = 16  # pictures that are encoded together: their maps are large
MOST_WIDTH = 8192
PREFIX = "dense."


@dataclass(frozen=True, eq=False)
class DenseBoxes:
    """A head that was trained, alone or with the body.

    Attributes:
        levels: the maps that it reads of the body, finest first.
        side: pixels of the square that pictures are resized to.
        classes: number of classes.
        state: the tensors of its network, by name.
        calibration: of the scores.

    Examples:
        >>> DenseBoxes((Level(16, "layer3", 96),), 256, 2, {}).name
        'dense_boxes'
    """

    kind: ClassVar[str] = "box"

    levels: tuple[Level, ...]
    side: int
    classes: int
    state: Mapping[str, NDArray[Any]] = field(repr=False)
    calibration: ScoreCalibration = UNCALIBRATED
    name: str = "dense_boxes"

    @property
    def shown(self) -> float:
        """The score from which boxes are shown."""
        return self.calibration.shown

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[Boxes]:
        """The boxes of n pictures with calibrated scores, highest first, also those below ``shown``.

        Args:
            source: as its user opened it, with the body that the head was trained on.
            items: n pictures.
            engine: how they are encoded.
            progress: receives what is done.

        Raises:
            ItemError: if a picture cannot be read.
        """
        import torch

        pyramid, found = PyramidSource(source, self.levels, self.side), list[Boxes]()
        for start in range(0, len(items), AT_ONCE):
            some = items[start : start + AT_ONCE]
            maps = pyramid.maps(extract(pyramid, some, engine=engine, on_error="raise").rows)
            with torch.inference_mode():
                said = self.network([torch.from_numpy(level) for level in maps])
                boxes, scores = said.boxes.double().numpy(), said.scores().double().numpy()
            for item, own, values in zip(some, boxes, scores, strict=True):
                found.append(self.calibration.on(as_boxes(own, values, picture_size(item))))
            if progress is not None:
                progress(len(found), len(items), "")
        return found

    @cached_property
    def network(self) -> DenseHead:
        """The network with its weights; built once."""
        import torch

        from headstart.heads.boxes.network import DenseHead, HeadShape

        strides, widths = ((level.stride for level in self.levels), (level.width for level in self.levels))
        network = DenseHead(HeadShape(tuple(strides), tuple(widths), self.classes))
        wanted = network.state_dict()
        given = {name: torch.from_numpy(np.array(value)) for name, value in self.state.items()}
        counters = {name: value for name, value in wanted.items() if name.endswith("num_batches_tracked")}
        network.load_state_dict({**counters, **given})
        return network.eval()

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The weights of the network."""
        return {PREFIX + name: value for name, value in self.state.items()}

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values."""
        levels = [[level.stride, level.name, level.width] for level in self.levels]
        return {"levels": levels, "side": self.side, "calibration": self.calibration.to_dict()}

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> DenseBoxes:
        """The head that a model folder describes.

        Raises:
            ValueError: if tensors and facts do not fit together or to the task.
        """
        given = facts.get("levels")
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_LEVELS:
            raise ValueError("the head of boxes lacks its levels")
        state = {}
        for name, value in tensors.items():
            if name.startswith(PREFIX):
                check_tensor(tensors, name, (None,) * value.ndim)
                state[name.removeprefix(PREFIX)] = value
        levels, side = tuple(map(_level, given)), whole(facts.get("side"), "the side of pictures", LEAST, MOST)
        numbers = AT_ONCE * sum(level.width * math.ceil(side / level.stride) ** 2 for level in levels)
        if numbers > MOST_NUMBERS:
            raise ValueError(f"the maps of {AT_ONCE} pictures have {numbers} numbers, and at most {MOST_NUMBERS} fit")
        made = cls(levels, side, len(task.labels), state, calibration_of(facts.get("calibration")))
        try:
            made.network  # noqa: B018 - built here, so that weights of other shapes are noticed on loading
        except RuntimeError as error:
            raise ValueError(
                f"the weights of the head of boxes do not fit: {' '.join(str(error).split())[:200]}"
            ) from error
        return made


def _level(value: object) -> Level:
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[1], str) or len(value[1]) > 200:
        raise ValueError("a level of the head of boxes must be a stride, a name and a width")
    return Level(whole(value[0], "a stride", 1, 256), value[1], whole(value[2], "a width", 1, MOST_WIDTH))
