"""`Certainty`: what a fit keeps for saying later how sure an answer is, and on which items it rests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads import HEADS, FittedHead, HeadSearch, SpectralHead
from headstart.heads.spectral.class_weights import row_weights
from headstart.linear.calibration import softmax
from headstart.linear.calibration_choice import cross_fitted_logits
from headstart.linear.checks import CHUNK
from headstart.tasks import Calibration, task_methods
from headstart.types import Rows, Task

__all__ = ["MOST_AT_HAND", "MOST_BYTES", "VALIDATED", "Certainty", "certainty_of", "certainty_of_scores", "scored_only"]

Array = NDArray[np.float64]

MOST_BYTES = 64 * 2**20
"""Bytes of mapped training rows that are kept at most."""
MOST_AT_HAND = 2**30
"""Bytes of rows that an update reads from the feature store at most, where a model keeps none."""
VALIDATED = "validation"
"""How a fine-tuned model is scored: on items that its body was not trained on. Left-out scores are too good there."""
MOST_NUMBERS = 4_000_000  # of left-out scores that are kept: 32 MB


@dataclass(frozen=True, eq=False)
class Certainty:
    """Left-out scores of the training items, and their mapped rows where these are small enough.

    Attributes:
        ids: the n training items.
        y: their labels as in `Dataset`: codes (n,), 0/1 (n, k) or values (n, k).
        index: (m,) positions of the items that have left-out scores: all of them up to n = 5,000.
        scores: (m, k) left-out scores before calibration.
        how: where the scores come from, such as ``"leave-one-out"`` (near duplicates together) or
            ``"leave-one-group-out"``.
        groups: (n,) codes 0 to G-1 of items that were left out together; None if each is its own group.
        rows: (n, d) the rows that the head was fitted on, in its own features; None where they need more than 64 MiB.
        solved: (m, k) left-out least-squares predictions behind the scores; None for heads that are not closed-form.
        leverage: (m,) leverage h of the scored rows in the fit; None for heads that are not closed-form.
        within: (C, C) residuals Yᵀ(I-H)Y of the least-squares fit, for the classes with rows; None for other tasks.
        weights: (m,) weights of the scored rows in the fit (0: set aside as suspect); None for ones.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], np.float32), np.array([0, 0, 0, 1, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> found = certainty_of(x, y, task, select_head(x, y, task), ids=tuple("abcdef"))
        >>> found.how, found.units, found.scores.argmax(axis=1)
        ('leave-one-out', 6, array([0, 0, 0, 1, 1, 1]))
    """

    ids: tuple[str, ...]
    y: NDArray[Any]
    index: NDArray[np.intp]
    scores: Array
    how: str
    groups: NDArray[np.int64] | None = None
    rows: NDArray[Any] | None = None
    solved: Array | None = None
    leverage: Array | None = None
    within: Array | None = None
    weights: Array | None = None

    def bounded_rows(self) -> Certainty:
        """The same without rows of more than `MOST_BYTES`, as a run folder keeps it."""
        return self if self.rows is None or self.rows.nbytes <= MOST_BYTES else replace(self, rows=None)

    @property
    def labels(self) -> NDArray[Any]:
        """The labels of the scored items: (m,) or (m, k)."""
        return self.y[self.index]

    @property
    def scored_groups(self) -> NDArray[np.int64] | None:
        """(m,) codes 0 to G-1 of the scored items that were left out together; None if each is its own group."""
        if self.groups is None:
            return None
        return np.unique(self.groups[self.index], return_inverse=True)[1].astype(np.int64)

    @property
    def units(self) -> int:
        """The number of scored items, or of their groups where items come in groups: what is exchangeable."""
        groups = self.scored_groups
        return len(self.index) if groups is None else int(groups.max(initial=-1)) + 1

    @property
    def optional(self) -> Mapping[str, NDArray[Any]]:
        """The parts that not every fit keeps, by name, of those that are there."""
        parts = {
            "groups": self.groups, "rows": self.rows, "solved": self.solved, "leverage": self.leverage,
            "within": self.within, "weights": self.weights,
        }  # fmt: skip
        return {name: part for name, part in parts.items() if part is not None}

    def outputs(self, task: Task, calibration: Calibration) -> Array:
        """Calibrated left-out outputs (m, k); under vector scaling, each by parameters of other folds."""
        if "factor" not in calibration or not np.isfinite(self.scores).all():
            return task_methods(task).outputs(self.scores, calibration)
        key = b"".join(calibration[name].tobytes() for name in ("temperature", "factor", "offset"))
        if key not in self._crossed:
            groups, weights = self.scored_groups, np.ones(len(self.index)) if self.weights is None else self.weights
            units = np.arange(len(self.index)) if groups is None else groups
            logits, y = self.scores / calibration["temperature"][0], np.asarray(self.labels, np.intp)
            start = (calibration["factor"], calibration["offset"])
            self._crossed[key] = softmax(cross_fitted_logits(logits, y, start, units, weights))
        return self._crossed[key]

    @cached_property
    def _crossed(self) -> dict[bytes, Array]:
        """Left-out outputs under vector scaling that were computed already."""
        return {}


def certainty_of(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    head: FittedHead,
    *,
    ids: Sequence[str],
    groups: NDArray[np.int64] | None = None,
    search: HeadSearch = HeadSearch(),
    named: bool = True,
) -> Certainty | None:
    """What to keep of a fit, from the evidence of its head; None for a head without evidence, as a loaded one.

    Args:
        rows: (n, d) source rows that the head was fitted on.
        y: their labels as in `Dataset`.
        task: the label schema.
        head: the fitted head.
        ids: n names of the items.
        groups: (n,) integer codes of rows that were left out together; None if every row is its own group.
        search: the candidates that were compared when the head was chosen.
        named: whether the data name the groups; otherwise they are near duplicates.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.linspace(0, 1, 8)[:, None], np.linspace(0, 2, 8)[:, None]
        >>> task = Task("regression", ("length",))
        >>> certainty_of(x, y, task, select_head(x, y, task), ids=list("abcdefgh")).rows.shape
        (8, 1)
    """
    evidence = head.evidence
    if evidence is None:
        return None
    alone = groups is None or len(np.unique(groups)) == len(groups)
    left_out = "leave-one-out" if alone or not named else "leave-one-group-out"
    spectral = isinstance(HEADS[head.head], SpectralHead) and evidence.left_out is not None
    weights = row_weights(y, task, search.class_weight)
    found = Certainty(
        tuple(map(str, ids)),
        np.asarray(y),
        evidence.index,
        evidence.scores,
        left_out if spectral else "out-of-fold",
        None if alone or groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64),
        _mapped(rows, head),
        evidence.left_out.predictions if spectral and evidence.left_out is not None else None,
        evidence.left_out.leverage if spectral and evidence.left_out is not None else None,
        evidence.within if spectral else None,
        None if weights is None else weights[evidence.index],
    )
    return _bounded(_with_suspects(found, rows, task, head))


def certainty_of_scores(
    scores: Array, y: NDArray[Any], *, ids: Sequence[str], how: str, groups: NDArray[np.int64] | None = None
) -> Certainty:
    """What to keep of scores that were computed for items outside of the fit.

    Args:
        scores: (m, k) scores before calibration.
        y: the items' labels as in `Dataset`.
        ids: m names of the items.
        how: where the scores come from.
        groups: (m,) codes of items that belong together; None if each is its own group.

    Examples:
        >>> certainty_of_scores(np.eye(2), np.array([0, 1]), ids=("a", "b"), how=VALIDATED).units
        2
    """
    together = None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64)
    if together is not None and together.max(initial=-1) == len(y) - 1:
        together = None
    return _bounded(Certainty(tuple(map(str, ids)), np.asarray(y), np.arange(len(y)), scores, how, together))


def _mapped(rows: Rows, head: FittedHead) -> NDArray[Any] | None:
    """The rows in the features of the head; None where they need more than `MOST_BYTES`."""
    first = head.feature_map(rows[:1])
    if len(rows) * first.nbytes > MOST_BYTES:
        return None
    out = np.empty((len(rows), first.shape[1]), first.dtype)
    for start in range(0, len(rows), CHUNK):
        out[start : start + CHUNK] = head.feature_map(rows[start : start + CHUNK])
    return out


def _with_suspects(found: Certainty, rows: Rows, task: Task, head: FittedHead) -> Certainty:
    """With the scores of the rows that were set aside as suspect, which the fit did not see.

    Without them the scores would flatter the model: the items that it cannot explain were removed by their labels.
    """
    dropped = head.dropped[: max(0, MOST_NUMBERS // task.num_outputs)]
    if not len(dropped):
        return found
    scores = head.scores(rows[dropped])
    order = np.argsort(np.concatenate([found.index, dropped]), kind="stable")
    ones = np.ones(len(found.index)) if found.weights is None else found.weights
    targets = task_methods(task).targets(found.y[dropped], task.num_outputs)

    def merged(own: Array | None, more: Array) -> Array | None:
        return None if own is None else np.concatenate([own, more])[order]

    return replace(
        found,
        index=np.concatenate([found.index, dropped])[order],
        scores=np.concatenate([found.scores, scores])[order],
        # a row of weight 0 changes no other prediction, whatever its own is
        solved=merged(found.solved, targets),
        leverage=merged(found.leverage, np.zeros(len(dropped))),
        weights=merged(ones, np.zeros(len(dropped))),
    )


def _bounded(found: Certainty) -> Certainty:
    """With the scores of fewer items, complete groups drawn at random, where there are very many labels."""
    most = max(1, MOST_NUMBERS // max(1, found.scores.shape[1]))
    if len(found.index) <= most:
        return found
    groups = found.scored_groups
    codes = np.arange(len(found.index)) if groups is None else groups
    counts = np.bincount(codes)
    drawn = np.random.default_rng(0).permutation(len(counts))
    taken = drawn[: max(1, int(np.searchsorted(np.cumsum(counts[drawn]), most, side="right")))]
    return scored_only(found, np.flatnonzero(np.isin(codes, taken)))


def scored_only(found: Certainty, keep: NDArray[np.intp]) -> Certainty:
    """The same with the left-out scores of some items only.

    Args:
        found: what a fit keeps.
        keep: positions among the scored items.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.linspace(0, 1, 8)[:, None], np.linspace(0, 2, 8)[:, None]
        >>> task = Task("regression", ("length",))
        >>> kept = certainty_of(x, y, task, select_head(x, y, task), ids=list("abcdefgh"))
        >>> scored_only(kept, np.array([1, 3])).scores.shape
        (2, 1)
    """

    def part(own: Array | None) -> Array | None:
        return None if own is None else own[keep]

    return replace(
        found, index=found.index[keep], scores=found.scores[keep], solved=part(found.solved),
        leverage=part(found.leverage), weights=part(found.weights),
    )  # fmt: skip
