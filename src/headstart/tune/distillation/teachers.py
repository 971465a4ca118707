"""The teacher targets of a distillation: the teachers' standardised rows, and the logits of fitted models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import LayerChoosing
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline.gathering import allocate_rows
from headstart.model import TransferModel
from headstart.reporting import Progress
from headstart.tasks import is_classification
from headstart.tasks.classification import logit_terms
from headstart.types import FeatureMatrix, Source

__all__ = ["Teacher", "TeacherTargets", "teacher_targets"]

Teacher = Source | TransferModel
CHUNK = 8192  # rows that are copied or standardised at a time


@dataclass(frozen=True, eq=False)
class TeacherTargets:
    """The targets of the student, for the items that every teacher could read.

    Attributes:
        targets: (m, sum of widths) float32: the rows of each teacher, standardised by column, then logits.
        widths: number of columns of each part.
        of_rows: number of parts that are rows; the others are logits.
        index: (m,) positions of the items.
        failures: for each other item, its position and the reason.
    """

    targets: NDArray[np.float32]
    widths: tuple[int, ...]
    of_rows: int
    index: NDArray[np.intp]
    failures: dict[int, str]


def teacher_targets(
    teachers: Sequence[Teacher],
    items: Sequence[Any],
    *,
    logits: NDArray[Any] | None = None,
    engine: Engine = Engine(),
    progress: Progress | None = None,
) -> TeacherTargets:
    """Encode the items by each teacher, once.

    Args:
        teachers: sources, or fitted models; the calibrated logits of a classifier are targets too.
        items: n items.
        logits: (n, classes) further logits; None for none.
        engine: how the teachers encode items.
        progress: called with the progress of each teacher.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> teacher_targets([ToySource()], ["good", "", "bad"], engine=Engine(cache=False)).failures
        {1: 'The text is empty.'}
    """
    rows, answers, indices, failures = [], [], [], {}
    for teacher in teachers:
        source, last = _last(teacher)
        found = extract(source, items, engine=engine, progress=progress)
        rows.append((found.rows[:, last:], found.index))
        indices.append(found.index)
        failures.update(found.failures)
        if isinstance(teacher, TransferModel) and is_classification(teacher.task):
            answers.append((_calibrated(teacher, found.rows), found.index))
    if logits is not None:
        answers.append((np.asarray(logits, np.float32), np.arange(len(items))))
    index = reduce(np.intersect1d, indices)
    widths = tuple(part.shape[1] for part, _ in (*rows, *answers))
    targets = allocate_rows(len(index), sum(widths), np.float32)
    start = 0
    for k, (part, known) in enumerate((*rows, *answers)):
        into = targets[:, start : start + part.shape[1]]
        _copy(part, np.searchsorted(known, index), into)
        if k < len(rows):
            _standardise(into)
        start += part.shape[1]
    return TeacherTargets(targets, widths, len(rows), index, failures)


def _last(teacher: Teacher) -> tuple[Source, int]:
    """The source of a teacher, and where the columns of its last block begin; a plain source encodes only these."""
    if isinstance(teacher, TransferModel):
        source = teacher.source
    else:
        source = teacher.with_layers("last") if isinstance(teacher, LayerChoosing) else teacher
    return source, -(source.info.num_features or 0)


def _calibrated(model: TransferModel, rows: FeatureMatrix) -> NDArray[np.float32]:
    """Logits (n, classes) whose softmax is the model's calibrated probabilities."""
    scores = model.head.scores(rows)
    if is_classification(model.task):
        factor, offset = logit_terms(model.head.calibration)
        scores = scores * factor + offset
    return np.asarray(scores, np.float32)


def _copy(part: FeatureMatrix, positions: NDArray[np.intp], into: NDArray[np.float32]) -> None:
    for begin in range(0, len(positions), CHUNK):
        into[begin : begin + CHUNK] = part[positions[begin : begin + CHUNK]]


def _standardise(rows: NDArray[np.float32]) -> None:
    """Scale each column to mean 0 and standard deviation 1, in place; a constant column becomes 0."""
    chunks = [slice(begin, begin + CHUNK) for begin in range(0, len(rows), CHUNK)]
    # In chunks, since the rows may be a memory-mapped file; the sums are float64.
    mean = sum(rows[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks) / len(rows)
    square = sum(((rows[chunk] - mean) ** 2).sum(axis=0) for chunk in chunks) / len(rows)
    deviation = np.sqrt(np.where(square > 0, square, 1))
    for chunk in chunks:
        rows[chunk] = (rows[chunk] - mean) / deviation
