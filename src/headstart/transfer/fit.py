"""`fit`: from labelled items to a model with an evaluation, baselines and an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from headstart.data import ReadOptions, read, union_groups
from headstart.engine.options import Engine, refuse_int8
from headstart.engine.ray.session import keep_ray_open
from headstart.evaluate.learning_curve import LearningCurve
from headstart.heads import HeadSearch
from headstart.heads.problem import Fusion, LayerChoice
from headstart.params import check_number
from headstart.report.size import report_words
from headstart.reporting import Reporter, chosen_reporter
from headstart.tasks import read_labelled
from headstart.transfer.annotating.fit import fit_annotations
from headstart.transfer.annotating.options import is_own_strategy
from headstart.transfer.annotating.record import annotation_record
from headstart.transfer.annotating.run import AnnotationRun, annotation_tables
from headstart.transfer.gate.move_body import MovedBody, check_body, check_strategy, move_body
from headstart.transfer.ranking.annotated import rank_annotations
from headstart.transfer.ranking.choice import Choice, choose_source
from headstart.transfer.ranking.default_choice import choose_default, named_choice
from headstart.transfer.ranking.entries import Described, describe_all
from headstart.transfer.ranking.profile import profile_facts
from headstart.transfer.run import Run
from headstart.transfer.stages.compare import Baseline, compare_in_time
from headstart.transfer.stages.context import Clock, RunContext
from headstart.transfer.stages.coverage import coverage_record
from headstart.transfer.stages.gallery import REPORT_ITEMS, GalleryPlan, plan_gallery
from headstart.transfer.stages.group_proposal import with_proposal
from headstart.transfer.stages.judge import Judged, judge
from headstart.transfer.stages.label_texts import LabelText, with_label_text
from headstart.transfer.stages.learning import learning_curve_of
from headstart.transfer.stages.number_format import NumberFormat, in_number_format
from headstart.transfer.stages.options import FitOptions, check_choices, check_several, check_together
from headstart.transfer.stages.prepare import Audited, Prepared, audit_items, encode_items
from headstart.transfer.stages.record import make_record
from headstart.transfer.stages.run_folder import RunTables, check_run_folder, run_tables
from headstart.transfer.stages.unread_blocks import without_unread_blocks
from headstart.tune import Strategy
from headstart.tune.training.settings import OnEpoch
from headstart.types import ANNOTATION_KINDS, Dataset, Modality, Source, TaskKind

__all__ = ["fit"]

ENOUGH = 30.0  # remaining seconds of a time limit that allow the search for groups in the names
OUT_OF_TIME = "No learning curve: the time limit was reached before it."


def fit(
    data: Any,
    *,
    source: str | Source | Sequence[str | Source] | None = None,
    sources: Sequence[str | Source] | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    annotations: str | None = None,
    heads: Sequence[str] | None = None,
    layers: LayerChoice = "auto",
    fusion: Fusion = "auto",
    class_weight: Literal["balanced"] | None = None,
    label_text: LabelText | None = "auto",
    drop_suspects: bool = False,
    strategy: str | Strategy = "frozen",
    training: Mapping[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
    source_data: Any = None,
    baselines: str = "all",
    out: str | Path | None = None,
    overwrite: bool = True,
    seed: int = 0,
    time_limit: float | None = None,
    engine: Engine = Engine(),
    report_items: int = REPORT_ITEMS,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
    began: float | None = None,
) -> Run | AnnotationRun:
    """Fit a model to labelled items, evaluate it on held-out items, and measure the gain from transfer.

    Args:
        data: a folder, table, archive, DataFrame, Hugging Face dataset, or ``(items, labels)``.
        source: name of a source, such as ``"timm:resnet18.a1_in1k"``, or an open one; default: the installed one that
            suits the items, which is reported (`headstart.sources.default`). ``"auto"`` ranks several and takes the
            first. Several sources are fused if that helps. For items of several columns, ``"COLUMN=NAME"`` names the
            source of one column.
        sources: with ``source="auto"``, names or open sources to rank; default: all that are installed or cached for
            the modality.
        label: label column or columns; default: inferred and reported.
        item: column of texts or paths, or several columns of images, sounds, texts, numbers and categories that
            together form one item; default: one column, inferred and reported.
        task: ``"classification"``, ``"multilabel"`` or ``"regression"``; ``"token"``, ``"box"`` or ``"mask"`` where
            items hold annotations; default: inferred and reported.
        modality: ``"image"``, ``"text"``, ``"audio"`` or ``"vector"``; default: inferred.
        group_col: column of groups that must not be split (patient, speaker, site).
        group_pattern: a regular expression that captures the group of an item from its name (its path below the
            folder), or from its value of ``group_col``.
        time_col: column of times; the latest fifth is then held out.
        annotations: format of annotations and its settings where they cannot be told from the files, such as
            ``"conll,scheme=BILOU"``; see `headstart.data.read`.
        heads: names of heads to compare; ``("auto",)`` for all that support the task; default: the closed-form heads
            ridge and LDA, which one eigendecomposition gives.
        layers: which layers are compared: ``"auto"`` (the last, and all concatenated), ``"last"``, ``"all"``,
            ``"best"`` (also each alone), ``"select"`` (also features of all layers, selected by relevance) or
            ``"standardised"`` (the last with standardised columns, which folders of timm and transformers can hold).
        fusion: how several sources are combined: ``"auto"`` (``"concat"``, ``"banded"`` or ``"stack"`` if one of
            them helps, else the best source alone); one of these, ``"select"`` or ``"attention"``, which is then used
            without a comparison; or ``"none"`` (the best source alone).
        class_weight: ``"balanced"`` gives each class the same total weight; default: each item counts the same.
        label_text: class names or descriptions as a prior that heads may shrink towards: ``"auto"`` (names, with at
            most 20 items per class), ``"names"``, ``"none"``, a mapping from label to description, or a JSON or CSV
            file of one, which may hold classes without items. The weight of the prior is chosen by leave-one-out loss.
        drop_suspects: whether training items whose label all others contradict are excluded from the fit.
        strategy: how knowledge is transferred: ``"frozen"`` (the body stays frozen), ``"auto"`` (the body is fine-tuned
            if the evidence says that it pays, and the model of lowest validation loss is kept), ``"auto:lp_ft,lora"``
            (so, and these strategies are compared), or a strategy of `headstart.tune` or its name, which is run without
            a forecast.
        training: settings of the training in place of those of the strategy, by name: those of
            `headstart.tune.Training`, such as ``{"epochs": 3, "freeze": 2}``, and the strategy's own, such as
            ``"rank"``; default: none. ``"learning_rate": "find"`` finds it by a range test, and
            ``"trials": 8`` tries so many settings of rate, decay and epochs.
        on_epoch: called after each epoch of a training with its row of ``training.csv``; if it returns False, the
            training ends there and keeps the best weights so far. Not called by the pilot of ``"auto"``.
        source_data: labelled data of the source's own task, in any form of ``data``: forgetting of a fine-tuned body is
            measured on them, and the strategy ``"joint"`` replays them.
        baselines: ``"all"``, ``"fast"`` (without the untrained body) or ``"none"``.
        out: run folder to write; default: none.
        overwrite: whether an existing run is replaced, once the new one is complete; otherwise it is an error.
        seed: of splits, resamples and the untrained body; default 0.
        time_limit: seconds; default: no limit. The untrained body is omitted, and the body stays frozen, if they would
            not fit into it.
        engine: how items are encoded: backend, feature store, batch size, cluster.
        report_items: the largest number of items (thumbnails, texts, sounds) that the report holds; 0 for none, such as
            for private data; default 200.
        verbose: whether to report as the command does: lines, and progress on a terminal or in a notebook.
        reporter: receives the reports instead.
        command: the command line, for the manifest.
        began: value of `time.perf_counter` from which the time limit counts; default: now.

    Returns:
        The run: model, metrics with intervals, baselines, audit; an `AnnotationRun` where items hold annotations.

    Raises:
        DataError: if the data cannot be used.
        SourceError: if the source cannot be opened or encodes another modality.
        ParameterError: for an invalid value, or for options of which one would be ignored.
        UnknownNameError: for an unknown source, head or strategy.
        UsageError: if ``out`` holds something other than a run, or a run that must not be overwritten.
        SaveError: if the run folder cannot be written.

    Examples:
        >>> import numpy as np
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> run = fit((rows, ["left"] * 10 + ["right"] * 10))
        >>> run.evaluation.metrics["accuracy"].value, run.predict([[0.1, 1.0]])
        (1.0, ['left'])
    """
    options = FitOptions(
        source, sources,
        HeadSearch(
            None if heads is None else tuple(heads), class_weight, drop_suspects=drop_suspects, fusion=fusion,
            layers=layers,
        ),
        label_text, strategy, source_data, baselines, report_items, training,
        on_epoch,
    )  # fmt: skip
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=annotations,
    )  # fmt: skip
    check_choices(options)
    if not is_own_strategy(strategy):
        check_strategy(strategy, class_weight, source_data, training)
    check_together(options)
    if not options.is_frozen:
        refuse_int8(engine, "a strategy other than 'frozen'")
    described = None if sources is None else describe_all(sources)
    context = RunContext(chosen_reporter(reporter, verbose=verbose), engine, seed, Clock.start(time_limit, began))
    _check_bounds(time_limit, out, context.reporter, overwrite=overwrite)
    dataset = read_labelled(data, reading)
    if dataset.task is not None and dataset.task.unit in ANNOTATION_KINDS:
        return _annotations(dataset, options, described, context, out=out, command=command)
    check_strategy(strategy, class_weight, source_data, training)  # one that only annotated items have is unknown here
    fitted = _fitted(dataset, options, described, context)
    seconds = context.clock.elapsed
    run = Run(
        fitted.judged.model, fitted.judged.evaluation, fitted.baselines, fitted.prepared.audit,
        _record(fitted, seconds, seed, command), None if out is None else Path(out), fitted.tables(),
    )  # fmt: skip
    if run.path is not None:
        run.save(run.path)
        _report_saved(run.path, seconds, command, context.reporter)
    if fitted.moved is not None:
        fitted.moved.clear()
    return run


def _check_bounds(time_limit: float | None, out: str | Path | None, reporter: Reporter, *, overwrite: bool) -> None:
    if time_limit is not None:
        check_number(time_limit, "time_limit", "fit", low=0)
    if out is not None:
        check_run_folder(Path(out), reporter, overwrite=overwrite)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The results of the stages; None for a stage that was not requested."""

    prepared: Prepared
    judged: Judged
    choice: Choice
    moved: MovedBody | None
    baselines: tuple[Baseline, ...]
    number_format: NumberFormat
    curve: LearningCurve | str
    profile: Mapping[str, Any] | None
    gallery: GalleryPlan | None

    def tables(self) -> RunTables:
        logs = None if self.moved is None else self.moved.logs
        return run_tables(self.prepared, self.judged, logs, self.gallery)


def _annotations(
    dataset: Dataset,
    options: FitOptions,
    described: Sequence[Described] | None,
    context: RunContext,
    *,
    out: str | Path | None,
    command: str | None,
) -> AnnotationRun:
    with keep_ray_open():
        ranked = partial(_first_ranked, described=described, context=context) if options.ranks_sources else None
        fitted = fit_annotations(dataset, options, context, ranked=ranked)
    seconds, path = context.clock.elapsed, None if out is None else Path(out)
    record = annotation_record(
        fitted, seconds=seconds, seed=context.seed, command=command, report_items=options.report_items
    )
    run = AnnotationRun(
        fitted.model, fitted.judged.evaluation, fitted.baselines, record, path, annotation_tables(fitted)
    )
    if path is not None:
        run.save(path)
        _report_saved(path, seconds, command, context.reporter)
    return run


def _first_ranked(dataset: Dataset, described: Sequence[Described] | None, context: RunContext) -> Source:
    ranking, first = rank_annotations(dataset, described, context)
    context.reporter.line("source", f"{first.info.name}, the first of {len(ranking.standings)}: {ranking.how}")
    return first


def _fitted(
    dataset: Dataset,
    options: FitOptions,
    described: Sequence[Described] | None,
    context: RunContext,
) -> _Fitted:
    """Audit, choose the source, encode, evaluate, fine-tune, compare: each stage once, in this order."""
    replayed = None if options.source_data is None else read(options.source_data, modality=dataset.modality)
    # an unknown source is refused before the audit, which may read every file
    choice = _named(dataset, options, context)
    if choice is not None:
        check_body(options.strategy, choice.source, options.training, dataset)
    with keep_ray_open():  # one Ray session serves ranking, encoding and training
        audited = audit_items(dataset, context)
        if choice is None:
            choice = _chosen(audited, options, described, context)
            check_body(options.strategy, choice.source, options.training, audited.dataset)
        chosen = NumberFormat(choice.source, {})
        if options.is_frozen:
            chosen = in_number_format(audited, choice.source, context)
        opened = chosen.source
        known = choice.rows if opened is choice.source else None  # rows of another number format are of no use
        prepared = encode_items(audited, opened, context, known=known)
        search = replace(options.search, until=context.clock.until)
        prepared, search = with_label_text(prepared, search, options.label_text, context.reporter)
        prepared, judged, moved = _judge(prepared, search, options, replayed, context)
        curve = OUT_OF_TIME if context.clock.is_over else learning_curve_of(prepared, judged, context.reporter)
        frozen = None if moved is None else moved.frozen
        compared = compare_in_time(prepared, judged, options.baselines, context, frozen=frozen)
    gallery = plan_gallery(prepared, judged, options.report_items)
    profile = None
    if options.is_frozen and compared and not context.clock.is_over:
        profile = profile_facts(prepared, judged)
    judged = replace(judged, model=without_unread_blocks(judged.model))
    return _Fitted(prepared, judged, choice, moved, compared, chosen, curve, profile, gallery)


def _named(dataset: Dataset, options: FitOptions, context: RunContext) -> Choice | None:
    """The named source, or None if the items decide, after the audit."""
    if options.ranks_sources:
        return None
    with context.reporter.progress("opening the source"):
        choice = named_choice(dataset, options.source, context.reporter)
    if choice is not None:
        check_several(choice.source, options.search)
    return choice


def _chosen(
    audited: Audited, options: FitOptions, described: Sequence[Described] | None, context: RunContext
) -> Choice:
    once = not options.is_frozen
    if options.ranks_sources:
        return choose_source(audited, described, context, once=once)
    units = union_groups(audited.dataset.groups, audited.clusters)
    choice = choose_default(audited.dataset, units, context, once=once)
    check_several(choice.source, options.search)
    return choice


def _record(fitted: _Fitted, seconds: float, seed: int, command: str | None) -> dict[str, Any]:
    record = make_record(fitted.prepared, fitted.judged, fitted.baselines, seconds=seconds, seed=seed, command=command)
    if fitted.number_format.record:
        record["encoding"] = {**record["encoding"], "int8": dict(fitted.number_format.record)}
    certain = coverage_record(fitted.judged.model, fitted.judged.coverage) | dict(fitted.judged.certainty)
    if (choice := fitted.judged.model.head.calibration_choice) is not None:
        certain = certain | {"calibration": choice.to_dict()}
    if certain:
        record["certainty"] = certain
    if isinstance(fitted.curve, LearningCurve):
        record["learning_curve"] = fitted.curve.to_dict()
    elif fitted.curve:
        record["learning_curve_missing"] = fitted.curve
    if fitted.profile is not None:
        record["profile"] = fitted.profile
    further = {"source_choice": fitted.choice, "strategy": fitted.moved}
    return record | {key: found.record for key, found in further.items() if found is not None and found.record}


def _report_saved(path: Path, seconds: float, command: str | None, reporter: Reporter) -> None:
    if command is None:  # the command line reports this itself, with the next steps
        reporter.line("saved", f"{path}  ({seconds:.1f} s in all); read {report_words(path)}")


def _judge(
    prepared: Prepared,
    search: HeadSearch,
    options: FitOptions,
    source_data: Dataset | None,
    context: RunContext,
) -> tuple[Prepared, Judged, MovedBody | None]:
    """Evaluate frozen features, propose groups, and fine-tune the body if the strategy is not ``"frozen"``."""
    clock, reporter, is_frozen = context.clock, context.reporter, options.is_frozen
    if clock.is_over and is_frozen:
        reporter.warning(
            "The time limit is over: the model is evaluated once, on held-out items, not by cross-validation."
        )
    # with a strategy one held-out part: training the body in each of ten folds would take ten times as long
    judged = judge(prepared, search, context.seed, reporter, once=not is_frozen or clock.is_over)
    left = clock.left()
    # the search for groups solves more heads, and under a short limit that time is needed for the fit itself
    if left is None or left > ENOUGH:
        prepared = with_proposal(prepared, judged, reporter)
    if is_frozen:
        return prepared, judged, None
    moved = move_body(
        prepared, judged, options.strategy, seconds=clock.left(), reporter=reporter, source_data=source_data,
        training=options.training, on_epoch=options.on_epoch,
    )  # fmt: skip
    return prepared, moved.judged, moved
