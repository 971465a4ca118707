"""The fit of annotated items: audit, source, splits, head, evaluation, baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import Audit, audit
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import DataError, SourceError
from headstart.evaluate.formatting import figure
from headstart.evaluate.held_out import SplitPlan
from headstart.heads.annotating.sums import MOST_BYTES, HeadSums
from headstart.model.annotator import AnnotationModel
from headstart.sources import open_source
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.transfer.annotating.contract import ANNOTATING, Solved
from headstart.transfer.annotating.judge import (
    JudgedAnnotations,
    compare_annotations,
    describe_data,
    judge_annotations,
    plan_annotations,
)
from headstart.transfer.annotating.options import check_options, check_source
from headstart.transfer.stages.compare import Baseline
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.options import FitOptions
from headstart.types import Dataset, Source

__all__ = ["FittedAnnotations", "fit_annotations"]

FEWEST_ITEMS = 4  # two to fit on and two to judge by


@dataclass(frozen=True, eq=False)
class FittedAnnotations:
    """The model, its evaluation on held-out items, and how both were made.

    Attributes:
        model: fitted on the training part, or on all items after cross-validation.
        dataset: n items that were used.
        audit: of all items that were read.
        clusters: (n,) codes of near duplicates.
        plan: the splits.
        judged: the head, and its annotations of the evaluated items with their metrics.
        baselines: the same metrics of each baseline, with the paired gain over it.
        seconds: wall time of the stages by name.
    """

    model: AnnotationModel
    dataset: Dataset
    audit: Audit
    clusters: NDArray[np.int64]
    plan: SplitPlan
    judged: JudgedAnnotations
    baselines: tuple[Baseline, ...]
    seconds: Mapping[str, float]


def fit_annotations(
    dataset: Dataset,
    options: FitOptions,
    context: RunContext,
    *,
    ranked: Callable[[Dataset], Source] | None = None,
) -> FittedAnnotations:
    """Fit a model to annotated items, and evaluate it on items that were held out.

    Args:
        dataset: n items with spans, boxes or masks.
        options: of the fit.
        context: engine, reporter, seed and clock.
        ranked: chooses the source from annotated items, for ``source="auto"``; it is given no held-out item.

    Raises:
        DataError: if there are too few items, or too few with an annotation.
        ParameterError: for an option that has no meaning here.
        SourceError: if the source cannot give rows for positions.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import Task
        >>> empty = Dataset([], (), "text", Task("token", ("PER",)), np.empty(0, object))
        >>> fit_annotations(empty, FitOptions(), RunContext(SilentReporter()))
        Traceback (most recent call last):
        headstart.errors.DataError: A fit of spans needs at least 4 sentences with spans. Got 0; add some.
    """
    task, _ = dataset.labelled()
    check_options(options, task.kind)
    used, checked, clusters = _audited(dataset, context)
    plan = plan_annotations(used, clusters, once=not options.is_frozen, seed=context.seed)
    source = _source(used, plan, options, context, ranked)
    check_source(options, source)
    began = time.perf_counter()
    judged = judge_annotations(used, plan, source, options, context)
    fitted = time.perf_counter()
    _report(judged, plan, context)
    compared = tuple(compare_annotations(used, plan, judged, options.baselines, context))
    final = judged.final
    contents = np.array(checked.content, object)[checked.keep][plan.fitted]
    model = AnnotationModel(
        final.source, task, final.head, engine=context.engine, sums=_kept_sums(final, context),
        contents=frozenset(contents.tolist()),
    )  # fmt: skip
    if context.clock.is_over:
        context.reporter.warning("The fit took longer than its time limit: solving and judging are not cut short.")
    seconds = {"solving": fitted - began, "baselines": time.perf_counter() - fitted}
    return FittedAnnotations(model, used, checked, clusters, plan, judged, compared, seconds)


def _kept_sums(final: Solved, context: RunContext) -> HeadSums | None:
    """The sums of the head, where a run folder can hold them."""
    sums = final.sums
    if sums is None or sums.nbytes <= MOST_BYTES:
        return sums
    context.reporter.warning(
        f"The moments would fill {sums.nbytes / 2**20:,.0f} MiB and were not kept: this model predicts, but cannot be "
        "updated."
    )
    return None


def _audited(dataset: Dataset, context: RunContext) -> tuple[Dataset, Audit, NDArray[np.int64]]:
    """The readable items, the audit of all items, and the clusters of near duplicates among the readable ones."""
    reporter = context.reporter
    for note in dataset.notes:
        reporter.line("read", note)
    _check_count(dataset)
    reporter.line("data", describe_data(dataset))
    with reporter.progress("auditing") as step:
        sketch_all = kept_sketches(dataset.modality, step, cache=context.engine.cache)
        checked = audit(dataset, progress=step, sketch_all=sketch_all)
    for finding in checked.findings:
        if finding.severity == "info":
            reporter.line("audit", finding.message)
        else:
            reporter.warning(finding.message)
    kept = np.flatnonzero(checked.keep)
    used = dataset.take(kept)
    _check_count(used)
    return used, checked, checked.clusters[kept]


def _check_count(dataset: Dataset) -> None:
    task, y = dataset.labelled()
    about = ANNOTATION_TASKS[task.kind]
    found = len(y) if task.kind == "mask" else sum(len(one) > 0 for one in y)
    if found < FEWEST_ITEMS:
        what = about.annotations
        raise DataError(
            f"A fit of {what} needs at least {FEWEST_ITEMS} {about.item}s with {what}. Got {found}; add some."
        )


def _source(
    dataset: Dataset,
    plan: SplitPlan,
    options: FitOptions,
    context: RunContext,
    ranked: Callable[[Dataset], Source] | None,
) -> Source:
    """The named source; else one that is chosen on the items that the model is fitted on."""
    given: Any = options.source
    if given is None or ranked is not None:
        if len(plan.parts) > 1:
            noun = ANNOTATION_TASKS[dataset.labelled()[0].kind].item
            context.reporter.line(
                "chosen on",
                f"all {noun}s, which the cross-validation evaluates too: its metrics are slightly too high",
            )
        part = dataset.take(plan.fitted)
        choose = ranked or partial(ANNOTATING[dataset.labelled()[0].kind].default_source, context=context)
        return choose(part)
    if isinstance(given, list | tuple) and len(given) == 1:
        given = given[0]
    source = open_source(given) if isinstance(given, str) else given
    if source.info.modality != dataset.modality:
        raise SourceError(
            f"The source '{source.info.name}' encodes {source.info.modality} items, but the items are "
            f"{dataset.modality}; name another source or leave it out."
        )
    context.reporter.line("source", source.info.name)
    return source


def _report(judged: JudgedAnnotations, plan: SplitPlan, context: RunContext) -> None:
    reporter, evaluation = context.reporter, judged.evaluation
    reporter.line("head", judged.final.name)
    for note in judged.notes:
        reporter.line("note", note)
    reporter.line("judged by", plan.how)
    for name, metric in evaluation.metrics.items():
        say = reporter.result if name == evaluation.main else reporter.line
        say(name.replace("_", " "), figure(metric.value, metric.low, metric.high))
