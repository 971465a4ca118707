"""The solved head of boxes: where objects are, and how large, as two ridge regressions on the cells of a grid.

A cell sees its own column of the body's maps and those of its four neighbours. The heat of each class is solved on all
cells, the box on the cells in the middle of objects; peaks of the heat become boxes. Nothing is trained.

References: Zhou et al. 2019, "Objects as Points"; Tian et al. 2019, "FCOS" (what the targets are made of).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.data.annotations.picture_files import picture_facts
from headstart.data.media.readers import read_image
from headstart.decode.nms import nms
from headstart.decode.peaks import peaks
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError
from headstart.heads.boxes.calibration import ScoreCalibration
from headstart.heads.boxes.cells import NEIGHBOURS, cell_rows, centres, decode_cells
from headstart.heads.boxes.detections import MOST_BOXES, MOST_OF_A_CLASS
from headstart.heads.boxes.saved import check_tensor, number, whole
from headstart.reporting import Progress
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.types import Source, Task

__all__ = ["STRIDE", "SolvedBoxes", "grid_settings", "picture_size"]

STRIDE = 16
AT_ONCE = 32  # pictures that are encoded together
LEAST_HEAT = 0.02
MOST_PEAKS = 3000
OVERLAP = 0.45
CERTAIN = 1e-4


@dataclass(frozen=True, eq=False)
class SolvedBoxes:
    """A head that was solved on the cells of a grid.

    Attributes:
        settings: how pictures are read as rows of cells: one square window, its stride and the blocks.
        columns: from a cell's columns to the p numbers that are used: the mean (d,) that is subtracted, and the matrix
            (d, p) of the principal components of the standardised columns.
        heat: (5 p + 1, C) weights of the heat of each class, the intercept last.
        box: (5 p + 1, 4) weights of a box, the intercept last.
        usual: usual width and height of a box, in pixels of the square.
        calibration: of the scores.
        penalties: λ of the heat and of the box.

    Examples:
        >>> settings = grid_settings(64, ("layer3",))
        >>> columns = np.zeros(192), np.eye(192)
        >>> weights = np.zeros((961, 2)), np.zeros((961, 4))
        >>> head = SolvedBoxes(settings, columns, *weights, (20.0, 30.0), ScoreCalibration())
        >>> head.name, head.cells
        ('solved_boxes', 4)
    """

    kind: ClassVar[str] = "box"

    settings: MapSettings
    columns: tuple[NDArray[np.float64], NDArray[np.float64]]
    heat: NDArray[np.float64]
    box: NDArray[np.float64]
    usual: tuple[float, float]
    calibration: ScoreCalibration
    penalties: tuple[float, float] = (0.0, 0.0)
    name: str = "solved_boxes"

    @property
    def side(self) -> int:
        """Pixels of the square that pictures are resized to."""
        return 0 if self.settings.window is None else self.settings.window[0]

    @property
    def cells(self) -> int:
        """Cells along a side of the grid."""
        return self.side // self.settings.stride

    @property
    def shown(self) -> float:
        """The score from which boxes are shown."""
        return self.calibration.shown

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[Boxes]:
        """The boxes of n pictures with calibrated scores, highest first, also those below ``shown``.

        Args:
            source: as its user opened it.
            items: n pictures.
            engine: how they are encoded.
            progress: receives what is done.

        Raises:
            ItemError: if a picture cannot be read.
        """
        maps, found = maps_of(source, self.settings), list[Boxes]()
        for start in range(0, len(items), AT_ONCE):
            some = items[start : start + AT_ONCE]
            rows = extract(maps, some, engine=engine, on_error="raise").rows.reshape(len(some), self.cells**2, -1)
            for item, own in zip(some, rows, strict=True):
                seen = self.seen(own)
                said = self.detect(
                    seen @ self.heat[:-1] + self.heat[-1], seen @ self.box[:-1] + self.box[-1], picture_size(item)
                )
                found.append(self.calibration.on(said))
            if progress is not None:
                progress(len(found), len(items), "")
        return found

    def seen(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """What each cell of one picture sees, (cells², 5 p), from the columns (cells², d) of the maps.

        Args:
            rows: of the maps, row by row.
        """
        return cell_rows((rows - self.columns[0]) @ self.columns[1], self.cells)

    def detect(self, heat: NDArray[np.float64], said: NDArray[np.float64], size: tuple[int, int]) -> Boxes:
        """The boxes of one picture from what its cells say, with raw scores.

        Args:
            heat: (cells², C).
            said: (cells², 4), from `headstart.heads.boxes.cells.encode_cells`.
            size: (width, height) of the picture.
        """
        grid = heat.reshape(self.cells, self.cells, -1)
        at = peaks(grid, least=LEAST_HEAT, most=MOST_PEAKS)
        cell = at[:, 0] * self.cells + at[:, 1]
        scores = np.clip(heat[cell, at[:, 2]], CERTAIN, 1 - CERTAIN)
        scale = (float(self.settings.stride), *self.usual)
        boxes = decode_cells(said[cell], centres(self.cells, self.settings.stride)[cell], scale, 2.0 * self.side)
        boxes = np.clip(boxes / self.side, 0, 1) * np.array([size[0], size[1]] * 2, np.float64)
        whole_boxes = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores, labels = boxes[whole_boxes], scores[whole_boxes], at[whole_boxes, 2].astype(np.int64)
        kept = nms(boxes, scores, labels, threshold=OVERLAP, most=MOST_BOXES, most_each=MOST_OF_A_CLASS)
        return Boxes(boxes[kept], labels[kept], size, scores[kept])

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The weights."""
        mean, matrix = self.columns
        return {"boxes.mean": mean, "boxes.matrix": matrix, "boxes.heat": self.heat, "boxes.box": self.box}

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values."""
        return {
            "maps": self.settings.to_dict(), "usual": list(self.usual), "calibration": self.calibration.to_dict(),
            "penalties": list(self.penalties),
        }  # fmt: skip

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> SolvedBoxes:
        """The head that a model folder describes.

        Raises:
            ValueError: if tensors and facts do not fit together or to the task.
        """
        matrix = check_tensor(tensors, "boxes.matrix", (None, None))
        mean = check_tensor(tensors, "boxes.mean", (len(matrix),))
        heat = check_tensor(tensors, "boxes.heat", (len(NEIGHBOURS) * matrix.shape[1] + 1, len(task.labels)))
        box = check_tensor(tensors, "boxes.box", (len(heat), 4))
        maps, usual, penalties = facts.get("maps"), facts.get("usual"), facts.get("penalties")
        if not isinstance(maps, dict) or not isinstance(usual, list) or len(usual) != 2:
            raise ValueError("the head of boxes lacks how it reads pictures")
        try:
            settings = MapSettings.from_dict(maps)
            settings.check_memory(max(AT_ONCE * len(matrix), 2 * max(heat.shape)), 0)
        except HeadstartError as error:
            raise ValueError(str(error)) from error
        side = settings.window[0] if settings.window is not None else 0
        whole(side, "the side of pictures", 32, 2048)
        if settings.fit != "stretch" or settings.window != (side, side) or settings.statistics:
            raise ValueError("the head of boxes must read pictures as one square without statistics")
        sizes = (number(usual[0], "a usual side", 1e-3, 1e5), number(usual[1], "a usual side", 1e-3, 1e5))
        given = penalties if isinstance(penalties, list) and len(penalties) == 2 else [0.0, 0.0]
        lambdas = (number(given[0], "a penalty", 0, 1e300), number(given[1], "a penalty", 0, 1e300))
        return cls(settings, (mean, matrix), heat, box, sizes, calibration_of(facts.get("calibration")), lambdas)


def calibration_of(value: object) -> ScoreCalibration:
    """The calibration that a model folder states; raises `ValueError` if it is none."""
    if not isinstance(value, dict):
        raise ValueError("the head of boxes lacks its calibration")
    return ScoreCalibration(
        number(value.get("slope"), "the slope", 1e-9, 1e6), number(value.get("intercept"), "the intercept", -1e6, 1e6),
        number(value.get("shown"), "the threshold", 0, 1),
    )  # fmt: skip


def grid_settings(side: int, blocks: tuple[str, ...] | None = None) -> MapSettings:
    """How the solved head reads pictures: resized to a square of ``side`` pixels, cells of 16 pixels.

    Args:
        side: a multiple of 32.
        blocks: of the body; None for the deepest of each stride.

    Examples:
        >>> grid_settings(352).window
        (352, 352)
    """
    return MapSettings(stride=STRIDE, blocks=blocks, statistics=False, window=(side, side), fit="stretch")


def picture_size(item: Any) -> tuple[int, int]:
    """(width, height) of a picture in pixels, upright.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> picture_size(np.zeros((2, 3, 3), np.uint8))
        (3, 2)
    """
    if isinstance(item, str | Path | bytes):
        return picture_facts(item).size  # from the header
    width, height = read_image(item).size
    return int(width), int(height)
