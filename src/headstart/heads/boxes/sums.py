"""What the solved head of boxes was solved from: the moments of cells, for the heat and for the boxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.annotating.sums import named_arrays, packed_bytes, saved_moments
from headstart.heads.boxes.cells import ObjectCells, centres, object_cells
from headstart.heads.boxes.solved import AT_ONCE, STRIDE, SolvedBoxes, picture_size
from headstart.linear.moments import Moments
from headstart.linear.running import RunningMoments
from headstart.linear.spectrum import Spectrum
from headstart.reporting import Progress
from headstart.sources.positions.maps import MapSource, maps_of
from headstart.types import Dataset, Source, Task

__all__ = ["BoxSums", "CellSums", "ridge_weights", "sum_cells", "with_size"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoxSums:
    """Moments of cells with what they should say; both regressions of the head follow from them.

    The numbers that a cell sees, the usual box, both penalties and the calibration are those of the head.

    Attributes:
        heat: of all cells, with the heat of each class.
        box: of the cells in the middle of objects, with their boxes.

    Examples:
        >>> sums = BoxSums(Moments.zeros(10, 2), Moments.zeros(10, 4))
        >>> (sums + sums).heat.n, sums.for_task(Task("box", ("cup", "plate", "spoon"))).heat.num_targets
        (0, 3)
    """

    heat: Moments
    box: Moments

    @property
    def nbytes(self) -> int:
        """Bytes that they take on disk."""
        return packed_bytes(self.heat) + packed_bytes(self.box)

    def solved(self, head: AnnotationHead, task: Task) -> SolvedBoxes:  # noqa: ARG002 - the classes are those of the sums
        """The head of these sums.

        Args:
            head: a solved head, whose choices are kept.
            task: the label schema.
        """
        own = _solved(head)
        heat, box = (
            ridge_weights(Spectrum.from_moments(moments), lam)
            for moments, lam in zip((self.heat, self.box), own.penalties, strict=True)
        )
        return replace(own, heat=heat, box=box)

    def of_items(
        self,
        head: AnnotationHead,
        source: Source,
        dataset: Dataset,
        *,
        engine: Engine,
        progress: Progress | None = None,
    ) -> BoxSums:
        """The sums of other pictures.

        Args:
            head: a solved head; it reads pictures in the same way.
            source: as its user opened it.
            dataset: pictures with boxes.
            engine: how they are encoded.
            progress: receives what is done.

        Raises:
            ItemError: if a picture cannot be read.
        """
        own = _solved(head)
        task, y = dataset.labelled()
        truth = [with_size(item, one) for item, one in zip(dataset.items, y, strict=True)]
        maps = maps_of(source, own.settings)
        classes = len(task.labels)
        found = sum_cells(dataset.items, truth, maps, own, classes=classes, engine=engine, progress=progress)
        return BoxSums(found.heat, found.box)

    def for_task(self, task: Task) -> BoxSums:
        """The sums of the same pictures for a task with further classes behind its own, which none of them shows."""
        return replace(self, heat=self.heat.with_targets(len(task.labels)))

    def __add__(self, other: BoxSums) -> BoxSums:
        """The sums of the pictures of both."""
        return BoxSums(self.heat + other.heat, self.box + other.box)

    def __sub__(self, other: BoxSums) -> BoxSums:
        """The sums without the pictures of ``other``."""
        return BoxSums(self.heat - other.heat, self.box - other.box)

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The arrays by name."""
        return named_arrays("heat", self.heat) | named_arrays("box", self.box)

    def facts(self) -> Mapping[str, Any]:
        """Nothing: what was chosen stands in the head."""
        return {}

    @classmethod
    def from_saved(
        cls,
        tensors: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],  # noqa: ARG003 - what was chosen stands in the head
        head: SolvedBoxes,
        task: Task,
    ) -> BoxSums:
        """The sums that ``tensors`` describe.

        Raises:
            ValueError: if they do not fit to the head, or a number is not finite.
        """
        columns = len(head.heat) - 1
        heat = saved_moments(tensors, "heat", columns, len(task.labels))
        return cls(heat, saved_moments(tensors, "box", columns, 4))


@dataclass(frozen=True, eq=False)
class CellSums:
    """The moments of the cells of pictures, and the rows and targets of those that were asked for.

    Attributes:
        heat: of all cells.
        box: of the cells that describe a box.
        rows: (cells², 5 p) by position of the picture.
        targets: what these cells should say, likewise.
    """

    heat: Moments
    box: Moments
    rows: dict[int, Array]
    targets: dict[int, ObjectCells]


def sum_cells(
    items: Sequence[Any],
    truth: Sequence[Boxes],
    maps: MapSource,
    head: SolvedBoxes,
    *,
    classes: int,
    wanted: Collection[int] = (),
    engine: Engine,
    progress: Progress | None = None,
) -> CellSums:
    """Add the cells of pictures, a few pictures at a time.

    Args:
        items: n pictures.
        truth: their boxes; ``size`` of each is known.
        maps: how pictures are read.
        head: tells what a cell sees, and the usual box.
        classes: number of classes.
        wanted: positions of pictures whose rows are kept.
        engine: how pictures are encoded.
        progress: receives what is done.

    Raises:
        ItemError: if a picture cannot be read.

    Examples:
        >>> from headstart.heads.boxes.solved import grid_settings
        >>> from headstart.heads.boxes.calibration import UNCALIBRATED
        >>> from headstart.sources import open_source
        >>> settings = grid_settings(64, ("layer3",))
        >>> maps, columns = maps_of(open_source("headstart:image"), settings), (np.zeros(192), np.eye(192)[:, :2])
        >>> head = SolvedBoxes(settings, columns, np.zeros((11, 1)), np.zeros((11, 4)), (20.0, 20.0), UNCALIBRATED)
        >>> truth = Boxes(np.array([[16, 16, 48, 48]]), np.array([0]), (64, 64))
        >>> found = sum_cells([np.zeros((64, 64, 3), np.uint8)], [truth], maps, head, classes=1, engine=Engine())
        >>> found.heat.n, found.box.n
        (16, 1)
    """
    cells = head.cells
    points, scale = centres(cells, STRIDE), (float(STRIDE), *head.usual)
    heat, box = RunningMoments(), RunningMoments()
    rows, targets = dict[int, Array](), dict[int, ObjectCells]()
    for start in range(0, len(items), AT_ONCE):
        some = items[start : start + AT_ONCE]
        encoded = extract(maps, some, engine=engine, on_error="raise").rows.reshape(len(some), cells**2, -1)
        for k, own in enumerate(encoded, start):
            seen = head.seen(own)
            target = object_cells(_squared(truth[k], head.side), points, classes, scale)
            heat.add(seen, target.heat, target.weights)
            box.add(seen[target.inner], target.boxes, None)  # an empty batch sets the number of columns
            if k in wanted:
                rows[k], targets[k] = seen, target
        if progress is not None:
            progress(min(start + AT_ONCE, len(items)), len(items), "")
    return CellSums(Moments(**heat.fields()), Moments(**box.fields()), rows, targets)


def ridge_weights(spectrum: Spectrum, lam: float) -> Array:
    """(d + 1, k) weights of ridge regression, the intercept last.

    Args:
        spectrum: of the rows.
        lam: the penalty λ.

    Examples:
        >>> moments = Moments.from_rows(np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]]))
        >>> ridge_weights(Spectrum.from_moments(moments), 2.0).ravel()
        array([0.25, 0.25])
    """
    inner = spectrum.vectors @ (spectrum.cross / (spectrum.values + lam)[:, None])
    return np.concatenate([inner, (spectrum.target_mean - spectrum.mean @ inner)[None]])


def with_size(item: Any, boxes: Boxes) -> Boxes:
    """The boxes, whose ``size`` is read from the picture where it is not known.

    Args:
        item: the picture.
        boxes: its boxes.

    Raises:
        ItemError: if the picture is needed and cannot be read.

    Examples:
        >>> with_size(np.zeros((2, 3, 3), np.uint8), Boxes(np.array([[0, 0, 1, 1]]), np.array([0]))).size
        (3, 2)
    """
    return boxes if min(boxes.size) > 0 else replace(boxes, size=picture_size(item))


def _squared(true: Boxes, side: int) -> Boxes:
    """Boxes in pixels of the square, cut at its edges."""
    return replace(true, xyxy=np.clip(true.xyxy / np.tile(np.maximum(true.size, 1), 2), 0, 1) * side)


def _solved(head: AnnotationHead) -> SolvedBoxes:
    if not isinstance(head, SolvedBoxes):
        raise TypeError(f"sums of cells with the head '{head.name}'")
    return head
