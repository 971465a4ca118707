"""`explain`: why a model answered as it did, by one or several methods."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution, Explanation, PixelMap
from headstart.data import ReadOptions, align_columns
from headstart.engine.extract import extract
from headstart.errors import DataError, ParameterError
from headstart.explain.asking.contrast import Contrast, contrast_of
from headstart.explain.asking.item_pictures import picture_of, sound_of
from headstart.explain.asking.novelty import novelty_of
from headstart.explain.asking.query import Query, item_words
from headstart.explain.asking.training_rows import TrainingRows, encode_training, kept_training, with_items
from headstart.explain.registry import ALWAYS, DEFAULTS, METHODS, ExplanationMethod, check_known, refusal
from headstart.io import read_parquet
from headstart.model import TransferModel
from headstart.model.as_fitted import read_as_fitted, read_for
from headstart.params import check_number
from headstart.tasks import is_classification, is_regression, task_methods
from headstart.types import Dataset, Task

__all__ = ["ask", "explain", "training_of"]

OUTPUTS = 5  # of the largest outputs that an explanation lists
COUNT = 6  # training items on each side
PICTURE = 384  # pixels of the longer side of the item's own picture


def explain(
    model: TransferModel,
    item: Any,
    *,
    method: str | ExplanationMethod | Sequence[str | ExplanationMethod] | None = None,
    label: str | None = None,
    against: str | None = None,
    training: Any = None,
    count: int = COUNT,
    seed: int = 0,
) -> Explanation:
    """Explain the answer of a model for one item.

    Args:
        model: a fitted model.
        item: one item, as the model's ``predict`` takes them in a list; or a row of a table, as a Series, a mapping or
            a DataFrame of one row.
        method: names of methods (`headstart.explain.METHODS`), or methods with settings of their own; default: the one
            for this kind of item, the influence of the training items, the items most like it, and the layer profile,
            as far as the model allows.
        label: the label (or target) to explain; default: the answer.
        against: for classification, the label that it is compared with; default: the mean of all other labels.
        training: the data that the model was fitted on, in any form of ``fit``, or `TrainingRows`; default: the rows
            that the model keeps.
        count: how many training items are listed on each side; default 6.
        seed: of what a method draws; default 0.

    Returns:
        The explanation, which a notebook shows, and which `headstart.report.explanation_page` turns into a page.

    Raises:
        ItemError: if the item cannot be read.
        UnknownNameError: for an unknown method or label.
        ParameterError: for a method that does not fit the item or the model, or ``against`` without classes.
        DataError: if ``training`` are not the data of the fit.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["low"] * 10 + ["high"] * 10)
        >>> found = explain(fit(data, heads=["ridge"], verbose=False).model, rows[0], training=data)
        >>> found.predicted, found.methods
        ('low', ('linear_attribution', 'influence', 'similar'))
    """
    named = _named(method)
    check_number(count, "count", "explain", low=1)
    query = ask(model, item, label=label, against=against, training=training, count=int(count), seed=seed)
    chosen, notes = (named, []) if named else _default_methods(query)
    for one in named:
        reason = refusal(one, query)
        if reason:
            raise ParameterError(reason)
    found = tuple(_timed(one, query) for one in chosen)
    outputs = model.outputs(query.row)[0]
    is_shown = any(isinstance(one.shown, PixelMap) for one in found)
    is_picture = model.source.info.modality == "image"  # a text may be the path of a picture
    picture = picture_of(query.item, PICTURE) if is_picture and not is_shown else ""
    return Explanation(
        item_words(query.item), model.source.info.modality, f"{model.source.info.name}, {model.head.head}",
        _answer(outputs, model.task), query.contrast.label, query.contrast.against if model.task.num_outputs > 2
        else "", _largest(outputs, model.task), found, picture, tuple(notes),
        sound_of(query.item) if model.source.info.modality == "audio" else "", novelty_of(query, outputs),
        is_regression(model.task),
    )  # fmt: skip


def ask(
    model: TransferModel,
    item: Any,
    *,
    label: str | None = None,
    against: str | None = None,
    training: Any = None,
    count: int = COUNT,
    seed: int = 0,
) -> Query:
    """The question that methods answer; the item is encoded as the model predicts.

    Args:
        model: as in `explain`.
        item: as in `explain`.
        label: as in `explain`.
        against: as in `explain`.
        training: as in `explain`.
        count: as in `explain`.
        seed: as in `explain`.

    Raises:
        ItemError: if the item cannot be read.
        UnknownNameError: for an unknown label.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> query = ask(fit((rows, ["low"] * 10 + ["high"] * 10), verbose=False).model, rows[0])
        >>> query.contrast.label
        'low'
    """
    item = _as_item(model, item)
    rows = np.asarray(extract(model.source, [item], engine=model.engine, on_error="raise").rows[:])
    outputs = model.outputs(rows)[0]
    contrast = _contrast(model.task, outputs, label, against)
    return Query(model, item, rows, contrast, training_of(model, training), count, seed)


def training_of(model: TransferModel, training: Any) -> TrainingRows | None:
    """The training rows of a model: those that it keeps, with the items given; else those of the items given.

    Args:
        model: the model.
        training: as in `explain`.

    Raises:
        DataError: if they cannot be read, or are not the data of the fit.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["low"] * 10 + ["high"] * 10)
        >>> len(training_of(fit(data, verbose=False).model, data))
        20
    """
    if isinstance(training, TrainingRows):
        return training
    kept = kept_training(model)
    if training is None:
        return kept
    dataset = training if isinstance(training, Dataset) else read_for(model, training, ReadOptions())
    return encode_training(model, _of_the_fit(model, dataset)) if kept is None else with_items(kept, dataset)


def _as_item(model: TransferModel, item: Any) -> Any:
    """The item that a row of a table stands for; any other item as it is."""
    package = type(item).__module__.partition(".")[0]
    if package != "pandas" and not isinstance(item, Mapping):
        return item
    if isinstance(item, Mapping) and model.source.info.modality in ("image", "audio"):
        return item  # a picture or sound with its bytes, as datasets hold them
    import pandas as pd

    table = item if isinstance(item, pd.DataFrame) else pd.DataFrame([dict(item)])
    if len(table) != 1:
        raise DataError(f"One item is explained at a time. Got a table of {len(table)} rows; give one of them.")
    dataset = read_as_fitted(table, model, ReadOptions.of(modality=model.source.info.modality, labelled=False))
    return align_columns(dataset, model.columns).items[0]


def _of_the_fit(model: TransferModel, dataset: Dataset) -> Dataset:
    """The items that the head was fitted on, by their names in the run folder; all of them without a folder."""
    table = None if model.folder is None else model.folder / "splits.parquet"
    if table is None or not table.is_file():
        return dataset
    wanted = _fitted_ids(table)
    kept = [place for place, name in enumerate(dataset.ids) if name in wanted]
    if not kept:
        raise DataError(
            f"None of the {len(dataset)} items of {dataset.origin or 'the data'} is a training item of "
            f"'{model.folder}'; give the data that it was fitted on."
        )
    return dataset.take(kept)


def _fitted_ids(table: Path) -> frozenset[str]:
    columns = read_parquet(table, ["id", "part"]).to_pydict()
    return frozenset(
        str(name)
        for name, part in zip(columns["id"], columns["part"], strict=True)
        if part == "train" or str(part).startswith("fold")
    )


def _named(method: str | ExplanationMethod | Sequence[str | ExplanationMethod] | None) -> list[ExplanationMethod]:
    if method is None:
        return []
    given = [method] if isinstance(method, str | ExplanationMethod) else list(method)
    found = [one if isinstance(one, ExplanationMethod) else check_known(one) for one in given]
    if not found:
        raise ParameterError("The 'method' parameter of explain must name at least one method, or be left out.")
    return found


def _default_methods(query: Query) -> tuple[list[ExplanationMethod], list[str]]:
    """The first method of the item's kind whose needs are met, those that are always used, and what was left out."""
    found, notes = [], []
    for name in DEFAULTS[query.model.source.info.modality]:
        reason = refusal(METHODS[name], query)
        if not reason:
            found.append(METHODS[name])
            break
        notes.append(reason)
    for name in ALWAYS:
        method = METHODS[name]
        reason = refusal(method, query)
        if not reason:
            found.append(method)
        elif name == "influence":
            notes.append(reason)
    if not found:
        raise ParameterError(f"No method explains this answer. {notes[0] if notes else ''}".strip())
    return found, notes


def _timed(method: ExplanationMethod, query: Query) -> Attribution:
    began = time.perf_counter()
    found = method(query)
    return replace(found, seconds=time.perf_counter() - began)


def _contrast(task: Task, outputs: NDArray[np.float64], label: str | None, against: str | None) -> Contrast:
    if label is None:
        label = task.labels[0] if is_regression(task) else task.labels[int(outputs.argmax())]
    return contrast_of(task, str(label), None if against is None else str(against))


def _answer(outputs: NDArray[np.float64], task: Task) -> str:
    decoded = task_methods(task).decode(outputs[None], task)[0]
    if isinstance(decoded, list):
        return ", ".join(f"{one:.4g}" if isinstance(one, float) else str(one) for one in decoded) or "(none)"
    return f"{decoded:.4g}" if isinstance(decoded, float) else str(decoded)


def _largest(outputs: NDArray[np.float64], task: Task) -> dict[str, float]:
    order = np.argsort(-outputs, kind="stable") if is_classification(task) else np.arange(len(outputs))
    return {task.labels[int(k)]: float(outputs[k]) for k in order[:OUTPUTS]}
