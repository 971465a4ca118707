"""Masks in a fit: the closed-form head on cells, a decoder trained where it pays, baselines, metrics, pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.annotations import Mask
from headstart.errors import ParameterError, SourceError
from headstart.evaluate.annotations.masks import evaluate_masks, mask_gain
from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.gain import UNTRAINED, Gain
from headstart.heads.annotating.time_limit import TimeLimit
from headstart.heads.masks.solve import LEFT_OUT, SolvedMasks, solve_masks
from headstart.reporting import Progress
from headstart.sources.positions.map_settings import DEEPEST, MapSettings
from headstart.sources.positions.maps import MapSource, maps_of
from headstart.transfer.annotating.contract import Annotator, Solved
from headstart.transfer.annotating.map_default import map_source
from headstart.transfer.annotating.mask_pictures import mask_examples
from headstart.transfer.annotating.mask_training import STRATEGIES, train_if_better
from headstart.transfer.stages.context import RunContext
from headstart.tune import Strategy
from headstart.tune.training.chosen import Chosen
from headstart.types import Dataset, Source

__all__ = ["MASKS", "MaskAnnotating", "settings_for"]

RAW = "colour and local statistics"
FINE, COARSE = 2, 4  # pixels a cell
LARGE = 640  # pixels of the longer side of the median picture, from which on cells are coarse
LARGEST_WINDOW = 512
FEW, SCARCE = 12, 300.0  # pictures that are left out where fewer seconds are left


@dataclass(frozen=True)
class MaskAnnotating:
    """What the task of masks provides, as `headstart.transfer.annotating.contract.Annotating`.

    Attributes:
        stride: pixels a cell; None to choose 2, or 4 for large pictures.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> data = toy_masks(4)
        >>> evaluation = MASKS.evaluate(data, list(data.y))
        >>> evaluation.main, evaluation.metrics["instance_f1"].value
        ('miou', 1.0)
    """

    stride: int | None = None

    def default_source(self, dataset: Dataset, context: RunContext) -> Source:  # noqa: ARG002
        """``headstart:photo`` where it is installed, else ``headstart:image``."""
        return map_source()

    def solve(self, train: Dataset, source: Source, context: RunContext) -> Solved:
        """The closed-form head; blocks, class weights, λ and decoder come from pictures that are left out exactly.

        Args:
            train: pictures with masks.
            source: of pictures, whose blocks can be read as maps.
            context: of the run.

        Raises:
            SourceError: if the source gives no maps.
            DataError: if there are fewer than two pictures, or only one class.
        """
        maps = self.maps(train, source)
        limit = TimeLimit(lambda: context.clock.is_over)
        made = self._solved(train, maps, context, limit=limit)
        return Solved(
            made.head,
            source,
            "closed-form head on cells",
            made.left_out["miou"],
            _record(made, maps),
            _notes(made, maps, train) + limit.notes,
            made.sums,
        )

    def fine_tune(
        self,
        train: Dataset,
        start: Solved,
        strategy: str | Strategy,
        context: RunContext,
        training: Chosen | None = None,
    ) -> tuple[Solved, Mapping[str, Any]]:
        """The better of the closed-form head and a trained decoder, on pictures that both have not seen.

        Args:
            train: the same pictures as in `solve`.
            start: what `solve` gave.
            strategy: ``"auto"`` (train where it pays), ``"decoder"`` or ``"frozen"`` (train nothing).
            context: of the run.
            training: settings that the user chose, by name; None for none.

        Raises:
            ParameterError: for another strategy.
        """
        name = strategy if isinstance(strategy, str) else strategy.name
        if name not in STRATEGIES:
            raise ParameterError(
                f"For masks a decoder is trained on the frozen body: the strategy must be one of "
                f"{', '.join(STRATEGIES)}. Got {name!r:.40} instead."
            )
        return train_if_better(train, start, name, self.maps(train, start.source), context, training=training)

    def baselines(self, train: Dataset, start: Solved, context: RunContext) -> Mapping[str, Callable[[], Annotator]]:
        """The same head on colour and local statistics alone, and on the body with random weights.

        Args:
            train: pictures with masks.
            start: what `solve` gave.
            context: of the run.
        """
        maps = self.maps(train, start.source)

        def raw() -> Annotator:
            return self._annotator(train, maps.with_settings(replace(maps.settings, blocks=())), context)

        def untrained() -> Annotator:
            twin = maps.untrained(context.seed)
            if twin is None:
                raise SourceError(f"The source '{start.source.info.name}' has no body to leave untrained.")
            return self._annotator(train, twin, replace(context, engine=replace(context.engine, cache=False)))

        every: dict[str, Callable[[], Annotator]] = {RAW: raw}
        return every | ({UNTRAINED: untrained} if start.source.untrained(context.seed) is not None else {})

    def evaluate(self, truth: Dataset, found: Sequence[Any], *, seed: int = 0) -> Evaluation:
        """The mIoU, Dice, boundary F1 and, where objects are told apart, instance F1 and mAP, with intervals.

        Args:
            truth: labelled pictures.
            found: their masks.
            seed: of the resamples.
        """
        task, y = truth.labelled()
        return evaluate_masks(task, list(y), found, groups=truth.group_codes, seed=seed)

    def gain(self, truth: Dataset, found: Sequence[Any], reference: Sequence[Any], *, name: str, seed: int = 0) -> Gain:
        """The mIoU minus that of a baseline on the same pictures, by the paired bootstrap.

        Args:
            truth: labelled pictures.
            found: by the model.
            reference: by the baseline.
            name: of the baseline.
            seed: of the resamples.
        """
        task, y = truth.labelled()
        return mask_gain(task, list(y), found, reference, name=name, groups=truth.group_codes, seed=seed)

    def examples(self, truth: Dataset, found: Sequence[Any], count: int) -> Sequence[Mapping[str, Any]]:
        """Pictures with their labelled and found outlines, worst first.

        Args:
            truth: labelled pictures.
            found: their masks.
            count: pictures at most.
        """
        return mask_examples(truth, found, count)

    def maps(self, train: Dataset, source: Source) -> MapSource:
        """How pictures of this size are read by this source.

        Args:
            train: pictures with masks, whose sizes are those of the pictures.
            source: any source of pictures.

        Raises:
            SourceError: if it gives no maps.
        """
        return settings_for(train, source, self.stride)

    def _solved(
        self,
        train: Dataset,
        maps: MapSource,
        context: RunContext,
        most: int = LEFT_OUT,
        limit: TimeLimit | None = None,
    ) -> SolvedMasks:
        with context.reporter.progress("cells") as step:

            def stage(name: str) -> Progress:
                return lambda done, total, detail="": step(done, total, f"{name}, {detail}" if detail else name)

            left = context.clock.left()
            most = most if left is None or left > SCARCE else min(most, FEW)
            return solve_masks(
                train, maps, engine=context.engine, seed=context.seed, most=most, progress=stage, limit=limit
            )

    def _annotator(self, train: Dataset, maps: MapSource, context: RunContext) -> Annotator:
        made = self._solved(train, maps, context, FEW)
        return lambda items: made.head.annotate(maps.source, items, engine=context.engine)


def settings_for(train: Dataset, source: Source, stride: int | None = None) -> MapSource:
    """A source as it reads pictures of the size of the training pictures: cells, and windows that most of them fit in.

    Args:
        train: pictures with masks.
        source: of pictures.
        stride: pixels a cell; None to choose.

    Raises:
        SourceError: if it gives no maps.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> maps = settings_for(toy_masks(3, side=100), open_source("headstart:image"))
        >>> maps.settings.window, maps.settings.stride
        ((128, 128), 2)
    """
    sizes = np.array([_size(mask) for mask in train.labelled()[1]])
    usual = MapSettings()
    read = np.minimum(np.median(sizes, axis=0), usual.limit)
    wide, tall = (int(min(-(-side // DEEPEST) * DEEPEST, LARGEST_WINDOW)) for side in np.maximum(read, DEEPEST))
    chosen = stride or (FINE if read.max() < LARGE else COARSE)
    wanted = replace(usual, stride=chosen, window=(tall, wide))
    try:
        return maps_of(source, wanted)
    except SourceError:
        return maps_of(source, replace(wanted, window=None))  # a body of a fixed size reads windows of its own


def _size(mask: Mask) -> tuple[int, int]:
    return mask.size


def _record(made: SolvedMasks, maps: MapSource) -> dict[str, Any]:
    return {
        "candidates": [dict(each) for each in made.candidates],
        "left_out_pictures": made.count,
        "left_out_parts": made.parts,
        "left_out_metrics": made.left_out,
        "settings": made.head.settings.to_dict(),
        "decoder": made.head.decoder.to_dict(),
        "cells": float(made.moments.counts.sum()),
        "stride": maps.settings.stride,
    }


def _notes(made: SolvedMasks, maps: MapSource, train: Dataset) -> tuple[str, ...]:
    limit = maps.settings.limit
    large = sum(max(mask.size) > limit for mask in train.labelled()[1])
    notes = [
        f"Blocks, class weights, λ and the decoder are chosen on {made.count} pictures, left out of the fit in "
        f"{made.parts} parts",
        f"A row is a cell of {maps.settings.stride} x {maps.settings.stride} pixels; scores are brought to pixels",
    ]
    if large:
        notes.append(f"{large} pictures with more than {limit} pixels a side are read at {limit} pixels")
    return tuple(notes)


MASKS = MaskAnnotating()
