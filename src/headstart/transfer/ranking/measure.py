"""What one source is worth for one sample of labelled items: left-out losses of solved heads and of neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.evaluation import Metric
from headstart.heads import FittedHead, select_head
from headstart.scores import SCORES, nearest_neighbours
from headstart.scores.inputs import draw_rows
from headstart.scores.registry import SOURCE_SCORES
from headstart.sources.bodies.source_classes import source_probabilities
from headstart.tasks import is_classification
from headstart.transfer.ranking.figures import mean_with_interval, merit_with_interval
from headstart.transfer.ranking.profile import BlockWorth, transfer_profile
from headstart.types import Block, Rows, Source, Task, group_codes

__all__ = ["Measured", "Question", "measure", "source_scores"]

MAX_SCORED = 20_000  # rows among which neighbours are looked for, and on which the further scores are made
MAX_BY_HEAD = 2000  # items on which a source's own head runs, in plain torch


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of every source.

    Attributes:
        task: the label schema.
        y: labels of all items as in `Dataset`.
        groups: (n,) integer codes of items that are left out together; None where every item stands alone.
        scores: names of further scores.
        profile: whether each block is scored alone.
        seed: of draws and resamples.

    Examples:
        >>> Question(Task("classification", ("a", "b")), np.array([0, 1]), None).scores
        ()
    """

    task: Task
    y: NDArray[Any]
    groups: NDArray[np.int64] | None
    scores: tuple[str, ...] = ()
    profile: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Measured:
    """What a source is worth for a sample.

    Attributes:
        items: on how many items it was fitted.
        index: (m,) positions of the items with losses, ascending.
        losses: (m,) left-out loss of each, of the best solved head.
        loss: their mean, with its interval.
        merit: left-out accuracy, share of right labels, or R².
        head: name of that head.
        features: what it reads, such as ``"all 7 blocks"``.
        neighbours: left-out log-loss of nearest neighbours; None where there are no classes.
        neighbours_accuracy: their left-out accuracy, or None.
        scores: further scores by name; nan for one that the source lacks the head for.
        profile: what each block is worth alone; empty where that was not asked.
    """

    items: int
    index: NDArray[np.intp]
    losses: NDArray[np.float64]
    loss: Metric
    merit: Metric
    head: str
    features: str
    neighbours: float | None
    neighbours_accuracy: float | None
    scores: Mapping[str, float]
    profile: tuple[BlockWorth, ...]


def measure(rows: Rows, used: NDArray[np.intp], blocks: tuple[Block, ...], question: Question) -> Measured:
    """Score a source's rows.

    Args:
        rows: (n, d) features.
        used: (n,) positions of their items.
        blocks: the source's blocks; empty for rows as they are.
        question: labels of all items, and what is asked.

    Examples:
        >>> y = np.arange(20) % 2
        >>> rows = np.column_stack([1.0 - y, y]) + np.arange(40).reshape(20, 2) / 400
        >>> asked = Question(Task("classification", ("a", "b")), y, None)
        >>> found = measure(rows, np.arange(20), (), asked)
        >>> found.merit.value, found.neighbours_accuracy
        (1.0, 1.0)
    """
    task, y, seed = question.task, question.y[used], question.seed
    groups = _together(question.groups, used)
    fitted = select_head(rows, y, task, blocks=blocks, groups=groups, seed=seed)
    evidence = fitted.evidence
    assert evidence is not None  # noqa: S101 (a head that was just chosen has the evidence of its choice)
    resampled = None if groups is None else groups[evidence.index]
    few, own = _few(rows, groups, fitted, seed)
    near = nearest_neighbours(few, y[own], groups=_part(groups, own), seed=seed) if _has_classes(task, y[own]) else None
    return Measured(
        items=len(used),
        index=used[evidence.index],
        losses=evidence.losses,
        loss=mean_with_interval(evidence.losses, resampled, seed),
        merit=merit_with_interval(task, evidence.outputs, y[evidence.index], resampled, seed),
        head=fitted.head,
        features=fitted.feature_map.name,
        neighbours=None if near is None else -near.log_likelihood,
        neighbours_accuracy=None if near is None else near.accuracy,
        scores={
            name: SCORES[name](few, y[own], task, groups=_part(groups, own), seed=seed)
            for name in question.scores
            if name in SCORES
        },
        profile=transfer_profile(rows, y, task, blocks, groups, seed=seed) if question.profile and blocks else (),
    )


def _few(
    rows: Rows, groups: NDArray[np.int64] | None, fitted: FittedHead, seed: int
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The rows that the chosen head reads, of at most 20,000 items, and which these are."""
    codes = None if groups is None else group_codes(groups, len(rows))
    own = draw_rows(len(rows), MAX_SCORED, seed, codes)
    return fitted.feature_map(rows[:] if len(own) == len(rows) else rows[own]), own


def source_scores(source: Source, items: Sequence[Any], used: NDArray[np.intp], question: Question) -> dict[str, float]:
    """The scores that are asked for and need the source's own class probabilities; nan where it has no head for them.

    Args:
        source: opened.
        items: all items.
        used: (n,) positions of those that it can encode.
        question: labels of all items, and what is asked.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> asked = Question(Task("classification", ("a", "b")), np.array([0, 1]), None, ("leep", "logme"))
        >>> source_scores(ToySource(), ["good", "bad"], np.arange(2), asked)
        {'leep': nan}
    """
    names = [name for name in question.scores if name in SOURCE_SCORES]
    if not names:
        return {}
    groups = _part(question.groups, used)
    codes = None if groups is None else group_codes(groups, len(used))
    own = used[draw_rows(len(used), MAX_BY_HEAD, question.seed, codes)]
    probabilities = source_probabilities(source, [items[k] for k in own])
    if probabilities is None:
        return dict.fromkeys(names, float("nan"))
    return {name: SOURCE_SCORES[name](probabilities, question.y[own]) for name in names}


def _has_classes(task: Task, y: NDArray[Any]) -> bool:
    return is_classification(task) and len(np.unique(y)) > 1


def _together(groups: NDArray[np.int64] | None, used: NDArray[np.intp]) -> NDArray[np.int64] | None:
    own = _part(groups, used)
    return None if own is None or len(np.unique(own)) == len(own) else own


def _part(groups: NDArray[np.int64] | None, index: NDArray[np.intp]) -> NDArray[np.int64] | None:
    return None if groups is None else groups[index]
