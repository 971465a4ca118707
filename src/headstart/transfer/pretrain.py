"""`pretrain`: a source task, whose trained body is kept as a source to transfer from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, union_groups
from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.folder import training_entry
from headstart.engine.options import Engine, refuse_int8
from headstart.errors import DataError, ParameterError, TrainingError
from headstart.model import TransferModel
from headstart.params import check_choice, check_number
from headstart.reporting import Progress, Reporter, chosen_reporter
from headstart.sources.bodies.trainable import TrainableSource
from headstart.tasks import read_labelled
from headstart.transfer.pretraining.card import both_words, gain_words, is_better, metric_words
from headstart.transfer.pretraining.folder import check_new, write_source
from headstart.transfer.pretraining.gain import check_better, gain_over_start
from headstart.transfer.pretraining.objectives import (
    OBJECTIVES,
    body_of,
    judged_body,
    judged_by_labels,
    train_on_items,
    unlabelled_record,
)
from headstart.transfer.pretraining.record import labelled_record
from headstart.transfer.pretraining.start import Start, start_of
from headstart.transfer.stages.context import Clock, RunContext
from headstart.transfer.stages.prepare import audit_items
from headstart.tune.lp_ft import LP_FT
from headstart.tune.objectives.contract import held_out_items
from headstart.tune.pretraining import Pretrained, continued, pretrained
from headstart.tune.scratch import SCRATCH
from headstart.tune.training.chosen import Chosen, with_chosen
from headstart.tune.training.settings import Budget
from headstart.types import ANNOTATION_KINDS, Dataset, Modality, Source, TaskKind

__all__ = ["PretrainedSource", "pretrain"]

WRITING = 0.05  # share of a time limit that is kept for figures, record and files
BUSIER = 1.2  # a machine may be busier after the training than before it


@dataclass(frozen=True, eq=False)
class PretrainedSource:
    """The result of a pretraining.

    Attributes:
        source: the trained body, a source.
        model: the trained network as a model of the source task; the trained body with a closed-form head if it was
            trained without labels that the data have; None if they have none.
        record: data, settings, course of the training and figures, as plain JSON values.
        out: the folder that was written; None for none.
    """

    source: Source
    model: TransferModel | None
    record: Mapping[str, Any] = field(repr=False)
    out: Path | None = None


def pretrain(
    data: Any,
    out: str | Path | None = None,
    *,
    objective: Literal["supervised", "contrastive", "masked"] = "supervised",
    source: str | Source | None = None,
    architecture: str | None = None,
    side: int | None = None,
    training: Chosen | None = None,
    time_limit: float | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    licence: str | None = None,
    seed: int = 0,
    engine: Engine = Engine(),
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
    began: float | None = None,
) -> PretrainedSource:
    """Train a body on a source task, and keep it as a source to transfer from.

    A fifth of the training items (at most 1,500), or the given validation part, is held out and chooses the epoch. A
    given test part is not trained on, and shows what was reached. Weights that are not shown to be better on the
    held-out items than those of the start are no trained source, which is an error.

    Args:
        data: labelled items, as in `headstart.transfer.fit.fit`; or, with another objective, items without labels.
        out: new folder for the source, which ``local:OUT`` opens; None writes nothing.
        objective: ``"supervised"`` learns the labels; ``"contrastive"`` that two augmented views of an item lie
            together (`headstart.tune.objectives.contrastive`), and ``"masked"`` what is hidden of a picture or a text
            (`headstart.tune.objectives.masked`). These two train without labels, which only judge the body where there
            are some.
        source: a source whose weights are trained further; None for random weights.
        architecture: what is given random weights: an architecture of timm, or a source by its name; default: that of
            the small source of the install for such items.
        side: height and width of the pictures in pixels, for an architecture of timm.
        training: settings of the training by name, such as ``{"epochs": 10}``; see
            `headstart.tune.training.settings.Training`. Random weights get 30 epochs, a source 5; without labels
            50 and 10.
        time_limit: seconds of everything; default: no limit.
        label: label column; default: inferred and reported.
        item: item column; default: inferred and reported.
        task: ``"classification"``, ``"multilabel"`` or ``"regression"``; default: inferred.
        modality: kind of item; default: inferred.
        group_col: column of groups that are held out together.
        group_pattern: a regular expression that captures the group of an item from its name.
        time_col: column of times.
        licence: of the weights, for the card; default: that of a source that is trained further, else not stated.
        seed: of the weights, the held-out part, and the order and augmentation of the items.
        engine: how items are encoded; with ``ray`` the training runs on the workers of the cluster.
        verbose: whether to report.
        reporter: receives the reports instead.
        command: the command line, for the record.
        began: value of `time.perf_counter` from which the time limit counts; default: now.

    Returns:
        The trained source, with the record of its training.

    Raises:
        DataError: if the data cannot be used, or have no labels of whole items.
        ParameterError: for an invalid value.
        SourceError: if there is no body that can be trained.
        TrainingError: if no epoch had a lower loss than the start; or if the trained body with a closed-form head is
            not better than its start with one on the held-out items, by a paired 95% interval, unless ``training`` has
            ``keep_trained``.
        UsageError: if the folder is not new.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> faster = {"epochs": 4, "batch_size": 8, "learning_rate": 0.02}
        >>> found = pretrain(shift.train.take(range(80)), source=shift.source, training=faster, verbose=False)
        >>> found.source.info.name, found.record["start"], found.record["held_out"]["items"]
        ('module:toy (trained further, seed 0)', 'module:toy with its weights', 16)
    """
    refuse_int8(engine, "a pretraining, which computes in the usual number formats")
    if time_limit is not None:
        check_number(time_limit, "time_limit", "pretrain", low=0, open_low=True)
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=None,
    )  # fmt: skip
    context = RunContext(chosen_reporter(reporter, verbose=verbose), engine, seed, Clock.start(time_limit, began))
    place = None if out is None else Path(out)
    if place is not None:
        check_new(place)
    check_choice(objective, "objective", "pretrain", ("supervised", *OBJECTIVES))
    if objective != "supervised" and engine.ray is not None:
        raise ParameterError(f"The objective '{objective}' is trained in one process; leave out 'ray'.")
    parts = _parts(_read(data, reading, objective), context)
    known = parts["train"].task
    start = start_of(
        parts["train"], source=source, architecture=architecture, side=side, seed=seed,
        outputs=0 if known is None or objective != "supervised" else known.num_outputs,
    )  # fmt: skip
    if not isinstance(start.source, TrainableSource):
        raise DataError(f"The source '{start.name}' has no body that can be trained; name another one.")
    context.reporter.line("start", start.words)
    folder = None
    if place is not None and engine.cache:
        # checkpoints are kept under the name of the folder: the same call resumes a killed training
        folder = training_entry(recipe_key("pretrain", str(place.resolve())), start.name, "pretraining")
    said = _Said(_name(data), objective, training, licence, seed)
    train = _with_labels if objective == "supervised" else _on_items
    try:
        model, trained, record = train(start, parts, said, folder, context)
    except TrainingError:
        if folder is not None:
            rmtree(folder, ignore_errors=True)
        raise
    record = {"command": command, **record}
    _report(record, context.reporter)
    if place is not None:
        write_source(place, trained, record, None if folder is None else folder / "logs")
        if folder is not None:
            rmtree(folder, ignore_errors=True)
    return PretrainedSource(trained, model, record, place)


@dataclass(frozen=True)
class _Said:
    """What the caller gave."""

    name: str
    objective: str
    settings: Chosen | None
    licence: str | None
    seed: int

    @property
    def keeps_trained(self) -> bool:
        return bool((self.settings or {}).get("keep_trained"))


Made = tuple[TransferModel | None, Any, dict[str, Any]]


def _with_labels(
    start: Start, parts: Mapping[str, Dataset], said: _Said, folder: Path | None, context: RunContext
) -> Made:
    with context.reporter.progress("pretraining") as step:
        budget = replace(_budget(folder, step, context), again=_again(parts))
        found = _train(start, parts, said.settings, budget, context)
    gain = gain_over_start(found, seed=said.seed)
    if not said.keeps_trained:
        check_better(gain, found.outcome, len(found.held_out), start)
    record = labelled_record(found, start, parts, context, name=said.name, settings=said.settings, licence=said.licence)
    return found.model, found.model.source, {**record, "gain_over_start": gain.to_dict()}


def _on_items(
    start: Start, parts: Mapping[str, Dataset], said: _Said, folder: Path | None, context: RunContext
) -> Made:
    part, out = parts["all"], _held_out(parts, said.seed)
    body, test, before, after = body_of(start, part, said.seed), parts.get("test"), None, 0.0
    if part.task is not None:
        with context.reporter.progress("judging the start"):
            before = judged_body(body, part, out, context)
        after = BUSIER * before.seconds * (1 + (0 if test is None else len(test)) / len(part))
    with context.reporter.progress("pretraining") as step:
        budget = _budget(folder, step, context, after)
        found = train_on_items(
            said.objective, start, body, part, said.settings, held_out=out, seed=said.seed, budget=budget
        )
    judged = None
    if before is not None:
        trained = judged_body(found.source, part, out, context)
        judged = judged_by_labels(before, trained, part.take(found.held_out), test, context)
        if not said.keeps_trained:
            check_better(judged.gain, found.outcome, len(found.held_out), start)
    record = unlabelled_record(
        found, judged, start, part, context, objective=said.objective, name=said.name, settings=said.settings,
        licence=said.licence,
    )  # fmt: skip
    return None if judged is None else judged.model, found.source, record


def _read(data: Any, reading: ReadOptions, objective: str) -> Dataset:
    try:
        return _whole_items(read_labelled(data, reading))
    except DataError as error:
        if reading.label is not None or reading.task is not None or isinstance(data, Dataset):
            if objective == "supervised" or not isinstance(data, Dataset) or data.task is not None:
                raise
            return data
        try:
            plain = read_labelled(data, replace(reading, labelled=False))
        except DataError:
            raise error from None
        if objective == "supervised":
            raise DataError(f"{error} Or train on the items alone, with --objective contrastive or masked.") from None
        return plain


def _whole_items(dataset: Dataset) -> Dataset:
    if dataset.task is not None and dataset.task.kind in ANNOTATION_KINDS:
        raise DataError("A pretraining on labels needs one label for each item. Got annotated items.")
    if dataset.modality == "multimodal":
        raise DataError("A pretraining needs one column of items. Got several; name one with --item.")
    dataset.labelled()
    return dataset


def _parts(dataset: Dataset, context: RunContext) -> dict[str, Dataset]:
    """The audited training part, and those of validation and test where the data come with them."""
    audited = audit_items(dataset, context, labelled=False)
    kept = audited.dataset
    split = np.full(len(kept), "train") if kept.split is None else np.asarray(kept.split, str)
    clusters = audited.clusters if len(np.unique(audited.clusters)) < len(kept) else None
    known = None if kept.groups is None and clusters is None else union_groups(kept.groups, clusters).astype(str)
    together = replace(kept, split=None, groups=known)
    names = [name for name in ("train", "val", "test") if (split == name).any()]
    parts = {name: together.take(np.flatnonzero(split == name)) for name in names}
    if "train" not in parts:
        raise DataError("The given split has no training part; name it 'train', or leave the split out.")
    if len(parts) > 1:
        context.reporter.line("parts", ", ".join(f"{name} {len(part):,}" for name, part in parts.items()))
    order = np.concatenate([np.flatnonzero(split == name) for name in names if name != "test"])
    return {**parts, "all": together.take(order)}


def _held_out(parts: Mapping[str, Dataset], seed: int) -> NDArray[np.bool_]:
    """Which items of training and validation choose the epoch: those of the validation part if it is given."""
    whole = parts["all"]
    if "val" in parts:
        return np.arange(len(whole)) >= len(parts["train"])
    return held_out_items(len(whole), whole.group_codes, seed)


def _again(parts: Mapping[str, Dataset]) -> float:
    """How often the work on the start is done after the training: a head is solved, and a given test part encoded."""
    return BUSIER * (1 + (len(parts["test"]) if "test" in parts else 0) / len(parts["all"]))


def _train(
    start: Start, parts: Mapping[str, Dataset], chosen: Chosen | None, budget: Budget, context: RunContext
) -> Pretrained:
    # under a limit nothing is taken from the store: what the start takes tells what the trained body will take
    engine = context.engine if budget.seconds is None else replace(context.engine, cache=False)
    if start.is_random:
        return pretrained(
            start.source, parts["train"], strategy=with_chosen(SCRATCH, chosen), valid=parts.get("val"),
            seed=context.seed, budget=budget, engine=engine,
        )  # fmt: skip
    return continued(
        start.source, parts["train"], strategy=with_chosen(LP_FT, chosen), valid=parts.get("val"),
        seed=context.seed, budget=budget, engine=engine,
    )  # fmt: skip


def _budget(folder: Path | None, step: Progress, context: RunContext, after: float = 0.0) -> Budget:
    """The time that is left, without that of writing, and of ``after`` seconds of judging, at most half of it."""
    left = context.clock.left()
    rest = 0.0 if left is None else max(left - WRITING * (context.clock.limit or 0.0), 0.0)
    return Budget(
        seconds=None if left is None else max(rest - after, rest / 2), folder=folder,
        logs=folder and folder / "logs", progress=step,
    )  # fmt: skip


def _report(record: Mapping[str, Any], reporter: Reporter) -> None:
    training = record["training"]
    reporter.line(
        "trained",
        f"{training['epochs']} epochs, {training['steps']:,} steps, {training['seconds']:.0f} s, "
        f"{training['items_per_second']:.0f} items/s; kept {training['kept']}",
    )
    if training["stopped"] == "time":
        reporter.line("", "the time limit ended the training; more time may give a better body")
    if record["held_out"] is None:
        reporter.warning(
            "Without labels the body is not compared with its start. Measure on a task whether it helps, such as by "
            "headstart rank DATA --sources."
        )
    else:
        _report_judged(record, reporter)
    if training["note"]:
        reporter.warning(training["note"])


def _report_judged(record: Mapping[str, Any], reporter: Reporter) -> None:
    head = "; by the head that was trained with the body" if record["objective"] == "labels" else ""
    reporter.result("held out", f"{metric_words(record['held_out'])}, which chose the epoch{head}")
    if record["test"] is not None:
        reporter.result("test", metric_words(record["test"]))
    gain = record["gain_over_start"]
    start = "random weights" if record["random_weights"] else "the weights of the source"
    reporter.result("gain", f"{gain_words(gain)}: {both_words(gain, record['untrained'], start)}")
    if not is_better(gain):
        reporter.warning(
            "The trained body is not shown to be better than its start on the held-out items, and is kept as asked. "
            "Train for longer or on more items before you rely on this source."
        )


def _name(data: Any) -> str:
    return Path(data).name if isinstance(data, str | Path) else "items given in Python"
