"""Measurement of one source on one sample: leave-one-out losses of closed-form heads and of nearest neighbours."""

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
from headstart.transfer.ranking.figures import main_metric_with_interval, mean_with_interval
from headstart.transfer.ranking.profile import BlockWorth, transfer_profile
from headstart.types import Block, Rows, Source, Task, group_codes

__all__ = ["Measured", "Question", "measure", "source_scores"]

MAX_SCORED = 20_000  # rows for nearest neighbours and for the further scores
MAX_BY_HEAD = 2000  # items that a source's own classifier runs on, in torch


@dataclass(frozen=True, eq=False)
class Question:
    """What every source is measured on.

    Attributes:
        task: the label schema.
        y: labels of all n items as in `Dataset`.
        groups: (n,) integer codes of items that are left out together; None if every item is its own group.
        scores: names of further scores.
        profile: whether each block is measured alone.
        seed: of samples and resamples.
    """

    task: Task
    y: NDArray[Any]
    groups: NDArray[np.int64] | None
    scores: tuple[str, ...] = ()
    profile: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Measured:
    """The results of a source on a sample.

    Attributes:
        items: number of items that the heads were fitted on.
        index: (m,) positions of the items with losses, ascending.
        losses: (m,) leave-one-out losses of the best closed-form head: nats, or squared error in units of the target's
            variance.
        loss: their mean, with its 95% interval.
        merit: the main metric, leave-one-out: accuracy, share of correct labels, or R².
        head: name of that head.
        features: what it reads, such as ``"all 7 blocks"``.
        neighbours: leave-one-out log-loss of nearest neighbours, in nats; None without classes.
        neighbours_accuracy: their leave-one-out accuracy, or None.
        scores: further scores by name; nan if the source has no classifier to compute one with.
        profile: the results of each block alone; empty if they were not requested.
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
    """Measure a source by its rows.

    Args:
        rows: (n, d) features.
        used: (n,) positions of their items.
        blocks: the source's blocks; empty if the items themselves are the rows.
        question: labels of all items, and what to measure.

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
        merit=main_metric_with_interval(task, evidence.outputs, y[evidence.index], resampled, seed),
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
    """The features that the chosen head reads, of at most 20,000 items, and the positions of these."""
    codes = None if groups is None else group_codes(groups, len(rows))
    own = draw_rows(len(rows), MAX_SCORED, seed, codes)
    return fitted.feature_map(rows[:] if len(own) == len(rows) else rows[own]), own


def source_scores(source: Source, items: Sequence[Any], used: NDArray[np.intp], question: Question) -> dict[str, float]:
    """The requested scores that need the source's own class probabilities; nan if it has no classifier.

    Args:
        source: an open source.
        items: all items.
        used: (n,) positions of those that it can encode.
        question: labels of all items, and what to measure.

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
    """The groups of the sample; None if each item of it is its own group, which allows exact leave-one-out."""
    own = _part(groups, used)
    return None if own is None or len(np.unique(own)) == len(own) else own


def _part(groups: NDArray[np.int64] | None, index: NDArray[np.intp]) -> NDArray[np.int64] | None:
    return None if groups is None else groups[index]
