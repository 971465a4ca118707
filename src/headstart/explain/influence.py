"""Deletion influence: the training items that decided an answer, exactly as if each were removed and the head refitted.

For ridge f(x) - f⁻ⁱ(x) = κ_i(x)(y_i - f_i)/(1 - h_i) (`headstart.linear.predictions_without`); for LDA the
discriminants without the item follow from rank-one updates (`headstart.linear.lda_without`). Features, λ and
calibration stay as they are.

References: Cook & Weisberg, "Residuals and Influence in Regression", 1982; Koh & Liang, "Understanding Black-box
Predictions via Influence Functions", ICML 2017 (the same question for networks, where the answer is approximate).

Command: headstart explain RUN ITEM --method influence
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution, TrainingItems
from headstart.explain.asking.query import Query
from headstart.explain.asking.shown_items import listed_items
from headstart.explain.asking.training_rows import TrainingRows
from headstart.explain.registry import EVERY_MODALITY, Need
from headstart.linear.checks import check_weights, chunks
from headstart.linear.lda_without import LDAWithout, within_residuals
from headstart.linear.leave_out import fitted, leave_one_out
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.predictions_without import RidgeWithout, kernel_of
from headstart.model.certainty import Certainty
from headstart.model.conformal.exact_fits import ExactFits
from headstart.tasks import is_classification, task_methods
from headstart.types import Modality

__all__ = ["INFLUENCE", "Influence", "scores_without"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Influence:
    """The training items that decided an answer.

    Attributes:
        name: ``"influence"``.
        title: what it shows.
        modalities: every kind of item.
        needs: a closed-form head and the training rows.

    Examples:
        >>> from headstart import fit
        >>> rows = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 4
        >>> data = ((np.array(rows) + np.arange(24)[:, None] / 1e3), ["low", "low", "low", "high", "high", "high"] * 4)
        >>> run = fit(data, heads=["ridge"], verbose=False)
        >>> found = run.model.explain([0.15], method="influence", training=data)["influence"]
        >>> {item.label for item in found.shown.supporters}
        {'low'}
    """

    name: str = "influence"
    title: str = "Training items that decided this answer"
    modalities: frozenset[Modality] = EVERY_MODALITY
    needs: frozenset[Need] = frozenset({"closed-form head", "training rows"})

    def __call__(self, query: Query) -> Attribution:
        """The supporters and the opponents: how much the quantity falls without each training item."""
        training = query.training_rows
        without = scores_without(query, training)
        contrast = query.contrast
        values = query.value - _contrasted(without, contrast.weights)
        outputs = task_methods(query.model.task).outputs(_finite(without), query.model.head.calibration)
        order = np.argsort(-values, kind="stable")
        supporters = [int(i) for i in order[: query.count] if values[i] > 0]
        opponents = [int(i) for i in order[::-1][: query.count] if values[i] < 0]
        own = outputs[:, contrast.target]
        shown = TrainingItems(
            listed_items(query, supporters, values[supporters].tolist(), own[supporters].tolist()),
            listed_items(query, opponents, values[opponents].tolist(), own[opponents].tolist()),
            values,
        )
        return Attribution(
            self.name, self.title, shown, contrast.quantity, contrast.unit, query.value,
            notes=(*_notes(query, int(np.isinf(values).sum())), *training.notes),
        )  # fmt: skip


def scores_without(query: Query, training: TrainingRows) -> Array:
    """The head's scores of the item without each training item, (n, k); of LDA up to a constant per row.

    Args:
        query: of a model with a ridge or LDA head.
        training: the training rows.

    Raises:
        ParameterError: if the rows do not fit the head.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["low"] * 10 + ["high"] * 10)
        >>> query = ask(fit(data, verbose=False).model, rows[0], training=data)
        >>> scores_without(query, query.training_rows).shape
        (20, 2)
    """
    head, kept = query.model.head, training.kept
    if kept is not None and training.moments is not None and _all_known(kept):
        return np.asarray(ExactFits.of(training.task, head, training.moments, kept)(query.mapped[None])[0])
    spectrum, new = training.spectrum, query.mapped[None]
    present = spectrum.target_mean > NO_SHARE if head.head == "lda" else np.ones(training.task.num_outputs, bool)
    own = fitted(spectrum, new, head.lam)
    scores = np.full((len(training), len(present)), -np.inf)
    for part in chunks(len(training)):
        rows, targets = np.asarray(training.rows[part], np.float64), training.targets(part)
        weights = check_weights(None if training.weights is None else training.weights[part], len(rows), "influence")
        (left,) = leave_one_out(spectrum, rows, targets, [head.lam], sample_weight=weights)
        without: RidgeWithout | LDAWithout = RidgeWithout(targets - left.predictions)
        if head.head == "lda":
            counts = spectrum.weight * spectrum.target_mean[present]
            without = LDAWithout(
                within_residuals(spectrum, head.lam, present), counts, targets[:, present],
                left.predictions[:, present], left.fitted[:, present], left.leverage, weights,
            )  # fmt: skip
        kernel = kernel_of(spectrum, rows, new, head.lam, sample_weight=weights)
        scores[part, present] = without(own[:, present], kernel)[0]
    return scores


def _all_known(kept: Certainty) -> bool:
    """Whether the fit kept the leave-one-out prediction of every item, none of them left out with others."""
    return kept.solved is not None and kept.groups is None and len(kept.index) == len(kept.ids)


def _contrasted(scores: Array, weights: Array) -> Array:
    """The quantity (n,) of scores (n, k); infinite without the only item of a class."""
    infinite = np.isneginf(scores)
    found: Array = np.where(infinite, 0.0, scores) @ weights
    lost = infinite @ np.where(weights > 0, -np.inf, np.where(weights < 0, np.inf, 0.0)) if infinite.any() else 0.0
    return found + np.where(infinite.any(axis=1), lost, 0.0)


def _finite(scores: Array) -> Array:
    return np.maximum(scores, np.finfo(np.float64).min / 1e10)


def _notes(query: Query, alone: int) -> list[str]:
    notes = [
        "Each value is how much the quantity would fall if the item were removed and the head solved again. An item of "
        "the same label can speak against it: one whose own score lies above what its label asks for pulls others down."
    ]
    if is_classification(query.model.task):
        notes.append(
            "Influence is exact on the score scale, before calibration; 'without it' is the probability with the "
            "calibration kept."
        )
    if alone:
        notes.append(f"{alone} items are the only ones of their class, which the model would not know without them.")
    return notes


INFLUENCE = Influence()
