"""Drift: whether new items still come from the distribution of the items of a fit, in what they differ, and what to do.

The items are compared as the head sees them, in features of the model's own body, with the training items that the run
keeps. What is measured is in `headstart.evaluate.shift`, and one p-value is corrected for all of it.

Reference: Rabanser, Günnemann & Lipton, "Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift",
NeurIPS 2019.

Command: headstart drift RUN NEW
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, align_columns, audit, union_groups
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.model.as_fitted import check_any_left, read_as_fitted
from headstart.params import check_number
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.wording import plural
from headstart.tasks import base_dataset
from headstart.transfer.annotating.run import open_annotator
from headstart.transfer.drifting.compare_samples import LEVEL, DriftOptions, compare_samples
from headstart.transfer.drifting.result import Drift
from headstart.transfer.drifting.sample import Sample, kept_reference, mapped_rows, why_no_reference
from headstart.transfer.run import Run, open_model
from headstart.transfer.stages.run_folder import fitted_contents
from headstart.types import Dataset

__all__ = ["drift"]

MANY = 0.1  # share of copies of training items that is worth a warning


def drift(
    model: TransferModel | Run | str | Path,
    data: Any,
    *,
    reference: Any = None,
    level: float = LEVEL,
    item: str | Sequence[str] | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    permutations: int = 499,
    seed: int = 0,
    engine: Engine | None = None,
    verbose: bool = False,
    reporter: Reporter | None = None,
) -> Drift:
    """Compare new items with those of a fit.

    Args:
        model: a model, a run, or the folder of one.
        data: at least ten new items: a list, folder, table, DataFrame or dataset. Labels in them are not read.
        reference: items to compare with, as ``data``; default: the training items that the run keeps. Needed for a
            model whose body was fine-tuned, since the features of its training items are unlike those of any new ones.
        level: without any shift, the probability that one is reported, whatever was looked at; default 0.05.
        item: column of texts or paths; default: that of the fit.
        group_col: column of groups (patient, speaker, site); items of one group are not independent of each other, and
            each group is compared by itself too.
        group_pattern: a regular expression that captures the group of an item from its name.
        permutations: random assignments for each p-value; default 499.
        seed: of all random numbers; default 0.
        engine: how items are encoded; default: that of the model.
        verbose: whether to report progress and results.
        reporter: receives the reports instead.

    Returns:
        The measures with their p-values, and what to do in one sentence.

    Raises:
        DataError: if there are fewer than ten items on a side, they are not of the kind that the model reads, or there
            is nothing to compare them with.
        ItemError: if no item can be read.
        ParameterError: if a parameter is outside of its range.

    Examples:
        >>> import headstart
        >>> rows = np.random.default_rng(0).normal(size=(150, 3))
        >>> run = headstart.fit((rows[:100], rows[:100, 0] > 0), baselines="none", verbose=False)
        >>> drift(run, rows[100:], permutations=99).verdict
        'none'
        >>> drift(run, rows[100:] + [0, 2, 0], permutations=99).columns[0].name
        'column 1'
    """
    check_number(level, "level", "drift", low=0, high=0.5, open_low=True)
    check_number(permutations, "permutations", "drift", low=19, integer=True)
    reporter = chosen_reporter(reporter, verbose=verbose)
    if open_annotator(model, engine) is not None:
        raise DataError(
            "Drift is measured for models that give one answer for each item, and this one marks parts of items; give "
            "a run of a classification, a multi-label task or a regression."
        )
    opened, folder = open_model(model, engine)
    kept = None if reference is not None else kept_reference(opened)
    if kept is None and reference is None:
        raise DataError(
            f"{why_no_reference(opened)}; name items to compare with by --reference DATA, which the model was not "
            "fitted on."
        )
    asked = ReadOptions.of(
        label=opened.label_columns, item=item, group_col=group_col, group_pattern=group_pattern, labelled=False,
        modality=opened.source.info.modality,
    )  # fmt: skip
    if kept is None:
        kept = _encoded(opened, reference, asked, frozenset(), reporter).sample
        kept = replace(kept, outputs=None)  # they may be items of the fit, for which the model is too sure
    given = _encoded(opened, data, asked, fitted_contents(folder) if folder is not None else frozenset(), reporter)
    options = DriftOptions(level, permutations, seed, _column_names(opened), given.groups)
    with reporter.progress("comparing"):
        found = compare_samples(kept, given.sample, opened.task, options, ids=given.ids)
    return replace(found, failures=given.failures, notes=(*given.notes, *found.notes))


@dataclass(frozen=True, eq=False)
class _Encoded:
    """The items of one side, as a sample and by name."""

    sample: Sample
    ids: tuple[str, ...]
    groups: list[str] | None
    failures: Mapping[str, str]
    notes: tuple[str, ...] = ()


def _encoded(
    model: TransferModel, data: Any, asked: ReadOptions, fitted: frozenset[str], reporter: Reporter
) -> _Encoded:
    """Read and encode items; copies of training items are counted."""
    dataset = data if isinstance(data, Dataset) else _read(model, data, asked)
    for note in dataset.notes:
        reporter.line("read", note)
    with reporter.progress("encoding") as step:
        found = extract(model.source, dataset.items, engine=model.engine, progress=step)
    check_any_left(len(found.index), dataset.ids, found.failures)
    failures = {dataset.ids[position]: reason for position, reason in found.failures.items()}
    for name, reason in failures.items():
        reporter.warning(f"Set aside {name}: {reason}")
    used = dataset.take(found.index)
    new, units, copies = _units(model, used, fitted, reporter)
    used, rows = used.take(new), mapped_rows(model, found.rows)[new]
    sample = Sample(rows, model.outputs(found.rows)[new], None, units, used.groups is not None)
    groups = None if used.groups is None else [str(name) for name in used.groups]
    said = f"{plural(copies, 'new item is a copy', 'new items are copies')} of training items, which can hide a shift."
    return _Encoded(sample, used.ids, groups, failures, (said,) if copies > MANY * len(used) else ())


def _read(model: TransferModel, data: Any, options: ReadOptions) -> Dataset:
    modality = model.source.info.modality
    dataset = read_as_fitted(data, model, options)
    if dataset.modality != modality:
        raise DataError(
            f"The data hold {dataset.modality} items, but the model reads {modality} items; give {modality} items, or "
            "another model."
        )
    return align_columns(dataset, model.columns)


def _units(
    model: TransferModel, dataset: Dataset, fitted: frozenset[str], reporter: Reporter
) -> tuple[NDArray[np.intp], NDArray[np.int64] | None, int]:
    """Positions of the items that are not empty, the units of these, and how many are copies of training items.

    Near duplicates belong together, except among rows of numbers, where equal rows may be different items.
    """
    every, groups = np.arange(len(dataset)), dataset.group_codes
    if dataset.modality == "vector":
        return every, groups, 0
    with reporter.progress("looking for near duplicates") as step:
        read_all = kept_sketches(dataset.modality, step, cache=model.engine.cache)
        checked = audit(base_dataset(dataset), sketch_all=read_all)
    copies = sum(content in fitted for content in checked.content)
    kept = np.flatnonzero(checked.keep)
    units = union_groups(groups, checked.clusters)[kept]
    alone = groups is None and len(np.unique(units)) == len(units)
    return kept, None if alone else np.unique(units, return_inverse=True)[1].astype(np.int64), copies


def _column_names(model: TransferModel) -> list[str]:
    """Names of the columns of the head's rows, where the model is one of a table of numbers."""
    chosen = model.head.feature_map
    if model.source.info.modality != "vector" or "unit_norm" in chosen.block_scalings or len(chosen.blocks) != 1:
        return []
    start, stop = chosen.blocks[0]
    positions = np.arange(start, stop)[chosen.columns] if chosen.columns.size else np.arange(start, stop)
    named = model.columns if len(model.columns) == chosen.num_inputs else ()
    return [named[k] if named else f"column {k}" for k in positions.tolist()]
