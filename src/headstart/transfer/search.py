"""`search`: architecture search over heads and cells on the cached features of a frozen body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions
from headstart.engine.options import Engine
from headstart.engine.ray.session import keep_ray_open
from headstart.errors import DataError, ParameterError
from headstart.params import check_choice, check_number
from headstart.report.size import report_words
from headstart.reporting import Reporter, chosen_reporter
from headstart.search.driving.journal import Journal, open_journal
from headstart.search.registry import SEARCH_METHODS
from headstart.tasks import read_labelled
from headstart.transfer.gate.move_body import MovedBody
from headstart.transfer.run import Run
from headstart.transfer.searching.decision import SearchDecision, decide
from headstart.transfer.searching.heads import SearchedHeads, search_header, search_heads
from headstart.transfer.searching.items import SearchItems, prepare_search
from headstart.transfer.searching.record import search_logs, search_record
from headstart.transfer.searching.tunings import TUNED_AT_ONCE, SearchedTunings, moved_by, search_tunings
from headstart.transfer.stages.compare import Baseline, compare, reference_outputs
from headstart.transfer.stages.context import Clock, RunContext
from headstart.transfer.stages.gallery import REPORT_ITEMS, plan_gallery
from headstart.transfer.stages.judge import Judged, judged_quietly, report_judged
from headstart.transfer.stages.options import AUTO_SOURCE
from headstart.transfer.stages.run_folder import check_run_folder, run_tables
from headstart.transfer.stages.unread_blocks import without_unread_blocks
from headstart.types import ANNOTATION_KINDS, Dataset, Modality, Source, TaskKind

__all__ = ["search"]

SPACES = ("heads", "tuning")
BODY = ("body", "network", "layers")  # what a search of the body itself might be called
GENERATION = 8  # architectures that are proposed at once with Ray, however many workers there are
BASELINES = 3.0  # times of judging the default that must be left: for the simple features, a winner and some tries
Outputs = Sequence[tuple[str, NDArray[np.float64]]]
BY_GRADIENTS = ("darts",)  # methods that fit what they propose to the items of the search


def search(
    data: Any,
    *,
    source: str | Source | Sequence[str | Source] | None = None,
    method: str = "random",
    space: str = "heads",
    tries: int | None = None,
    time_limit: float | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    baselines: str = "fast",
    out: str | Path | None = None,
    overwrite: bool = True,
    seed: int = 0,
    generation: int | None = None,
    engine: Engine = Engine(),
    report_items: int = REPORT_ITEMS,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
    began: float | None = None,
) -> Run:
    """Search heads and cells for labelled items; the winner is kept only where it is shown to beat the default.

    Items are encoded once. A part of them is held out that the search never sees (the given test part, else a fifth).
    On the rest, the method tries architectures of `headstart.search.head_space`: blocks, projection, random features,
    heads and small trained cells. Each has its leave-one-out loss: exact for ridge and LDA on the columns as they are,
    with an error of the order of 1/n where a projection or scaling is fitted to all items, cross-validated for trained
    cells. The best one and the default, which is what `headstart.fit` chooses, are then compared on the held-out part.
    The winner replaces the default if the 95% interval of the paired difference in loss lies below zero. If it does,
    its metrics come from the items that decided for it, and are slightly optimistic; the run says so.

    Args:
        data: as in `headstart.transfer.fit.fit`, with whole items.
        source: name of a source, an open one, or several; default: the installed one that suits the items.
        space: ``"heads"`` on the frozen body, or ``"tuning"``: which of its parameters are trained, and how.
        method: ``"random"``, ``"evolution"``, ``"zero_cost"``, ``"controller"`` or ``"darts"``, which
            searches heads only.
        tries: number of architectures to try; default 100, and 16 fine-tunings, where there is no time limit.
        time_limit: seconds of everything: reading, encoding, search, judging; default: no limit.
        label: label column; default: inferred and reported.
        item: item column or columns; default: inferred and reported.
        task: ``"classification"``, ``"multilabel"`` or ``"regression"``; default: inferred.
        modality: kind of item; default: inferred.
        group_col: column of groups that must not be split.
        group_pattern: a regular expression that captures the group of an item from its name.
        time_col: column of times; the latest fifth is then held out.
        baselines: ``"all"``, ``"fast"`` (without the untrained body) or ``"none"``.
        out: run folder to write. While the search runs, its journal lies beside it (``OUT.search.jsonl``), from which
            the same call goes on after an interruption.
        overwrite: whether an existing run is replaced.
        seed: of the split, the method, cells and random features.
        generation: how many architectures are proposed before their losses are told; default: 1, and 8 with Ray.
        engine: how items are encoded; with ``ray`` tries are spread over the workers of the cluster, too. The number of
            workers changes the time, not the result.
        report_items: the largest number of items that the report holds.
        verbose: whether to report.
        reporter: receives the reports instead.
        command: the command line, for the manifest.
        began: value of `time.perf_counter` from which the time limit counts; default: now.

    Returns:
        An ordinary run, with the block ``"search"`` in its record.

    Raises:
        DataError: if the data cannot be used, or hold annotations.
        ParameterError: for an invalid value.
        UnknownNameError: for an unknown method or source.
        UsageError: if the journal belongs to another search.

    Examples:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(240, 2))
        >>> inside = np.where(np.linalg.norm(x, axis=1) < 1.2, "in", "out").tolist()
        >>> run = search((x, inside), tries=3, seed=2, verbose=False)
        >>> run.record["search"]["tries"], run.record["search"]["decision"]["replaces_default"]
        (3, True)
    """
    check_choice(baselines, "baselines", "search", ("all", "fast", "none"))
    check_number(report_items, "report_items", "search", low=0, integer=True)
    _check(source, method, tries, time_limit)
    _check_space(space, method, generation)
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=None,
    )  # fmt: skip
    context = RunContext(chosen_reporter(reporter, verbose=verbose), engine, seed, Clock.start(time_limit, began))
    place = None if out is None else Path(out)
    if place is not None:
        check_run_folder(place, context.reporter, overwrite=overwrite)
    dataset = _whole_items(read_labelled(data, reading))
    journal = None if place is None else place.with_name(f"{place.name}.search.jsonl")
    tunes = space == "tuning"
    size = generation or (TUNED_AT_ONCE if tunes else 1 if engine.ray is None else GENERATION)
    with keep_ray_open():
        items = prepare_search(dataset, source, context, tunes=tunes)
        with open_journal(journal, search_header(items, method, seed, size, tunes=tunes)) as opened:
            references = _references(items, baselines, context)
            searched = _searched(items, (method, tries, size), opened, context, tunes=tunes)
            compared = _compared(items, searched.kept, references, context)
            gallery = plan_gallery(items.prepared, searched.kept, report_items)
            kept = replace(searched.kept, model=without_unread_blocks(searched.kept.model))
            tables = run_tables(items.prepared, kept, None, gallery)
            tables = replace(tables, logs={**tables.logs, **search_logs(searched.found)})
            taken = context.clock.elapsed
            both = searched.found, searched.decision
            record = search_record(
                items, kept, compared, both, generation=size, seconds=taken, seed=seed, command=command
            )
            record |= {} if searched.moved is None else {"strategy": searched.moved.record}
            run = Run(kept.model, kept.evaluation, compared, items.prepared.audit, record, place, tables)
            if place is not None:
                run.save(place)
                opened.remove()
            if searched.moved is not None:
                searched.moved.clear()
    if place is not None and command is None:
        context.reporter.line("saved", f"{place}  ({taken:.1f} s in all); read {report_words(place)}")
    return run


def _check_space(space: str, method: str, generation: int | None) -> None:
    check_choice(space, "space", "search", SPACES)
    if generation is not None:
        check_number(generation, "generation", "search", low=1, integer=True)
    if method in BY_GRADIENTS and space == "tuning":
        raise ParameterError(
            f"The method '{method}' trains the operations of a cell on frozen rows, so it cannot search fine-tunings; "
            "choose random, evolution, zero_cost or controller with the space 'tuning'."
        )


def _check(source: Any, method: str, tries: int | None, time_limit: float | None) -> None:
    if method in BODY:
        raise ParameterError(
            "A search of the body itself is not offered: each candidate would have to be pretrained before it is "
            "compared (12,800 networks on 800 GPUs for 28 days in Zoph & Le 2017), and a small data set cannot tell "
            "them apart. Search heads on a pretrained body with one of "
            f"{', '.join(SEARCH_METHODS)}, or which of its parameters are trained with the space 'tuning'; "
            "'headstart rank' compares bodies."
        )
    SEARCH_METHODS[method]
    if tries is not None:
        check_number(tries, "tries", "search", low=1, integer=True)
    if time_limit is not None:
        check_number(time_limit, "time_limit", "search", low=0)
    if source == AUTO_SOURCE:
        raise ParameterError(
            "A search goes through the heads of one source. Got source='auto'; rank the sources first ('headstart "
            "rank'), and name the one to search with."
        )


def _whole_items(dataset: Dataset) -> Dataset:
    if dataset.task is not None and dataset.task.unit in ANNOTATION_KINDS:
        raise DataError(
            f"A search goes through heads of whole items, and {dataset.origin or 'this dataset'} has annotated parts "
            "of items; fit them with 'headstart fit'."
        )
    return dataset


def _decided(items: SearchItems, found: SearchedHeads, context: RunContext) -> tuple[Judged, SearchDecision | None]:
    """The judged model to keep: that of the winner where it is shown to be better, else that of the default."""
    reporter, default = context.reporter, items.default
    decision, kept = None, default
    if found.architecture is not None:
        with reporter.progress("comparing the winner with the default"):
            search = replace(items.search, architecture=found.architecture)
            winner = judged_quietly(items.prepared, search, context.seed)
            decision = decide(
                items.prepared.dataset, default, winner, tries=len(found.result.trials), seed=context.seed,
                by_gradients=found.method in BY_GRADIENTS,
            )  # fmt: skip
        kept = winner if decision.replaces else default
        _report_decision(decision, reporter)
    else:
        why = "could be fitted" if found.result.trials else "was tried, because the time was used up"
        reporter.result("decision", f"No architecture {why}; the default stays.")
    report_judged(kept, reporter)
    return kept, decision


@dataclass(frozen=True, eq=False)
class _Searched:
    """What was found, what is kept, and why; the complete training where its model is kept."""

    found: SearchedHeads | SearchedTunings
    kept: Judged
    decision: SearchDecision | None
    moved: MovedBody | None = None


def _searched(
    items: SearchItems, how: tuple[str, int | None, int], journal: Journal, context: RunContext, *, tunes: bool
) -> _Searched:
    method, tries, size = how
    if not tunes:
        heads = search_heads(items, method, tries=tries, journal=journal, context=context, generation=size)
        return _Searched(heads, *_decided(items, heads, context))
    tunings = search_tunings(items, method, tries=tries, journal=journal, context=context, generation=size)
    return _Searched(tunings, *_decided_tuning(items, tunings, context))


def _decided_tuning(
    items: SearchItems, found: SearchedTunings, context: RunContext
) -> tuple[Judged, SearchDecision | None, MovedBody | None]:
    """The judged model to keep, and the complete training where its model is kept."""
    reporter, default = context.reporter, items.default
    moved = moved_by(found, items, context)
    if moved is None or moved.frozen is None:
        if moved is not None:
            moved.clear()
        reporter.result("decision", "No fine-tuning was trained to its end; the default stays.")
        report_judged(default, reporter)
        return default, None, None
    decision = decide(items.prepared.dataset, default, moved.judged, tries=len(found.result.trials), seed=context.seed)
    decision = replace(decision, lead=found.lead)
    _report_decision(decision, reporter)
    if decision.replaces:
        return moved.judged, decision, moved
    moved.clear()
    report_judged(default, reporter)
    return default, decision, None


def _report_decision(decision: SearchDecision, reporter: Reporter) -> None:
    if decision.lead is not None:
        reporter.line("by chance", decision.lead.sentence)
    reporter.result("decision", decision.sentence)
    if decision.caution:
        reporter.warning(decision.caution)


def _references(items: SearchItems, which: str, context: RunContext) -> Outputs | None:
    """Outputs of the baselines, before the search: their time is then known to it. None if they were skipped."""
    if which == "none":
        return ()
    left, default = context.clock.left(), items.default
    if left is not None and left < BASELINES * default.seconds:
        context.reporter.warning(
            f"The baselines are skipped: {max(left, 0):.0f} s of the time limit are left, and judging the default took "
            f"{default.seconds:.0f} s."
        )
        return None
    return tuple(reference_outputs(items.prepared, default, which == "all", context.reporter))


def _compared(
    items: SearchItems, kept: Judged, references: Outputs | None, context: RunContext
) -> tuple[Baseline, ...]:
    return tuple(compare(items.prepared, kept, "fast", context.reporter, known=references)) if references else ()
