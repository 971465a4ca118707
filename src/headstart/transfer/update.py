"""Exact updates: a model that is also fitted on new items and new classes, as if they had been in its training data.

The sums that determine a closed-form head are added, so no training item is encoded again and any order or batching of
updates gives the same model. λ and calibration are chosen anew where the rows of the training items are at hand.

Reference: Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician 1983.

Command: headstart update RUN NEW
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from headstart.data import ReadOptions
from headstart.engine.options import Engine
from headstart.engine.pipeline.kept_rows import row_keys
from headstart.model import AnnotationModel, TransferModel, Updater
from headstart.model.as_fitted import part_of, read_for
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.wording import name_some, plural
from headstart.tasks import is_multilabel, task_methods
from headstart.transfer.annotating.run import AnnotationRun
from headstart.transfer.annotating.update import open_to_update, update_annotations
from headstart.transfer.run import Run
from headstart.transfer.teaching.drift import drift_of
from headstart.transfer.teaching.known_items import (
    KEYS,
    KnownItems,
    NewItems,
    codes_of,
    known_items,
    labels_of,
    new_items,
    write_known,
)
from headstart.transfer.teaching.outcome import Taught, report_change
from headstart.transfer.teaching.steps import (
    EncodedItems,
    Opened,
    encoded_items,
    fitted_of,
    moved_note,
    open_for_change,
    read_test,
    timed,
)
from headstart.types import Dataset, Modality, TaskKind

__all__ = ["update"]


def update(
    model: TransferModel | Run | AnnotationModel | AnnotationRun | str | Path,
    data: Any,
    *,
    test: Any = None,
    relabel: bool = False,
    choose: bool = True,
    split: str | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    annotations: str | None = None,
    engine: Engine | None = None,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
    about: Mapping[str, Any] | None = None,
    opened: TransferModel | None = None,
) -> Taught:
    """Fit a model on further items too, exactly, and keep it as the next version of its run folder.

    Copies of items of the fit are not counted twice. An item with the content of one of the fit and another label is
    left out and named, unless it is a correction (``relabel``). Labels that the model does not have become new classes;
    those of a multi-label model, further labels, which no item of the fit counts as having.

    Args:
        model: a run folder, or a run that has one; a model in memory gives a new model, and nothing is written. A model
            that annotates items keeps λ and all other choices.
        data: labelled data, as in `fit`, or a `headstart.types.Dataset` that is coded by the labels of the model.
        test: labelled data on which the model is judged before and after; default: none.
        relabel: whether an item with the content of one of the fit and another label corrects that label.
        choose: whether λ and calibration are chosen anew, where the rows of all items are at hand.
        split: the part of data that have a split; default: train, if there is one, else all.
        label: as in `fit`; default: the columns that the model was fitted on.
        item: as in `fit`; default: the columns that the model was fitted on.
        task: as in `fit`; default: that of the model.
        modality: as in `fit`.
        group_col: column of groups of the test data, which are resampled together.
        group_pattern: as in `fit`.
        time_col: column of times.
        annotations: format of annotations and its settings where they cannot be told from the files, such as
            ``"conll,scheme=BILOU"``; see `headstart.data.read`.
        engine: how items are encoded.
        verbose: whether to report progress and results.
        reporter: receives the reports instead.
        command: the command line, for the record.
        about: further JSON values that the description of the version keeps.
        opened: the version in force of the run folder where it is open already, so that it is not loaded again.

    Returns:
        The new model and its version, what was added, and what changed.

    Raises:
        DataError: if the data cannot be used or do not fit the model, or the model cannot be updated.
        ItemError: if no item can be read.
        SaveError: if the version cannot be written, or another process is writing one.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, (["low"] * 3 + ["high"] * 3) * 3
        >>> fitted = headstart.fit((rows, labels), heads=("lda",), baselines="none", verbose=False)
        >>> run = fitted.save(tempfile.mkdtemp())
        >>> found = update(run, ([[1.0], [1.1], [0.1], [2.0]], ["mid", "mid", "low", "low"]), verbose=False)
        >>> found.sentence, found.new_labels, len(found.duplicates), len(found.contradictions)
        ('2 items were added; 1 class is new.', ('mid',), 1, 1)
        >>> headstart.load(run).predict([[1.05]]), headstart.load(run, version=1).predict([[1.05]]) == ["mid"]
        (['mid'], False)
    """
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=annotations,
    )  # fmt: skip
    reporter, clock = chosen_reporter(reporter, verbose=verbose), timed()
    if (annotating := open_to_update(model, engine)) is not None:
        return update_annotations(
            annotating, data, reading, reporter, test=test, relabel=relabel, split=split, command=command, about=about
        )
    with clock("read"):
        base = open_for_change(cast("TransferModel | Run | str | Path", model), engine, opened=opened)
        updater, known = Updater(base.model), known_items(base.model)
        is_read = isinstance(data, Dataset)
        dataset = data if is_read else _part(read_for(base.model, data, reading, new_labels=True), split)
        for note in dataset.notes:
            reporter.line("read", note)
    with clock("encode"):
        given = encoded_items(base.model, dataset, reporter)
        plan = _planned(base, known, given, relabel=relabel)
    with clock("solve"):
        _solve(updater, base.model, known, plan)
        anew = (updater.choose() if choose else None) if plan.changes else None
        if plan.changes and not choose:
            updater.complete()
    found = replace(
        _outcome(base.model, updater, plan, anew), failures=given.failures, chosen=anew,
        drift=drift_of(base.model, plan.chosen.dataset, plan.chosen.rows),
    )  # fmt: skip
    if test is not None:
        with clock("judge"):
            judge = read_test(updater.model, test, reading, None, reporter).judged
            found = replace(found, before=judge(base.model), after=judge(updater.model))
    if plan.changes:
        with clock("write"):
            noted = {**(about or {}), **found.noted(command, clock.seconds)}
            write = partial(_write_table, known=known, plan=plan)
            found = replace(found, version=base.write(found.model, noted, write))
    found = replace(found, seconds=dict(clock.seconds))
    _report(found, reporter)
    return found


def _part(dataset: Dataset, split: str | None) -> Dataset:
    wanted = split
    if split is None and dataset.split is not None:
        wanted = "train" if "train" in dataset.split else "all"
    return part_of(dataset, wanted)[0]


@dataclass(frozen=True, eq=False)
class _Teaching:
    """The items that count, and what becomes of the others.

    Attributes:
        sorted: the given items, sorted into new ones, copies and contradictions.
        chosen: the items that count: the new ones, then the relabelled ones.
        labels: their labels in words.
        replaced: positions in the table of the fit of the items that the relabelled ones replace.
        replaced_names: their ids.
        notes: what was renamed.
    """

    sorted: NewItems
    chosen: EncodedItems
    labels: list[str]
    replaced: list[int]
    replaced_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.labels)


def _planned(opened: Opened, known: KnownItems, given: EncodedItems, *, relabel: bool) -> _Teaching:
    task, y = given.dataset.labelled()
    words = labels_of(task, y)
    found = new_items(known, given.dataset.ids, given.contents, words, relabel=relabel)
    positions = [*found.added, *found.relabelled]
    chosen = given.take(positions)
    taken = set(map(str, known.table["id"]))
    ids = tuple(f"{name}@{opened.number}" if name in taken else name for name in chosen.dataset.ids)
    # a row's number says nothing, so a reader need not know that there is one of the same number
    renamed = sum(one != other and not other.isdecimal() for one, other in zip(ids, chosen.dataset.ids, strict=True))
    notes: tuple[str, ...] = ()
    if renamed:
        said = "1 new item has" if renamed == 1 else f"{renamed} new items have"
        notes = (f"{said} the name of an item of the fit, so '@{opened.number}' was added to the new name.",)
    chosen = replace(chosen, dataset=replace(chosen.dataset, ids=ids))
    replaced = [known.contents[given.contents[k]] for k in found.relabelled]
    names = tuple(str(known.table["id"][k]) for k in replaced)
    return _Teaching(found, chosen, [words[k] for k in positions], replaced, names, notes)


def _solve(updater: Updater, model: TransferModel, known: KnownItems, plan: _Teaching) -> None:
    """Take the old labels of corrected items out, and all items that count in."""
    if plan.replaced:
        old = codes_of(model.task, [str(known.table["label"][k]) for k in plan.replaced])
        rows = plan.chosen.rows[len(plan.sorted.added) :]
        fitted = fitted_of(model, plan.replaced_names)
        updater.forget_mapped(np.asarray(model.head.feature_map(rows)), old, fitted=fitted)
    if plan.changes:
        task, y = plan.chosen.dataset.labelled()
        methods = task_methods(task)
        labels = methods.decode(methods.targets(y, task.num_outputs), task)
        updater.update_rows(plan.chosen.rows[:], labels, plan.chosen.dataset.ids)


def _outcome(before: TransferModel, updater: Updater, plan: _Teaching, anew: bool | None) -> Taught:
    model, found, names = updater.model, plan.sorted, plan.chosen.dataset.ids
    penalty = before.head.lam, model.head.lam
    return Taught(
        model, "update", added=names, removed=plan.replaced_names, relabelled=names[len(found.added) :],
        new_labels=tuple(name for name in model.task.labels if name not in before.task.labels),
        duplicates=tuple(found.duplicates), contradictions=found.contradictions,
        penalty=penalty if np.isfinite(penalty).all() else None,
        notes=(*plan.notes, *_notes(before, updater, plan, anew)),
    )  # fmt: skip


def _notes(before: TransferModel, updater: Updater, plan: _Teaching, anew: bool | None) -> list[str]:
    found = []
    if plan.sorted.unknown:
        found.append(
            f"{plural(plan.sorted.unknown, 'item is a copy', 'items are copies')} of items of the fit, whose labels "
            "are not kept; they were left out, even if their label is another one."
        )
    if not plan.changes:
        return found
    new = updater.model.task.labels[before.task.num_outputs :]
    if new and is_multilabel(before.task):
        found.append(f"No item of the fit counts as {name_some(new)}; give those that are, with --relabel.")
    if not updater.exact:
        found.append(
            f"The '{updater.model.head.head}' head has no exact update; it was fitted again on the rows of all items."
        )
    elif anew is False:
        found.append("The rows of the training items are not at hand, so λ and calibration are those of the fit.")
    if updater.model.certainty is None:
        found.append("No left-out scores can be computed without these rows, so no coverage can be promised any more.")
    note = moved_note(before, "update")
    return found + ([note] if note else [])


def _write_table(folder: Path, known: KnownItems, plan: _Teaching) -> None:
    dataset = plan.chosen.dataset
    write_known(
        folder, known, without=plan.replaced, dataset=dataset, contents=plan.chosen.contents, labels=plan.labels,
        keys=row_keys(dataset.items, dataset.modality) if KEYS in known.table else (),
    )  # fmt: skip


def _report(found: Taught, reporter: Reporter) -> None:
    if found.duplicates:
        copies = plural(len(found.duplicates), "copy", "copies")
        reporter.line("copies", f"{copies} not counted again: {name_some(found.duplicates)}")
    for name, other in list(found.contradictions.items())[:10]:
        reporter.warning(f"'{name}' was left out: '{other}' has the same content and another label.")
    if len(found.contradictions) > 10:
        reporter.warning(f"{len(found.contradictions) - 10} more items were left out for another label.")
    if found.contradictions and not found.relabelled:
        reporter.line("", "with --relabel, the new labels count instead")
    if found.drift is not None:
        (reporter.warning if found.drift.differs else partial(reporter.line, "drift"))(found.drift.sentence)
    reporter.result("update", found.sentence)
    report_change(found, reporter)
