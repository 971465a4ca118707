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
from headstart.explain.asking.deletion import scores_without
from headstart.explain.asking.query import Query
from headstart.explain.asking.shown_items import listed_items
from headstart.explain.registry import EVERY_MODALITY, Need
from headstart.tasks import is_classification, task_methods
from headstart.types import Modality

__all__ = ["INFLUENCE", "Influence"]

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
        order = np.argsort(-np.nan_to_num(values, nan=0.0, posinf=np.inf), kind="stable")
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
            notes=(*_notes(query, int((~np.isfinite(values)).sum())), *training.notes),
        )  # fmt: skip


def _contrasted(scores: Array, weights: Array) -> Array:
    """The quantity (n,) of scores (n, k): minus infinity without the only item of the label, nan of another one."""
    lost = np.isneginf(scores)
    found: Array = np.where(lost, 0.0, scores) @ weights
    found[(lost & (weights < 0)).any(axis=1)] = np.nan
    found[(lost & (weights > 0)).any(axis=1)] = -np.inf
    return found


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
