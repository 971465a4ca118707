"""The head that is solved again from moments, and the left-out scores of the items that it is then fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.engine.moments import moments_of
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import HEADS, FittedHead, SpectralHead
from headstart.heads.problem import rows_for_choice
from headstart.linear.lda_without import within_residuals
from headstart.linear.leave_out import leave_one_group_out, leave_one_out
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.spectrum import Spectrum
from headstart.model.certainty import MOST_AT_HAND, Certainty, scored_only
from headstart.model.updating.new_labels import padded_calibration
from headstart.tasks import is_classification, task_methods
from headstart.types import Source, Task

__all__ = [
    "EXACT", "certainty_with", "certainty_with_rows", "certainty_without", "certainty_without_rows", "class_weights",
    "moments_of_items", "resolved", "scored_again", "solved_head",
]  # fmt: skip

EXACT = ("leave-one-out", "leave-one-group-out")

SAME = 1e-3  # a removed row is at most this far from a kept one, relative to its norm: another backend rounds otherwise


def moments_of_items(
    source: Source, head: FittedHead, task: Task, items: Sequence[Any], y: NDArray[Any], *, engine: Engine
) -> Moments:
    """The moments of labelled items in the features of a head, each class with the weight that it has in the fit.

    Args:
        source: encodes the items.
        head: gives features and class weights.
        task: the label schema; it may have new classes, of weight 1.
        items: n items.
        y: their labels as in `Dataset`.
        engine: how items are encoded.

    Raises:
        ItemError: on an item that cannot be encoded.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.sources import open_source
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> moments_of_items(open_source("vector"), select_head(x, y, task), task, x[:3], y[:3], engine=Engine()).n
        3
    """
    weights = class_weights(head, task)
    if weights is None:
        return _summed(source, head, task, items, y, engine=engine)
    total = Moments.zeros(head.feature_map.num_features, task.num_outputs)
    for code in np.unique(y):
        rows = np.flatnonzero(y == code).tolist()
        found = _summed(source, head, task, [items[i] for i in rows], y[rows], engine=engine)
        total = total + found.weighted(weights[code])
    return total


def _summed(
    source: Source, head: FittedHead, task: Task, items: Sequence[Any], y: NDArray[Any], *, engine: Engine
) -> Moments:
    return moments_of(
        source, items, task_methods(task).targets(y, task.num_outputs),
        engine=engine, feature_map=head.feature_map, on_error="raise",
    ).moments  # fmt: skip


def class_weights(head: FittedHead, task: Task) -> NDArray[np.float64] | None:
    """The weight of an item of each class in the fit, (k,), or None for equal weights; new classes weigh 1.

    Args:
        head: the fitted head.
        task: the label schema, perhaps with new classes.

    Examples:
        >>> from headstart.heads import FeatureMap
        >>> features = FeatureMap("x", ((0, 1),), "none")
        >>> known = {"class_weight": np.array([2.0, 0.5])}
        >>> head = FittedHead(features, "ridge", 1.0, np.ones((1, 2)), np.zeros(2), known, 0.5, ())
        >>> class_weights(head, Task("classification", ("a", "b", "c")))
        array([2. , 0.5, 1. ])
    """
    weights = head.calibration.get("class_weight")
    return None if weights is None else np.append(weights, np.ones(task.num_outputs - len(weights)))


def solved_head(head: FittedHead, task: Task, moments: Moments) -> tuple[FittedHead, Spectrum]:
    """The head with the same features, λ and calibration, solved from moments, and their spectrum.

    Args:
        head: a closed-form head.
        task: the label schema, perhaps with new classes.
        moments: of the rows to fit.

    Raises:
        DataError: if the head is not solved in closed form.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task)
        >>> solved_head(head, task, Moments.from_rows(head.feature_map(x), np.eye(2)[y]))[0].weight.shape
        (1, 2)
    """
    kind = HEADS[head.head]
    if not isinstance(kind, SpectralHead):
        raise DataError(
            f"A model with a '{kind.name}' head cannot be updated exactly; fit it again on all items, or with "
            "a closed-form head ('ridge' or 'lda')."
        )
    spectrum = Spectrum.from_moments(moments)
    return resolved(head, task, kind.coefficients(spectrum, head.lam), moments), spectrum


def resolved(
    head: FittedHead, task: Task, solution: tuple[NDArray[np.float64], NDArray[np.float64]], moments: Moments
) -> FittedHead:
    """The head with other coefficients, and with the class shares and weights that go with them.

    Args:
        head: the head so far.
        task: the label schema, perhaps with new classes.
        solution: weight (d, k) and bias (k,).
        moments: of the rows that they were solved from.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> moments = Moments.from_rows(x, np.eye(2)[[0, 1, 1, 1]])
        >>> resolved(select_head(x, y, task), task, (np.eye(1, 2), np.zeros(2)), moments).calibration["shares"]
        array([0.25, 0.75])
    """
    calibration, weights = dict(head.calibration), class_weights(head, task)
    if "shares" in calibration:
        calibration["shares"] = np.maximum(moments.target_mean, 0.0)
    if weights is not None:
        calibration["class_weight"] = weights
    if "factor" in calibration:  # new classes keep the logits of the temperature
        new = task.num_outputs - len(calibration["factor"])
        calibration["factor"] = np.append(calibration["factor"], np.ones(new))
        calibration["offset"] = np.append(calibration["offset"], np.zeros(new))
    calibration = padded_calibration(calibration, task, moments)
    return replace(head, weight=solution[0], bias=solution[1], calibration=calibration)


def certainty_with(
    kept: Certainty | None, source: Source, head: FittedHead, items: Sequence[Any], y: NDArray[Any], *, engine: Engine
) -> Certainty | None:
    """The same items and the new ones, whose left-out scores are not computed yet; None where rows were not kept.

    Args:
        kept: what the model kept so far.
        source: encodes the items.
        head: gives the features.
        items: the new items.
        y: their labels as in `Dataset`.
        engine: how items are encoded. Without a cache they would be encoded twice, so nothing is kept then.

    Examples:
        >>> from headstart.heads import FeatureMap
        >>> from headstart.sources import open_source
        >>> features = FeatureMap("x", ((0, 1),), "none")
        >>> head = FittedHead(features, "ridge", 1.0, np.ones((1, 2)), np.zeros(2), {}, 0.5, ())
        >>> rows = np.array([[0.0], [1.0]])
        >>> codes, how = np.array([0, 1]), "leave-one-out"
        >>> kept = Certainty(("a", "b"), codes, np.arange(2), np.eye(2), how, rows=rows, solved=np.eye(2))
        >>> certainty_with(kept, open_source("vector"), head, np.array([[2.0]]), np.array([1]), engine=Engine()).y
        array([0, 1, 1])
    """
    if kept is None or kept.rows is None or kept.solved is None:
        return None
    if not engine.cache and source.info.modality != "vector":
        return None
    rows = head.feature_map(extract(source, items, engine=engine, on_error="raise").rows)
    start = len(kept.ids)
    return certainty_with_rows(kept, rows, y, [_name(item, start + i) for i, item in enumerate(items)])


def certainty_with_rows(
    kept: Certainty | None, rows: NDArray[Any], y: NDArray[Any], ids: Sequence[str]
) -> Certainty | None:
    """The same of items whose rows are at hand.

    Args:
        kept: what the model kept so far.
        rows: (b, d) their rows in the features of the head.
        y: their labels as in `Dataset`.
        ids: their names.

    Examples:
        >>> kept = Certainty(("a",), np.array([0]), np.arange(1), np.eye(1, 2), "leave-one-out", rows=np.eye(1))
        >>> certainty_with_rows(kept, np.eye(1), np.array([1]), ["b"]).ids
        ('a', 'b')
    """
    if kept is None or kept.rows is None:
        return None
    if kept.rows.nbytes * (1 + len(ids) / max(1, len(kept.rows))) > MOST_AT_HAND:
        return None
    if len(kept.index) < len(kept.ids) and kept.weights is not None and (kept.weights == 0).any():
        return None  # which of the items without scores were set aside as suspect is not known
    known, groups = kept.y, kept.groups
    if known.ndim == 2 and known.shape[1] < y.shape[1]:  # no item of the fit has a new label
        known = np.pad(known, ((0, 0), (0, y.shape[1] - known.shape[1])))
    if groups is not None:
        groups = np.concatenate([groups, groups.max() + 1 + np.arange(len(ids))])
    return replace(
        kept,
        ids=(*kept.ids, *ids),
        y=np.concatenate([known, y.astype(known.dtype)]),
        groups=groups,
        rows=np.concatenate([kept.rows, rows.astype(kept.rows.dtype)]),
    )


def _name(item: object, position: int) -> str:
    return item if isinstance(item, str) else f"item {position}"


def certainty_without(
    kept: Certainty | None, source: Source, head: FittedHead, items: Sequence[Any], y: NDArray[Any], *, engine: Engine
) -> Certainty | None:
    """What the model keeps without the rows of these items; None where not all of them are found by rows and labels.

    Args:
        kept: what the model kept so far.
        source: encodes the items.
        head: gives the features.
        items: the items to remove.
        y: their labels as in `Dataset`.
        engine: how items are encoded.

    Examples:
        >>> from headstart.heads import FeatureMap
        >>> from headstart.sources import open_source
        >>> features = FeatureMap("x", ((0, 1),), "none")
        >>> head = FittedHead(features, "ridge", 1.0, np.ones((1, 2)), np.zeros(2), {}, 0.5, ())
        >>> rows, codes = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
        >>> scores, how = np.eye(3, 2), "leave-one-out"
        >>> kept = Certainty(("a", "b", "c"), codes, np.arange(3), scores, how, rows=rows, solved=scores)
        >>> certainty_without(kept, open_source("vector"), head, [[1.0]], np.array([1]), engine=Engine()).ids
        ('a', 'c')
    """
    if kept is None or kept.rows is None or kept.solved is None:
        return None
    rows = head.feature_map(extract(source, items, engine=engine, on_error="raise").rows)
    return certainty_without_rows(kept, rows, y)


def certainty_without_rows(kept: Certainty | None, rows: NDArray[Any], y: NDArray[Any]) -> Certainty | None:
    """The same of items whose rows are at hand.

    Args:
        kept: what the model kept so far.
        rows: (b, d) their rows in the features of the head.
        y: their labels as in `Dataset`.

    Examples:
        >>> kept = Certainty(("a", "b"), np.array([0, 1]), np.arange(2), np.eye(2), "leave-one-out", rows=np.eye(2))
        >>> certainty_without_rows(kept, np.eye(2)[:1], np.array([0])).ids
        ('b',)
    """
    if kept is None or kept.rows is None:
        return None
    left = np.ones(len(kept.ids), bool)
    for row, label in zip(np.asarray(rows, np.float64), y, strict=True):
        far = ((kept.rows - row) ** 2).sum(axis=1)
        same = left & (np.asarray(kept.y == label).reshape(len(left), -1).all(axis=1))
        nearest = int(np.argmin(np.where(same, far, np.inf)))
        if not same[nearest] or far[nearest] > SAME**2 * max(1e-30, float((row**2).sum())):
            return None
        left[nearest] = False
    keep = np.flatnonzero(left)
    if not len(keep):
        return None
    place = np.cumsum(left) - 1
    scored = left[kept.index]
    return replace(
        scored_only(kept, np.flatnonzero(scored)),
        ids=tuple(kept.ids[i] for i in keep), y=kept.y[keep], rows=kept.rows[keep],
        index=place[kept.index[scored]],
        groups=None if kept.groups is None else np.unique(kept.groups[keep], return_inverse=True)[1].astype(np.int64),
    )  # fmt: skip


def scored_again(kept: Certainty | None, head: FittedHead, task: Task, spectrum: Spectrum) -> Certainty | None:
    """With exact left-out scores of the items under another fit; None if there is nothing to compute them from.

    Args:
        kept: items with their rows, labels and groups; its scores are those of an earlier fit.
        head: the head that was solved again.
        task: its label schema.
        spectrum: of the fit.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.array([[0.0], [0.2], [2.0], [2.2]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task)
        >>> kept = certainty_of(x, y, task, head, ids=tuple("abcd"))
        >>> spectrum = Spectrum.from_moments(Moments.from_rows(kept.rows, np.eye(2)[y]))
        >>> bool(np.allclose(scored_again(kept, head, task, spectrum).scores, kept.scores))
        True
    """
    kind = HEADS[head.head]
    if kept is None or kept.rows is None or not isinstance(kind, SpectralHead) or kept.how not in EXACT:
        return None
    index = rows_for_choice(len(kept.ids), kept.groups, 0)
    if kept.groups is not None and len(np.unique(kept.groups)) < 2:
        return None
    found = replace(kept, index=index)
    weights, groups = _weights(kept, index, head, task), found.scored_groups
    targets = task_methods(task).targets(found.labels, task.num_outputs)
    mapped = kept.rows[index]
    if groups is None:
        (left_out,) = leave_one_out(spectrum, mapped, targets, [head.lam], sample_weight=weights)
    else:
        (left_out,) = leave_one_group_out(spectrum, mapped, targets, groups, [head.lam], sample_weight=weights)
    within = None
    if is_classification(task):
        within = within_residuals(spectrum, head.lam, spectrum.target_mean > NO_SHARE)
    return replace(
        found, scores=kind.left_out_scores(spectrum, left_out, targets, groups, sample_weight=weights),
        solved=left_out.predictions, leverage=left_out.leverage, within=within, weights=weights,
    )  # fmt: skip


def _weights(kept: Certainty, index: NDArray[np.intp], head: FittedHead, task: Task) -> NDArray[np.float64] | None:
    """The weights of the rows in the fit: those of their classes, and 0 for the ones that were set aside."""
    by_class = class_weights(head, task)
    every = np.ones(len(kept.ids)) if by_class is None else by_class[kept.y]
    if kept.weights is not None:
        every[kept.index[kept.weights == 0]] = 0.0
    return None if (every == 1).all() else every[index]
