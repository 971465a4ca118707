"""The contract of an annotation task in a fit: what words, boxes and masks each provide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.gain import Gain
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.annotating.sums import HeadSums
from headstart.registry import Registry
from headstart.transfer.stages.context import RunContext
from headstart.tune import Strategy
from headstart.tune.training.chosen import Chosen
from headstart.types import Dataset, Source

__all__ = ["ANNOTATING", "Annotating", "Annotator", "Solved"]

Annotator = Callable[[Sequence[Any]], list[Any]]
"""Annotations for items: a baseline, or a head with its source."""


@dataclass(frozen=True, eq=False)
class Solved:
    """A head that was fitted to training items, and the evidence for it.

    Attributes:
        head: the head.
        source: the source that it reads, which differs from the given one where the body was fine-tuned.
        name: how it was made, such as ``"closed-form head"`` or ``"fine-tuned, 30 epochs"``.
        left_out: the main metric on training items that the head did not see (leave-one-group-out); None where there
            is no such figure.
        record: choices, candidates and reasons as plain JSON values, for ``metrics.json`` and the report.
        notes: what the user should know, one sentence each.
        sums: what a closed-form head was solved from; None for another one.
    """

    head: AnnotationHead
    source: Source
    name: str
    left_out: float | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sums: HeadSums | None = None


class Annotating(Protocol):
    """What an annotation task provides; one object each, registered in `ANNOTATING` under the kind of task."""

    def default_source(self, dataset: Dataset, context: RunContext) -> Source:
        """The source that suits the items where the user names none."""
        ...

    def solve(self, train: Dataset, source: Source, context: RunContext) -> Solved:
        """The closed-form head on the frozen source, with layers, λ and decoder chosen on left-out groups.

        Args:
            train: labelled items; ``groups`` keeps items together, else each item is its own group.
            source: any source of the modality that can give rows for positions.
            context: of the run; it stops where the clock is over.

        Raises:
            SourceError: if the source cannot give rows for positions, with what to use instead.
        """
        ...

    def fine_tune(
        self,
        train: Dataset,
        start: Solved,
        strategy: str | Strategy,
        context: RunContext,
        training: Chosen | None = None,
    ) -> tuple[Solved, Mapping[str, Any]]:
        """The better of ``start`` and a trained head or body, by groups that were held out of the training.

        Args:
            train: the same items as in `solve`.
            start: what `solve` gave.
            strategy: ``"auto"`` (train where the evidence says that it pays) or the name of a strategy.
            context: of the run.
            training: settings that the user chose, by name; None for none.

        Returns:
            What is kept, and what was decided and why as plain JSON values.
        """
        ...

    def baselines(self, train: Dataset, start: Solved, context: RunContext) -> Mapping[str, Callable[[], Annotator]]:
        """By name, baselines that are worth beating; each is fitted on ``train`` when it is called.

        ``"untrained"`` is the same closed-form head on the body with random weights.
        """
        ...

    def evaluate(self, truth: Dataset, found: Sequence[Any], *, seed: int = 0) -> Evaluation:
        """All metrics of annotations with intervals over items (or groups); the main metric is first."""
        ...

    def gain(self, truth: Dataset, found: Sequence[Any], reference: Sequence[Any], *, name: str, seed: int = 0) -> Gain:
        """The main metric of ``found`` minus that of ``reference`` on the same items, by the paired bootstrap.

        Args:
            truth: n labelled items.
            found: their annotations by the model.
            reference: their annotations by the baseline.
            name: of the baseline, for the verdict.
            seed: of the resamples.
        """
        ...

    def examples(self, truth: Dataset, found: Sequence[Any], count: int) -> Sequence[Mapping[str, Any]]:
        """Items for the report, worst first: misses and false alarms as plain JSON values, pictures as thumbnails."""
        ...


ANNOTATING: Registry[Annotating] = Registry("annotation task")
ANNOTATING.register("token", "headstart.transfer.annotating.words:WORDS")
ANNOTATING.register("mask", "headstart.transfer.annotating.masks:MASKS")
ANNOTATING.register("box", "headstart.transfer.annotating.boxes:BOXES")
