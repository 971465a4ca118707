"""Active learning: the unlabelled items whose label would help a model most.

What is computed is in `headstart.transfer.suggestions.choice`.

Reference: Settles, "Active Learning Literature Survey", University of Wisconsin 2009.

Command: headstart suggest RUN UNLABELLED --n 50
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, align_columns, audit
from headstart.data.table.several_columns import parse_column
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.model.as_fitted import check_any_left, read_as_fitted
from headstart.params import check_number
from headstart.reporting import Reporter, chosen_reporter
from headstart.rows import take_rows
from headstart.tasks import base_dataset
from headstart.transfer.run import Run, open_model
from headstart.transfer.stages.run_folder import fitted_contents
from headstart.transfer.suggestions.choice import Pool, check_enough, suggest_rows
from headstart.transfer.suggestions.label_studio import Answering
from headstart.transfer.suggestions.result import Suggestions
from headstart.types import Dataset

__all__ = ["suggest"]

EMPTY = "It is empty."
NUMBERS = 8  # values of a row that are shown


def suggest(
    model: TransferModel | Run | str | Path,
    data: Any,
    *,
    n: int = 50,
    item: str | Sequence[str] | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    seed: int = 0,
    engine: Engine | None = None,
    verbose: bool = False,
    reporter: Reporter | None = None,
) -> Suggestions:
    """The unlabelled items whose label would help the model most, the most helpful first.

    An item counts for the predictive variance that its label removes from items that the model is undecided about,
    times how undecided the model is about the item itself (`headstart.transfer.suggestions.choice`). Near duplicates of
    training items or of a suggested item are skipped.

    Args:
        model: a model, a run, or the folder of one.
        data: unlabelled items: a list, folder, table, DataFrame or dataset, or a `headstart.types.Dataset`. Labels in
            them are not read.
        n: how many to suggest; default 50.
        item: column of texts or paths; default: that of the fit.
        group_col: column of groups (patient, speaker, site), of which each gives at most twice its share.
        group_pattern: a regular expression that captures the group of an item from its name.
        seed: of the sample of the pool that counts, if it has more than 2,000 items.
        engine: how items are encoded; default: that of the model.
        verbose: whether to report progress and results.
        reporter: receives the reports instead.

    Returns:
        The suggestions.

    Raises:
        DataError: if there are fewer items than ``n``, or they are not of the kind that the model reads.
        ItemError: if no item can be read.
        ParameterError: if ``n`` is not a positive integer.

    Examples:
        >>> import headstart
        >>> texts = ["good film", "a good one", "bad film", "a bad one"] * 5
        >>> run = headstart.fit((texts, ["+", "+", "-", "-"] * 5), source="toy", baselines="none", verbose=False)
        >>> found = suggest(run, ["so good", "so very good", "what a bad film", "neither nor", "good film"], n=2)
        >>> len(found), found.pool
        (2, 5)
    """
    check_number(n, "n", "suggest", low=1, integer=True)
    reporter = chosen_reporter(reporter, verbose=verbose)
    opened, folder = open_model(model, engine)
    asked = ReadOptions.of(
        label=opened.label_columns, item=item, group_col=group_col, group_pattern=group_pattern, labelled=False,
        modality=opened.source.info.modality,
    )  # fmt: skip
    dataset = data if isinstance(data, Dataset) else _read(opened, data, asked)
    for note in dataset.notes:
        reporter.line("read", note)
    check_enough(len(dataset), n)
    with reporter.progress("encoding") as step:
        encoded = extract(opened.source, dataset.items, engine=opened.engine, progress=step)
    check_any_left(len(encoded.index), dataset.ids, encoded.failures)
    failures = {dataset.ids[position]: reason for position, reason in encoded.failures.items()}
    pool, kept = _pool(opened, dataset.take(encoded.index), folder, reporter)
    index = encoded.index[kept]
    failures |= {dataset.ids[position]: EMPTY for position in np.setdiff1d(encoded.index, index).tolist()}
    for name, reason in failures.items():
        reporter.warning(f"Set aside {name}: {reason}")
    check_enough(len(index), n, lost=f" ({len(failures)} cannot be read)" if failures else "")
    with reporter.progress("choosing"):
        found = suggest_rows(opened, take_rows(encoded.rows, kept), n, pool=pool, seed=seed)
    moved = tuple(replace(one, index=int(index[one.index])) for one in found.items)
    chosen = tuple(dataset.items[one.index] for one in moved)
    return replace(found, items=moved, failures=failures, chosen=chosen, about=_about(opened, folder))


def _read(model: TransferModel, data: Any, options: ReadOptions) -> Dataset:
    modality = model.source.info.modality
    dataset = read_as_fitted(data, model, options)
    if dataset.modality != modality:
        raise DataError(
            f"The data hold {dataset.modality} items, but the model reads {modality} items; give {modality} items, or "
            "another model."
        )
    return align_columns(dataset, model.columns)


def _pool(
    model: TransferModel, dataset: Dataset, folder: Path | None, reporter: Reporter
) -> tuple[Pool, NDArray[np.intp]]:
    """What is known of the items, and the positions of those that are not empty.

    Near duplicates among the items come from the audit, exact copies of training items from the digests of the run.
    """
    fitted = frozenset() if folder is None else fitted_contents(folder)
    with reporter.progress("looking for near duplicates") as step:
        read_all = kept_sketches(dataset.modality, step, cache=model.engine.cache)
        checked = audit(base_dataset(dataset), sketch_all=read_all)
    copies = np.array([content in fitted for content in checked.content])
    # what is nearly a copy of a training item that is in the pool too
    copies |= np.isin(checked.clusters, checked.clusters[copies])
    kept = np.flatnonzero(checked.keep)
    used = dataset.take(kept)
    shown = [_shown(one) for one in used.items]
    return Pool(used.ids, shown, copies[kept], checked.clusters[kept], used.groups), kept


def _shown(item: object) -> str:
    """An item as text: a text, a path, or the first numbers of a row; empty for any other kind of item."""
    if isinstance(item, str | os.PathLike):
        return os.fspath(item)
    if isinstance(item, np.ndarray) and item.ndim == 1:
        return ", ".join(f"{value:.4g}" for value in item[:NUMBERS].tolist()) + (", ..." if len(item) > NUMBERS else "")
    if isinstance(item, tuple | list):
        return " | ".join(_shown(part) or str(part) for part in item)
    return ""


def _about(model: TransferModel, folder: Path | None) -> Answering:
    """What is labelled, for Label Studio."""
    modality, columns = model.source.info.modality, {}
    if modality == "multimodal":
        columns = {column.name: column.kind for column in map(parse_column, model.columns)}
    version = model.source.info.name if folder is None else folder.resolve().name
    return Answering(model.task, modality, version, columns)
