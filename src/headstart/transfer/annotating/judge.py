"""Annotations of held-out items by the model and by the baselines, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations.units import in_units
from headstart.data import folds, split, union_groups
from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.formatting import figure
from headstart.evaluate.gain import UNTRAINED
from headstart.evaluate.held_out import SplitPlan
from headstart.heads.boxes.detections import limit_note
from headstart.reporting.wording import plural
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.transfer.annotating.contract import ANNOTATING, Annotator, Solved
from headstart.transfer.stages.compare import FROZEN, Baseline
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.options import FitOptions
from headstart.types import Dataset, Source

__all__ = ["JudgedAnnotations", "compare_annotations", "judge_annotations", "plan_annotations"]

FEW_ITEMS = 200
"""With fewer items a held-out fifth holds so few that cross-validation evaluates all of them."""
FEW_PICTURES = 40
"""The same for pictures with masks: each has thousands of pixels and many objects, and a fit takes minutes."""
FOLDS = 5


@dataclass(frozen=True, eq=False)
class JudgedAnnotations:
    """A fitted head and what it does on held-out items.

    Attributes:
        final: fitted on the training part, or on all items after cross-validation; fine-tuned if that was better.
        starts: the closed-form head of each part.
        decision: what was decided about fine-tuning, and why; empty for a frozen body.
        found: annotations of the evaluated items, part by part.
        evaluation: their metrics.

    Examples:
        >>> solved = Solved(None, None, "closed-form head", notes=("λ is chosen on left-out items",))
        >>> JudgedAnnotations(solved, (), {}, [], Evaluation("token", 0, {}, {}, None, ())).notes
        ('λ is chosen on left-out items',)
    """

    final: Solved
    starts: tuple[Solved, ...]
    decision: Mapping[str, Any]
    found: list[Any]
    evaluation: Evaluation

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the head and its annotations, one sentence each."""
        limit = limit_note(self.found).rstrip(".")
        return (*self.final.notes, *([limit] if limit else []))


def plan_annotations(dataset: Dataset, clusters: NDArray[np.int64], *, once: bool, seed: int) -> SplitPlan:
    """The given split, else a held-out fifth, else five folds where the items are few and the fit is cheap.

    Args:
        dataset: n items.
        clusters: (n,) codes of near duplicates, which stay together.
        once: whether to hold out a fifth however few items there are.
        seed: of the split.

    Raises:
        DataError: if no split is possible.

    Examples:
        >>> data = Dataset(list("abcdefgh"), tuple("abcdefgh"), "text")
        >>> plan_annotations(data, np.arange(8), once=True, seed=0).how
        'Held out 2 of 8 items, near duplicates together'
    """
    together = union_groups(dataset.groups, clusters)
    plain, kind = replace(dataset, task=None, y=None), "" if dataset.task is None else dataset.task.kind
    given = dataset.split is not None and len(np.unique(dataset.split)) > 1
    if given or dataset.times is not None or once or len(dataset) >= _few(dataset):
        one = split(plain, together, seed=seed)
        return SplitPlan(((one.train, one.test),), in_units(one.how.rstrip("."), kind))
    parts = tuple(folds(None, None, together, n_folds=FOLDS, seed=seed))
    how = f"{len(parts)}-fold cross-validation of {len(dataset)} items, with the choice made inside each fold"
    return SplitPlan(parts, in_units(how, kind))


def _few(dataset: Dataset) -> int:
    return FEW_PICTURES if dataset.task is not None and dataset.task.kind in ("box", "mask") else FEW_ITEMS


def judge_annotations(
    dataset: Dataset, plan: SplitPlan, source: Source, options: FitOptions, context: RunContext
) -> JudgedAnnotations:
    """Fit the head on each training part, fine-tune it if that was asked for, and annotate each test part.

    Args:
        dataset: n items.
        plan: the splits.
        source: the body.
        options: of the fit.
        context: of the run.

    Raises:
        SourceError: if the source cannot give rows for positions.

    Examples:
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> data, context = made_sentences(12), RunContext(SilentReporter())
        >>> plan = plan_annotations(data, np.arange(12), once=True, seed=0)
        >>> judged = judge_annotations(data, plan, open_source("toy"), FitOptions(), context)
        >>> judged.evaluation.main, len(judged.found)
        ('span_f1', 3)
    """
    methods = ANNOTATING[dataset.labelled()[0].kind]
    reporter, starts, found = context.reporter, [], []
    decision: Mapping[str, Any] = {}
    for number, (train, test) in enumerate(plan.parts):
        part = dataset.take(train)
        with reporter.progress("solving" if len(plan.parts) == 1 else f"solving {number + 1} of {len(plan.parts)}"):
            kept = methods.solve(part, source, context)
        # of folds only the choices are of use: their sums would fill the memory
        starts.append(kept if len(plan.parts) == 1 else replace(kept, sums=None))
        if not options.is_frozen:
            kept, decision = methods.fine_tune(part, kept, options.strategy, context, options.training)
            kept = kept if kept.head is starts[-1].head else replace(kept, sums=None)
        with reporter.progress("judging") as step:
            found += kept.head.annotate(kept.source, dataset.take(test).items, engine=context.engine, progress=step)
    if len(plan.parts) > 1:
        with reporter.progress(f"solving on all {ANNOTATION_TASKS[dataset.labelled()[0].kind].item}s"):
            kept = methods.solve(dataset, source, context)
    evaluation = methods.evaluate(dataset.take(plan.evaluated), found, seed=context.seed)
    return JudgedAnnotations(kept, tuple(starts), decision, found, evaluation)


def compare_annotations(
    dataset: Dataset, plan: SplitPlan, judged: JudgedAnnotations, which: str, context: RunContext
) -> Iterator[Baseline]:
    """Evaluate each baseline on the items that the model was evaluated on, and report the gain over it.

    Args:
        dataset: n items.
        plan: the splits.
        judged: the model on them.
        which: ``"all"``, ``"fast"`` (without the untrained body) or ``"none"``.
        context: of the run.

    Examples:
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> data, context = made_sentences(12), RunContext(SilentReporter())
        >>> plan = plan_annotations(data, np.arange(12), once=True, seed=0)
        >>> judged = judge_annotations(data, plan, open_source("toy"), FitOptions(), context)
        >>> [one.name for one in compare_annotations(data, plan, judged, "fast", context)]
        ['dictionary']
    """
    if which == "none":
        return
    methods = ANNOTATING[dataset.labelled()[0].kind]
    truth = dataset.take(plan.evaluated)
    for name, annotate in _references(dataset, plan, judged, context):
        if context.clock.is_over or (name == UNTRAINED and which == "fast"):
            why = "the time limit is over" if context.clock.is_over else "as asked by --baselines fast"
            context.reporter.line("baseline", f"{name}: left out ({why})")
            continue
        with context.reporter.progress(f"baseline: {name}"):
            reference = annotate()
        evaluation = methods.evaluate(truth, reference, seed=context.seed)
        gain = methods.gain(truth, judged.found, reference, name=name, seed=context.seed)
        main = evaluation.metrics[evaluation.main]
        context.reporter.line("baseline", f"{name}: {figure(main.value, main.low, main.high)}. {gain.verdict}")
        yield Baseline(name, evaluation, gain)


def _references(
    dataset: Dataset, plan: SplitPlan, judged: JudgedAnnotations, context: RunContext
) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """By name, functions that annotate the judged items, each by what was fitted on the training part before it."""
    methods = ANNOTATING[dataset.labelled()[0].kind]
    tests = [dataset.take(test).items for _, test in plan.parts]
    start = judged.starts[0]
    if len(plan.parts) == 1 and judged.final is not start:
        yield FROZEN, lambda: start.head.annotate(start.source, tests[0], engine=context.engine)
    made = [
        methods.baselines(dataset.take(train), one, context)
        for (train, _), one in zip(plan.parts, judged.starts, strict=True)
    ]
    for name in made[0]:
        yield name, _every_part([one[name] for one in made], tests)


def _every_part(make: Sequence[Callable[[], Annotator]], tests: Sequence[Sequence[Any]]) -> Callable[[], list[Any]]:
    return lambda: [one for fitted, items in zip(make, tests, strict=True) for one in fitted()(items)]


def describe_data(dataset: Dataset) -> str:
    """How many items, annotations and types there are, in a few words.

    Args:
        dataset: annotated items.
    """
    task, y = dataset.labelled()
    about = ANNOTATION_TASKS[task.kind]
    counted = "" if task.kind == "mask" else f" with {sum(map(len, y)):,} {about.annotations}"
    count = len(task.labels) - (task.kind == "mask")  # the background is none of them
    return f"{len(dataset):,} {about.item}s{counted} of {plural(count, 'type' if task.kind == 'token' else 'class')}"
