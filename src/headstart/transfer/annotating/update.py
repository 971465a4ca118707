"""Exact updates of models that annotate items: further sentences or pictures, as if the fit had had them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations.units import ITEM_OF
from headstart.data import ReadOptions, audit
from headstart.engine.options import Engine
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import DataError, ParameterError
from headstart.evaluate.evaluation import Evaluation
from headstart.io import read_parquet
from headstart.model.annotator import AnnotationModel
from headstart.model.as_fitted import check_any_left, part_of
from headstart.model.files.version_files import next_number, read_pointer
from headstart.model.versions import current_version, write_version
from headstart.reporting import Reporter
from headstart.reporting.wording import name_some, plural
from headstart.tasks import read_labelled
from headstart.transfer.annotating.contract import ANNOTATING
from headstart.transfer.annotating.evaluate import as_fitted, coded, fitted_on
from headstart.transfer.annotating.judge import describe_data
from headstart.transfer.annotating.run import AnnotationRun, open_annotator
from headstart.transfer.stages.training_items import training_contents
from headstart.transfer.teaching.outcome import Taught, report_change
from headstart.transfer.teaching.steps import timed
from headstart.types import Dataset

__all__ = ["OpenedAnnotator", "open_to_update", "update_annotations"]

TABLE = "splits.parquet"
UNUSABLE = "It cannot be read, or is empty."
UNKNOWN = (
    "This model has no run folder and no record of the items of its fit, so copies of these cannot be found; update "
    "the run folder of the fit."
)
KEPT = (
    "What was chosen on left-out items (columns, λ, decoding) is kept; the new items count exactly as those of the fit."
)


@dataclass(frozen=True, eq=False)
class OpenedAnnotator:
    """A model that annotates items, which is to be changed.

    Attributes:
        model: the model.
        run: its run folder, in which a version is written; None for a model in memory.
        base: the number of the version.
        number: the number that the next version gets.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> OpenedAnnotator(run.model, None).number
        2
    """

    model: AnnotationModel
    run: Path | None
    base: int = 1
    number: int = 2


def open_to_update(model: object, engine: Engine | None) -> OpenedAnnotator | None:
    """The version in force, where ``model`` is a model that annotates items, its run or its folder; else None.

    Args:
        model: a model, a run, or the folder of one.
        engine: how items are encoded; None for the engine of the model.

    Examples:
        >>> open_to_update("nowhere", None) is None
        True
    """
    folder = Path(model) if isinstance(model, str | Path) else model.path if isinstance(model, AnnotationRun) else None
    if folder is not None:
        own = model.model.engine if isinstance(model, AnnotationRun) else None
        base = current_version(folder)  # before it is opened: where another one is in force by then, nothing is written
        loaded = open_annotator(folder, engine or own)
        return (
            None if loaded is None else OpenedAnnotator(loaded, folder, base, next_number(folder, read_pointer(folder)))
        )
    given = model.model if isinstance(model, AnnotationRun) else model
    if not isinstance(given, AnnotationModel):
        return None
    return OpenedAnnotator(given if engine is None else replace(given, engine=engine), None)


def update_annotations(
    opened: OpenedAnnotator,
    data: Any,
    reading: ReadOptions,
    reporter: Reporter,
    *,
    test: Any = None,
    relabel: bool = False,
    split: str | None = None,
    command: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> Taught:
    """Add annotated items to the sums of a closed-form head, solve it, and keep the result as the next version.

    Items with the content of one of the fit, or of an earlier new one, are left out, so that none counts twice. Where
    the items of the fit are not known (the model was saved without a run, or changed in memory by its own methods),
    that is said, and only copies among the new items are found. Types that the model does not have are learned by
    models of words and of boxes: no item of the fit counts as having them.

    Args:
        opened: the model.
        data: annotated data, or a `headstart.types.Dataset`.
        reading: how to read them; ``task`` is that of the model where it is None.
        reporter: receives progress and results.
        test: annotated data on which the model is judged before and after; default: none. Those that it was
            fitted on are said.
        relabel: refused: the annotations of the fit's items are not kept, so they cannot be taken out.
        split: the part of data that have a split; default: train, if there is one, else all.
        command: the command line, for the record.
        about: further JSON values that the description of the version keeps.

    Raises:
        DataError: if the head was trained, its sums were not kept, or the data do not fit the model.
        ItemError: if no item can be read.
        ParameterError: for ``relabel``.
        SaveError: if the version cannot be written, or another process is writing one.

    Examples:
        >>> from headstart import fit, update
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> found = update(run.model, made_sentences(20, seed=7), verbose=False)
        >>> found.model.sums.counts.words.sum() > run.model.sums.counts.words.sum(), found.notes[0][:40]
        (np.True_, 'What was chosen on left-out items (colum')
    """
    if relabel:
        raise ParameterError(
            "The annotations of the fit's items are not kept, so they cannot be corrected by an update; leave relabel "
            "out, or fit again on the corrected data."
        )
    before = after = opened.model
    clock = timed()
    before.kept_sums()  # raises before anything is read
    with clock("read"):
        dataset = _part(_read(data, reading, before, new_labels=True), split)
        for note in dataset.notes:
            reporter.line("read", note)
        reporter.line("data", describe_data(dataset))
    with clock("compare"):
        plan = _planned(opened, dataset, reporter)
    if plan.chosen is not None:
        with clock("solve"), reporter.progress("encoding") as step:
            after = before.updated(plan.chosen, progress=step)
        if plan.fitted:
            after = replace(after, contents=plan.fitted.union(plan.contents))
    found = _outcome(before, after, plan)
    if test is not None:
        with clock("judge"):
            tested = part_of(_read(test, reading, after, new_labels=False), None)[0]
            found = _judged(found, (before, after), tested, plan, reporter)
    if plan.chosen is not None and opened.run is not None:
        with clock("write"):
            noted = {**(about or {}), **found.noted(command, clock.seconds)}
            write = partial(_write_table, opened=opened, plan=plan)
            version = write_version(opened.run, after, noted, base=opened.base, write_more=write)
            found = replace(found, version=version)
    found = replace(found, seconds=dict(clock.seconds))
    if found.duplicates:
        copies = plural(len(found.duplicates), "copy", "copies")
        reporter.line(
            "copies",
            f"{copies} of items of the fit, or of earlier new ones, not counted: {name_some(found.duplicates)}",
        )
    reporter.result("update", found.sentence)
    report_change(found, reporter)
    return found


@dataclass(frozen=True, eq=False)
class _Plan:
    """The items that count, with digests of their contents and of those of the fit, and what becomes of the others."""

    chosen: Dataset | None
    fitted: frozenset[str]
    contents: tuple[str, ...]
    duplicates: tuple[str, ...]
    failures: Mapping[str, str]


def _read(data: Any, reading: ReadOptions, model: AnnotationModel, *, new_labels: bool) -> Dataset:
    dataset = data if isinstance(data, Dataset) else read_labelled(data, as_fitted(reading, model))
    return coded(dataset, model, new_labels=new_labels)


def _part(dataset: Dataset, split: str | None) -> Dataset:
    wanted = split
    if split is None and dataset.split is not None:
        wanted = "train" if "train" in dataset.split else "all"
    return part_of(dataset, wanted)[0]


def _planned(opened: OpenedAnnotator, dataset: Dataset, reporter: Reporter) -> _Plan:
    model = opened.model
    with reporter.progress("comparing with the training items") as step:
        sketches = kept_sketches(dataset.modality, cache=model.engine.cache)
        checked = audit(dataset, near=False, progress=step, sketch_all=sketches)
    for finding in checked.findings:
        (reporter.warning if finding.severity != "info" else partial(reporter.line, "audit"))(finding.message)
    failures = {dataset.ids[k]: UNUSABLE for k in np.flatnonzero(~checked.keep).tolist()}
    check_any_left(int(checked.keep.sum()), dataset.ids, dict(enumerate([UNUSABLE] * len(dataset))))
    fitted = training_contents(model.folder) | model.contents
    kept, seen, new = np.flatnonzero(checked.keep).tolist(), set(fitted), list[int]()
    for k in kept:
        if checked.content[k] not in seen:
            seen.add(checked.content[k])
            new.append(k)
    duplicates = tuple(dataset.ids[k] for k in sorted(set(kept) - set(new)))
    if not new:
        return _Plan(None, fitted, (), duplicates, failures)
    chosen = dataset.take(np.array(new, np.intp))
    taken = set(map(str, _table(model).get("id", ())))
    ids = tuple(f"{name}@{opened.number}" if name in taken else name for name in chosen.ids)
    return _Plan(replace(chosen, ids=ids), fitted, tuple(checked.content[k] for k in new), duplicates, failures)


def _outcome(before: AnnotationModel, after: AnnotationModel, plan: _Plan) -> Taught:
    added = () if plan.chosen is None else plan.chosen.ids
    return Taught(
        after, "update", added=added, new_labels=after.task.labels[len(before.task.labels) :],
        duplicates=plan.duplicates, failures=plan.failures, chosen=False if added else None,
        notes=(*((KEPT,) if added else ()), *(() if plan.fitted else (UNKNOWN,))),
    )  # fmt: skip


def _judged(
    found: Taught, models: tuple[AnnotationModel, AnnotationModel], data: Dataset, plan: _Plan, reporter: Reporter
) -> Taught:
    """The outcome with the metrics of both models on test data, and how many of these the changed one was fitted on."""
    before, after = models
    found = replace(found, before=_evaluation(before, after, data), after=_evaluation(after, after, data))
    seen = fitted_on(plan.fitted.union(plan.contents), data, reporter, after)
    if not seen:
        return found
    tested = plural(len(data), f"test {ITEM_OF[after.task.kind]}")
    note = f"This model was fitted on {seen} of the {tested}, so these metrics are too good."
    reporter.warning(note)
    return replace(found, notes=(*found.notes, note))


def _evaluation(model: AnnotationModel, after: AnnotationModel, data: Dataset) -> Evaluation:
    """The metrics of a model on test data with the types of the changed one."""
    given = model.predict_readable(data.items)
    if given.failures:
        position, reason = next(iter(given.failures.items()))
        raise DataError(f"The test item '{data.ids[position]}' cannot be judged: {reason}")
    return ANNOTATING[after.task.kind].evaluate(data, given.found)


def _table(model: AnnotationModel) -> dict[str, list[Any]]:
    path = None if model.folder is None else model.folder / TABLE
    return {} if path is None or not path.is_file() else read_parquet(path).to_pydict()


def _write_table(folder: Path, *, opened: OpenedAnnotator, plan: _Plan) -> None:
    """The items of the fit with those that were added."""
    import pyarrow as pa
    from pyarrow import parquet

    table = {name: list(_table(opened.model).get(name, ())) for name in ("id", "part", "cluster", "content")}
    added = () if plan.chosen is None else plan.chosen.ids
    last = max(map(int, table["cluster"]), default=-1)
    table["id"] += added
    table["part"] += ["train"] * len(added)
    table["cluster"] += [last + 1 + k for k in range(len(added))]
    table["content"] += plan.contents
    parquet.write_table(pa.table(table), folder / TABLE)
