"""Boxes in a fit: the solved head, a detector trained where it pays, baselines, metrics, pictures for the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from headstart.annotations import Boxes
from headstart.engine.options import Engine
from headstart.errors import DataError, ParameterError
from headstart.evaluate.annotations.boxes import box_gain, evaluate_boxes, frequent_boxes
from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.gain import UNTRAINED, Gain
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.solve import SIDE, solve_boxes
from headstart.heads.boxes.solved import SolvedBoxes, picture_size
from headstart.heads.boxes.sums import with_size
from headstart.heads.boxes.tiled import TiledBoxes
from headstart.transfer.annotating.box_tiles import tile_side, tiled_pictures
from headstart.transfer.annotating.box_training import Labelled, train_if_better
from headstart.transfer.annotating.contract import Annotator, Solved
from headstart.transfer.annotating.map_default import map_source
from headstart.transfer.annotating.pictures import box_examples
from headstart.transfer.stages.context import RunContext
from headstart.tune import Strategy
from headstart.tune.training.chosen import Chosen
from headstart.types import Dataset, Source, Task

__all__ = ["BOXES", "BoxAnnotating", "with_sizes"]

MEAN_BOXES = "mean boxes"


@dataclass(frozen=True)
class BoxAnnotating:
    """What the task of boxes provides, as `headstart.transfer.annotating.contract.Annotating`.

    Attributes:
        side: of the square that pictures are resized to, in pixels, a multiple of 32.

    Examples:
        >>> BoxAnnotating().side
        352
    """

    side: int = SIDE

    def default_source(self, dataset: Dataset, context: RunContext) -> Source:  # noqa: ARG002
        """``headstart:photo`` where it is installed, else ``headstart:image``."""
        return map_source()

    def solve(self, train: Dataset, source: Source, context: RunContext) -> Solved:
        """The solved head; λ, calibration and threshold come from pictures that are left out exactly.

        Args:
            train: pictures with boxes.
            source: of pictures, whose blocks can be read as maps.
            context: of the run.

        Raises:
            SourceError: if the source gives no maps.
            DataError: if there is no box at all.
        """
        task, truth = with_sizes(train)
        tile = tile_side(truth, self.side)
        if tile:
            train = tiled_pictures(train, truth, tile, self.side, seed=context.seed)
            truth = list(train.labelled()[1])
        with context.reporter.progress("cells") as step:
            try:
                made = solve_boxes(
                    source, train.items, truth, len(task.labels), groups=train.group_codes, side=self.side,
                    engine=context.engine, seed=context.seed, progress=step,
                )  # fmt: skip
            except ValueError as error:
                raise DataError(f"The training pictures hold no box with an area ({error}); label some.") from error
        record = {
            "candidates": made.candidates, "blocks": list(made.blocks), "side": self.side,
            "left_out_pictures": len(made.left_out), "tile": tile, "calibration": made.head.calibration.to_dict(),
        }  # fmt: skip
        notes: tuple[str, ...] = (
            f"Pictures are resized to {self.side} x {self.side} pixels without keeping their proportions",
            f"λ, probabilities and the threshold are chosen on {len(made.left_out)} pictures, each left out in turn",
        )
        head, told = _tiled(made.head, tile)
        notes += told + made.head.calibration.notes
        codes = train.group_codes
        if codes is not None and np.isin(codes, codes[made.left_out]).sum() > len(made.left_out):
            notes += ("Every group is large, so a part of one was left out: the left-out figure is optimistic",)
        # tiles are drawn anew for each fit, so their sums are none that further pictures could be added to
        sums = None if tile else made.sums
        return Solved(head, source, "closed-form head on cells", made.ap50, record, notes, sums)

    def fine_tune(
        self,
        train: Dataset,
        start: Solved,
        strategy: str | Strategy,
        context: RunContext,
        training: Chosen | None = None,
    ) -> tuple[Solved, Mapping[str, Any]]:
        """The better of the solved head and a trained detector, on pictures that both have not seen.

        Args:
            train: the same pictures as in `solve`.
            start: what `solve` gave.
            strategy: ``"auto"``, ``"full"`` (body and head), ``"lp_ft"`` (the head, then both), ``"scratch"`` (random
                weights) or ``"frozen"``.
            context: of the run.
            training: settings that the user chose, by name; None for none.

        Raises:
            ParameterError: for another strategy.
            SourceError: if a strategy is named and the source has no body that can be trained.
        """
        task, truth = with_sizes(train)
        name = strategy if isinstance(strategy, str) else strategy.name
        if name not in ("auto", "full", "lp_ft", "scratch", "frozen"):
            raise ParameterError(
                f"Detectors of boxes are trained by 'full', 'lp_ft' or 'scratch', or where it pays ('auto'). Got "
                f"{name!r:.40} instead."
            )
        tile = start.head.side if isinstance(start.head, TiledBoxes) else 0
        if tile:
            train = tiled_pictures(train, truth, tile, self.side, seed=context.seed)
            truth = list(train.labelled()[1])
        kept, record = train_if_better(Labelled(train, truth, task), start, name, self.side, context, training=training)
        if kept is start:
            return start, record
        head, told = _tiled(kept.head, tile)
        return replace(kept, head=head, notes=kept.notes + told), record

    def baselines(self, train: Dataset, start: Solved, context: RunContext) -> Mapping[str, Callable[[], Annotator]]:
        """The boxes that are most frequent in training, and the solved head on the body with random weights.

        Args:
            train: pictures with boxes.
            start: what `solve` gave.
            context: of the run.
        """
        task, truth = with_sizes(train)

        def mean_boxes() -> Annotator:
            found = frequent_boxes(truth, len(task.labels))
            return lambda items: [found(picture_size(item)) for item in items]

        twin = start.source.untrained(context.seed)

        def untrained(twin: Source) -> Annotator:
            quiet = replace(context, engine=_uncached(context.engine))
            made = self.solve(train, twin, quiet)
            return lambda items: made.head.annotate(twin, items, engine=quiet.engine)

        every: dict[str, Callable[[], Annotator]] = {MEAN_BOXES: mean_boxes}
        return every if twin is None else every | {UNTRAINED: partial(untrained, twin)}

    def evaluate(self, truth: Dataset, found: Sequence[Any], *, seed: int = 0) -> Evaluation:
        """AP50, mAP, AP75 and recall with intervals over pictures, or groups.

        Args:
            truth: labelled pictures.
            found: their boxes with scores.
            seed: of the resamples.
        """
        task, y = truth.labelled()
        return evaluate_boxes(task, list(y), found, groups=truth.group_codes, seed=seed)

    def gain(self, truth: Dataset, found: Sequence[Any], reference: Sequence[Any], *, name: str, seed: int = 0) -> Gain:
        """AP50 minus that of a baseline on the same pictures, by the paired bootstrap.

        Args:
            truth: labelled pictures.
            found: by the model.
            reference: by the baseline.
            name: of the baseline.
            seed: of the resamples.
        """
        task, y = truth.labelled()
        return box_gain(task, list(y), found, reference, name=name, groups=truth.group_codes, seed=seed)

    def examples(self, truth: Dataset, found: Sequence[Any], count: int) -> Sequence[Mapping[str, Any]]:
        """Pictures with their hits, misses and false alarms, most mistakes first.

        Args:
            truth: labelled pictures.
            found: their boxes with scores.
            count: pictures at most.
        """
        return box_examples(truth, found, count)


def with_sizes(dataset: Dataset) -> tuple[Task, list[Boxes]]:
    """The task and the boxes, whose ``size`` is read from the picture where it is not known.

    Args:
        dataset: pictures with boxes.

    Raises:
        DataError: without labels.
        ItemError: if a picture whose size is needed cannot be read.

    Examples:
        >>> import numpy as np
        >>> y = np.empty(1, object)
        >>> y[0] = Boxes(np.array([[0, 0, 1, 1]]), np.array([0]))
        >>> data = Dataset([np.zeros((2, 3, 3), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> with_sizes(data)[1][0].size
        (3, 2)
    """
    task, y = dataset.labelled()
    return task, [with_size(item, one) for item, one in zip(dataset.items, y, strict=True)]


def _tiled(head: AnnotationHead, tile: int) -> tuple[AnnotationHead, tuple[str, ...]]:
    """The head, on tiles where pictures are cut, and a note on them."""
    if not tile or not isinstance(head, SolvedBoxes | DenseBoxes):
        return head, ()
    told = f"Objects are tiny in large pictures, so these are read in overlapping tiles of {tile} x {tile} pixels"
    return TiledBoxes(head, tile), (told,)


def _uncached(engine: Engine) -> Engine:
    """The same engine without the feature store: rows of random weights are of no further use."""
    return replace(engine, cache=False)


BOXES = BoxAnnotating()
