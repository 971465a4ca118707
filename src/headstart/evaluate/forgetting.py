"""Forgetting: how much of the source task a fine-tuned body has lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError, SourceError
from headstart.evaluate.intervals.bootstrap import paired_difference
from headstart.evaluate.intervals.shares import paired_shares, share_bounds
from headstart.heads import HeadSearch, select_head
from headstart.sources.bodies.source_classes import source_head
from headstart.tasks import is_classification
from headstart.types import Dataset, FeatureMatrix, Source

__all__ = ["Forgetting", "forgetting"]

FOLDS = 5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Forgetting:
    """How well a body solves its source task before and after fine-tuning.

    Attributes:
        how: how it was measured, in one sentence.
        measure: ``"accuracy"``, ``"agreement"`` or ``"cosine"``, each at most 1.
        before: the measure of the body before fine-tuning.
        after: the measure of the fine-tuned body, on the same items.
        lost: before minus after.
        low: lower bound of its 95% interval; nan for a single item.
        high: upper bound.

    Examples:
        >>> Forgetting("On 9 items.", "accuracy", 0.9, 0.6, 0.3, 0.1, 0.5).to_dict()["lost"]
        0.3
    """

    how: str
    measure: str
    before: float
    after: float
    lost: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | str | None]:
        """Plain values for JSON; None for nan."""
        return {name: None if value != value else value for name, value in vars(self).items()}  # noqa: PLR0124 (nan)


def forgetting(
    before: Source,
    after: Source,
    items: Sequence[Any],
    *,
    source_data: Dataset | None = None,
    seed: int = 0,
    engine: Engine = Engine(),
) -> Forgetting:
    """How much of the source task a fine-tuned body has lost.

    With labelled source data, forgetting is the loss of accuracy on them. It is the accuracy of the bodies' own source
    heads where these have the same classes in the same order, else of ridge heads that are fitted to the features
    before fine-tuning, by 5-fold cross-validation.

    Without source data, it is measured on the target items: by the share of items for which the prediction of the
    source head is unchanged, or, for bodies without a source head, by the mean cosine similarity of the last block's
    features before and after, both centred on the mean before.

    Args:
        before: the body before fine-tuning.
        after: the same body, fine-tuned.
        items: target items; used only where there are no source data.
        source_data: items of the source task with one label each, or None.
        seed: seed of the folds and the bootstrap; default 0.
        engine: how the bodies encode items; a source head runs in plain torch on the CPU.

    Raises:
        DataError: if there are no items, or the source data is of another task than classification.
        SourceError: if the two bodies give rows of different widths.

    References:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap (paired resamples).

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> found = forgetting(ToySource(), ToySource(), ["good", "bad", "fine"])
        >>> found.measure, round(found.lost, 6)
        ('cosine', 0.0)
    """
    if source_data is not None:
        return _on_source_data(before, after, source_data, seed, engine)
    if len(items) == 0:
        raise DataError("Forgetting is measured on items. Got none; give at least two.")
    answers = _both_logits(before, after, items)
    if answers is not None:
        same = (answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).astype(np.float64)
        how = f"Share of {len(items)} target items for which the source head's prediction is unchanged."
        return _compared(how, "agreement", np.ones(len(items)), same, seed)
    ours, theirs = _last_rows(before, items, engine), _last_rows(after, items, engine)
    _check_widths(before, ours, theirs)
    centre = ours.mean(axis=0)
    how = f"Mean cosine similarity to the last block's features before, on {len(items)} target items, centred."
    return _compared(how, "cosine", np.ones(len(items)), _cosines(ours - centre, theirs - centre), seed)


def _compared(how: str, measure: str, before: Array, after: Array, seed: int) -> Forgetting:
    lost = float(before.mean() - after.mean())
    if measure == "cosine":
        lost, low, high = paired_difference(before, after, seed=seed)
    elif measure == "agreement":  # all agree before by definition
        shares = share_bounds(after)
        low, high = 1 - shares[1], 1 - shares[0]
    else:
        low, high = paired_shares(before, after)
    return Forgetting(how, measure, float(before.mean()), float(after.mean()), lost, low, high)


def _on_source_data(before: Source, after: Source, data: Dataset, seed: int, engine: Engine) -> Forgetting:
    task, y = data.labelled()
    if not is_classification(task):
        raise DataError(
            f"Forgetting on source data is an accuracy, so they must be a classification. Got a {task.kind} instead."
        )
    answers = _both_logits(before, after, data.items)
    if answers is not None and _has_the_classes(answers[0], y, task.num_outputs):
        ours, theirs = ((logits.argmax(axis=1) == y).astype(np.float64) for logits in answers)
        how = f"Accuracy of the body's own source head on {len(data)} source items."
        return _compared(how, "accuracy", ours, theirs, seed)
    rows = [extract(source, data.items, engine=engine, on_error="raise").rows for source in (before, after)]
    _check_widths(before, *rows)
    ours, theirs = _cross_validated_hits(before, data, rows, seed)
    how = f"Accuracy on {len(data)} source items of ridge heads fitted to the features before, {FOLDS}-fold."
    return _compared(how, "accuracy", ours, theirs, seed)


def _has_the_classes(logits: FeatureMatrix, y: NDArray[np.int64], classes: int) -> bool:
    """Whether the source head has the classes of the labels, in their order; taken as so if it beats the majority."""
    if logits.shape[1] != classes:
        return False
    return bool((logits.argmax(axis=1) == y).mean() > np.bincount(y, minlength=classes).max() / len(y))


def _cross_validated_hits(before: Source, data: Dataset, rows: Sequence[Any], seed: int) -> tuple[Array, Array]:
    """Out-of-fold hits (n,) of ridge heads fitted to the features before: on the features before, and after."""
    task, y = data.labelled()
    folds = np.empty(len(y), np.intp)
    order = np.random.default_rng(seed).permutation(len(y))
    folds[order[np.argsort(y[order], kind="stable")]] = np.arange(len(y)) % FOLDS  # stratified by class
    hits = np.zeros((2, len(y)))
    for fold in range(FOLDS):
        seen, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(held) == 0 or len(np.unique(y[seen])) < task.num_outputs:
            raise DataError(
                f"{len(y)} source items are too few for {task.num_outputs} classes; give at least two of each class."
            )
        head = select_head(
            rows[0][seen], y[seen], task, blocks=before.info.blocks, search=HeadSearch(("ridge",)), seed=seed
        )
        for side in (0, 1):
            hits[side, held] = head.scores(rows[side][held]).argmax(axis=1) == y[held]
    return hits[0], hits[1]


def _both_logits(before: Source, after: Source, items: Sequence[Any]) -> tuple[FeatureMatrix, FeatureMatrix] | None:
    """The source heads' logits (n, source classes) of both bodies; None where one has no head or they differ."""
    run = source_head(before), source_head(after)
    if run[0] is None or run[1] is None:
        return None
    ours, theirs = run[0](items), run[1](items)
    return (ours, theirs) if ours.shape == theirs.shape else None


def _last_rows(source: Source, items: Sequence[Any], engine: Engine) -> Array:
    """The last block's rows (n, d)."""
    rows = extract(source, items, engine=engine, on_error="raise").rows
    width = source.info.blocks[-1].width if source.info.blocks else rows.shape[1]
    return np.asarray(rows[:, rows.shape[1] - width :], dtype=np.float64)


def _check_widths(before: Source, ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    if ours.shape[1] != theirs.shape[1]:
        raise SourceError(
            f"Forgetting compares a body before and after fine-tuning. Got rows of {ours.shape[1]} columns of "
            f"'{before.info.name}' and of {theirs.shape[1]} of the other; give two states of the same body."
        )


def _cosines(ours: Array, theirs: Array) -> Array:
    """Cosine similarity (n,) of each pair of rows; where a row is zero, 1 if both are equal, else 0."""
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    products = np.einsum("ij,ij->i", ours, theirs)
    equal = np.all(ours == theirs, axis=1).astype(np.float64)
    return np.asarray(np.where(lengths > 0, products / np.maximum(lengths, 1e-300), equal))
