"""The gallery of a report: which held-out items, suspects and near duplicates it shows, and when they are read.

The choice is made from numbers that a fit or an evaluation has anyway. Items are read and made small only when a report
is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads import HEADS, SpectralHead
from headstart.heads.label_noise.suspects import Suspects, find_suspects, influential_rows
from headstart.report.gallery import DuplicateCluster, Gallery, PredictedItem, SuspectedItem
from headstart.rows import take_rows
from headstart.tasks import is_classification, is_regression, task_methods
from headstart.transfer.stages.gallery_choice import choose_clusters, choose_predictions, choose_worst
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.transfer.stages.thumbnails import show_items
from headstart.types import Dataset, Rows, Task

__all__ = ["REPORT_ITEMS", "GalleryPlan", "plan_evaluation_gallery", "plan_gallery"]

REPORT_ITEMS = 200
"""Default number of items in a report; with thumbnails of about 3,000 bytes the page stays below 1 MB."""

SUSPECT_SHARE, DUPLICATE_SHARE, SOUND_SHARE = 0.06, 0.05, 0.15  # of the items: suspects, clusters, players
BECAUSE, MOST_TRIED = 3, 50  # items that contradict a suspect, of the most influential ones
MOST_COPIES = 3  # items of a cluster
MOST_OTHERS = 24  # items where there is no confusion matrix: the worst, and others
# Influence needs an eigendecomposition again; with more operations than this (about half a second of one core), the
# most similar items are shown in place of the most influential ones.
OPERATIONS = 2e10

Words = Sequence[str]


@dataclass(frozen=True, eq=False)
class GalleryPlan:
    """The chosen items, not yet read.

    Attributes:
        dataset: the items to show, each once.
        labels: their labels or values in words.
        gallery: what is said about them.
        sounds: how many of the first items get a sound that can be played.

    Examples:
        >>> data = Dataset(["Where is it?"], ("0",), "text")
        >>> GalleryPlan(data, ("question",), Gallery(), 0).build().items[0].texts
        ('Where is it?',)
    """

    dataset: Dataset
    labels: tuple[str, ...]
    gallery: Gallery
    sounds: int

    def build(self) -> Gallery:
        """Read the items and make them small; one that cannot be read says why."""
        return replace(self.gallery, items=tuple(show_items(self.dataset, self.labels, sounds=self.sounds)))


@dataclass(frozen=True)
class _HeldOutRow:
    """A held-out item by its position in the dataset."""

    row: int
    predicted: str
    right: bool
    confidence: float | None
    label_probability: float | None
    loss: float
    cell: tuple[int, int] | None


@dataclass(frozen=True)
class _SuspectRow:
    """A suspect by positions in the dataset."""

    row: int
    predicted: str
    p_label: float
    p_predicted: float
    because: tuple[int, ...]


def plan_gallery(prepared: Prepared, judged: Judged, limit: int = REPORT_ITEMS) -> GalleryPlan | None:
    """Choose the items that the report of a fit shows; None for a limit of 0.

    Args:
        prepared: items, rows and clusters.
        judged: the model and its outputs for held-out items.
        limit: the largest number of items.

    Examples:
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(40)), shift.source, RunContext(silent))
        >>> plan = plan_gallery(prepared, judge(prepared, HeadSearch(("ridge",)), 0, silent, once=True), 6)
        >>> len(plan.dataset), len(plan.gallery.predictions) > 0
        (6, True)
    """
    if limit == 0:
        return None
    dataset = prepared.dataset
    task, y = dataset.labelled()
    words = _words(task, y)
    suspects, total, influence = _suspects(prepared, judged, int(SUSPECT_SHARE * limit))
    clusters, cluster_count = choose_clusters(prepared.clusters, words, int(DUPLICATE_SHARE * limit))
    others = {row for one in suspects for row in (one.row, *one.because)}
    others |= {row for rows, _ in clusters for row in rows[:MOST_COPIES].tolist()}
    evaluated = judged.plan.evaluated
    predicted = _predictions(task, y[evaluated], judged.outputs, max(1, limit - len(others)), evaluated)
    shown = list(dict.fromkeys([*(one.row for one in predicted), *_rows_of(suspects, clusters)]))[:limit]
    place = {row: number for number, row in enumerate(shown)}
    gallery = Gallery(
        predictions=tuple(_placed(one, place) for one in predicted if one.row in place),
        suspects=tuple(
            SuspectedItem(
                place[one.row], one.predicted, one.p_label, one.p_predicted,
                tuple(place[row] for row in one.because if row in place),
            )
            for one in suspects
            if one.row in place
        ),
        duplicates=tuple(
            DuplicateCluster(found, len(rows), _is_exact(prepared.content, rows), conflicting)
            for rows, conflicting in clusters
            if len(found := tuple(place[row] for row in rows[:MOST_COPIES].tolist() if row in place)) > 1
        ),
        suspect_count=total,
        duplicate_count=cluster_count,
        influence=influence,
    )  # fmt: skip
    return GalleryPlan(dataset.take(shown), tuple(words[row] for row in shown), gallery, int(SOUND_SHARE * limit))


def plan_evaluation_gallery(
    dataset: Dataset, task: Task, outputs: NDArray[np.float64], limit: int = REPORT_ITEMS
) -> GalleryPlan | None:
    """Choose the items that the report of an evaluation shows; None for a limit of 0.

    Args:
        dataset: n labelled items.
        task: the label schema of the model.
        outputs: (n, k) probabilities or values.
        limit: the largest number of items.

    Examples:
        >>> data = Dataset(["a", "b"], ("0", "1"), "text", task=Task("classification", ("x", "y")), y=np.array([0, 1]))
        >>> plan = plan_evaluation_gallery(data, data.task, np.array([[0.9, 0.1], [0.8, 0.2]]))
        >>> [(one.predicted, one.right) for one in plan.gallery.predictions]
        [('x', False), ('x', True)]
    """
    if limit == 0:
        return None
    y = dataset.labelled()[1]
    predicted = _predictions(task, y, outputs, limit, np.arange(len(dataset)))
    shown = [one.row for one in predicted]
    words, place = _words(task, y), {row: number for number, row in enumerate(shown)}
    gallery = Gallery(predictions=tuple(_placed(one, place) for one in predicted))
    return GalleryPlan(dataset.take(shown), tuple(words[row] for row in shown), gallery, int(SOUND_SHARE * limit))


def _placed(one: _HeldOutRow, place: dict[int, int]) -> PredictedItem:
    return PredictedItem(
        place[one.row], one.predicted, one.right, one.confidence, one.label_probability, one.loss, one.cell
    )


def _rows_of(suspects: Sequence[_SuspectRow], clusters: Iterable[tuple[NDArray[np.intp], bool]]) -> Iterable[int]:
    for one in suspects:
        yield from (one.row, *one.because)
    for rows, _ in clusters:
        yield from rows[:MOST_COPIES].tolist()


def _is_exact(content: Sequence[str], rows: NDArray[np.intp]) -> bool:
    return len({content[row] for row in rows.tolist()}) == 1


def _words(task: Task, y: NDArray[Any]) -> list[str]:
    """The label or value of each item in words."""
    methods = task_methods(task)
    return [_in_words(label) for label in methods.decode(methods.targets(y, task.num_outputs), task)]


def _in_words(label: Any) -> str:
    if isinstance(label, list | tuple | np.ndarray):
        return ", ".join(map(_in_words, label)) or "none"
    return f"{label:.4g}" if isinstance(label, float | np.floating) else str(label)


def _predictions(
    task: Task, y: NDArray[Any], outputs: NDArray[np.float64], limit: int, rows: NDArray[np.intp]
) -> list[_HeldOutRow]:
    """The chosen ones of m evaluated items, whose positions in the dataset are ``rows``."""
    methods = task_methods(task)
    loss, decoded = methods.loss(outputs, y), methods.decode(outputs, task)
    truth = methods.decode(methods.targets(y, task.num_outputs), task)
    if not is_classification(task):
        right = [not is_regression(task) and decoded[i] == truth[i] for i in range(len(y))]
        return [
            _HeldOutRow(int(rows[i]), _in_words(decoded[i]), right[i], None, None, float(loss[i]), None)
            for i in choose_worst(loss, min(limit, MOST_OTHERS)).tolist()
        ]
    codes, best = y.astype(np.int64), outputs.argmax(axis=1)  # as in the confusion matrix
    return [
        _HeldOutRow(
            int(rows[i]), task.labels[best[i]], bool(codes[i] == best[i]), float(outputs[i, best[i]]),
            float(outputs[i, codes[i]]), float(loss[i]), (int(codes[i]), int(best[i])),
        )
        for i in choose_predictions(codes, best, loss, limit).tolist()
    ]  # fmt: skip


def _suspects(prepared: Prepared, judged: Judged, most: int) -> tuple[list[_SuspectRow], int, bool]:
    """Suspects among the training items by the leave-one-out outputs of the fit, and the items that contradict them."""
    task, y = prepared.dataset.labelled()
    head, fitted = judged.model.head, judged.plan.fitted
    evidence = head.evidence
    if not is_classification(task) or evidence is None or len(head.dropped) or not len(evidence.index):
        return [], 0, True
    if evidence.index.max() >= len(fitted):  # a fine-tuned body, solved on other rows
        return [], 0, True
    own = y[fitted]
    found = find_suspects(evidence.outputs, own[evidence.index])
    first = Suspects(*(part[:most] for part in vars(replace(found, index=evidence.index[found.index])).values()))
    if not len(first):
        return [], len(found), True
    same_rows = judged.model.source is prepared.source  # otherwise the body was fine-tuned
    because: list[list[int]] = [[] for _ in first.index]
    influence = True
    if same_rows:
        because, influence = _contradicting(take_rows(prepared.rows, fitted), own, judged, first)
    return (
        [
            _SuspectRow(
                int(fitted[row]),
                task.labels[predicted],
                float(low),
                float(high),
                tuple(int(fitted[i]) for i in because[place]),
            )
            for place, (row, predicted, low, high) in enumerate(
                zip(first.index, first.predicted, first.p_given, first.p_predicted, strict=True)
            )
        ],
        len(found),
        influence,
    )


def _contradicting(rows: Rows, y: NDArray[Any], judged: Judged, suspects: Suspects) -> tuple[list[list[int]], bool]:
    """For each suspect the positions of the most influential training rows, or of the most similar ones."""
    task, head = judged.model.task, judged.model.head
    n, d = len(rows), head.feature_map.num_features
    side = min(n, d)
    operations = 2 * max(n, d) * side**2 + 25 * side**3
    solved = head.linear and isinstance(HEADS[head.head], SpectralHead) and not head.prior
    if solved and operations <= OPERATIONS:
        found = influential_rows(rows, y, task, head, suspects, count=MOST_TRIED, search=judged.search)
        # an item of another class can have influence too, by its position alone, but convinces no reader
        alike = y[found] == suspects.predicted[:, None]
        return [own[kept][:BECAUSE].tolist() for own, kept in zip(found, alike, strict=True)], True
    mapped = np.asarray(head.feature_map(rows[:]), dtype=np.float32)
    mapped = mapped / np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    likeness = mapped[suspects.index] @ mapped.T
    likeness[y[None, :] != suspects.predicted[:, None]] = -np.inf  # only items of the predicted class
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :BECAUSE]
    return [[i for i in own.tolist() if np.isfinite(row[i])] for own, row in zip(nearest, likeness, strict=True)], False
