"""λ and calibration that are chosen anew on the rows of the fit, where the model keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.heads import HEADS, EstimatorHead, FeatureMap, FittedHead, SpectralHead
from headstart.heads.contenders.chosen_calibration import with_chosen_calibration
from headstart.heads.contenders.estimators import estimator_contenders
from headstart.heads.contenders.spectral import best_penalties
from headstart.heads.loss_summary import summarise
from headstart.heads.problem import Problem
from headstart.heads.registry import StructuredHead
from headstart.heads.spectral.class_weights import balanced_weights
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.model.certainty import Certainty
from headstart.model.updating.solved_again import EXACT, class_weights, scored_again
from headstart.tasks import task_methods
from headstart.types import Task

__all__ = ["check_fitted_again", "chosen_again", "fitted_again"]


def chosen_again(
    head: FittedHead, task: Task, moments: Moments, certainty: Certainty | None
) -> tuple[FittedHead, Moments, Certainty | None] | None:
    """A closed-form head at the λ of least leave-one-out loss, calibrated on these losses, as a fit would choose it.

    Features, kind of head and the weight of class names stay. Balanced class weights follow from the items that are
    there now, so the moments change with them.

    Args:
        head: the head, solved from ``moments`` at its λ so far.
        task: its label schema.
        moments: of all items in the fit.
        certainty: the items with their rows.

    Returns:
        Head, moments and left-out scores; None where the rows are not at hand, or scores are not left-out ones.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.array([[0.0], [0.2], [2.0], [2.2]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task)
        >>> kept = certainty_of(x, y, task, head, ids=tuple("abcd"))
        >>> moments = Moments.from_rows(kept.rows, np.eye(2)[y])
        >>> again, _, certainty = chosen_again(replace(head, lam=1e6), task, moments, kept)
        >>> again.lam < 1, certainty.units
        (True, 4)
    """
    kind = HEADS[head.head]
    if not isinstance(kind, SpectralHead) or certainty is None or certainty.rows is None or certainty.how not in EXACT:
        return None
    kept = _not_set_aside(certainty)
    rows, y = certainty.rows[kept], certainty.y[kept]
    if len(rows) < 2 or (certainty.groups is not None and len(np.unique(certainty.groups[kept])) < 2):
        return None
    weights = None
    if "class_weight" in head.calibration:
        moments, weights = _rebalanced(head, task, moments, rows, y)
    spectrum = Spectrum.from_moments(moments)
    groups = None if certainty.groups is None else certainty.groups[kept]
    problem = Problem(rows, y, task, (), groups, 0, weights)
    identity = FeatureMap(head.feature_map.name, ((0, rows.shape[1]),), "none")
    (best,), _ = best_penalties(problem, [kind], identity, (spectrum, moments), head.prior)
    found = _in_features_of(head, with_chosen_calibration(problem, best.fitted(())), problem)
    return found, moments, scored_again(certainty, found, task, spectrum)


def _not_set_aside(certainty: Certainty) -> NDArray[np.intp]:
    """Positions of the items that the fit saw: those that were set aside as suspect have weight 0."""
    aside = np.empty(0, np.intp)
    if certainty.weights is not None:
        aside = certainty.index[certainty.weights == 0]
    return np.setdiff1d(np.arange(len(certainty.ids)), aside)


def _rebalanced(
    head: FittedHead, task: Task, moments: Moments, rows: NDArray[Any], y: NDArray[Any]
) -> tuple[Moments, NDArray[np.float64]]:
    """The moments with balanced weights of the classes as they are now, and the weight of each row."""
    targets = task_methods(task).targets(y, task.num_outputs)
    old, new = class_weights(head, task), balanced_weights(y, task.num_outputs)
    names = None  # rows of class names are in the moments, but not among the rows
    if head.prior and old is not None:
        names = moments - Moments.from_rows(rows, targets, old[y])
    found = Moments.from_rows(rows, targets, new[y])
    return (found if names is None else found + names), new[y]


def fitted_again(head: FittedHead, task: Task, certainty: Certainty | None) -> tuple[FittedHead, Certainty]:
    """A head that is not closed-form, fitted again on the rows of all items, with its hyperparameters chosen anew.

    Args:
        head: the head so far.
        task: the label schema, perhaps with new classes.
        certainty: the items with their rows.

    Raises:
        DataError: if the rows are not at hand, or the head cannot be fitted on rows.

    Examples:
        >>> from headstart.heads import HeadSearch, select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.array([[0.0], [0.2], [2.0], [2.2]] * 5), np.array([0, 0, 1, 1] * 5)
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task, search=HeadSearch(("naive_bayes",)))
        >>> kept = certainty_of(x, y, task, head, ids=[str(i) for i in range(20)])
        >>> fitted_again(head, task, kept)[0].head
        'naive_bayes'
    """
    kind, certainty, rows = check_fitted_again(head, certainty)
    problem = Problem(rows, certainty.y, task, (), certainty.groups, 0)
    identity = FeatureMap(head.feature_map.name, ((0, rows.shape[1]),), "none")
    (best,), _ = estimator_contenders(problem, identity, [kind])
    made = with_chosen_calibration(problem, best.fitted(()))
    scored = replace(
        certainty, index=problem.chosen, scores=best.evidence.scores, how="out-of-fold", solved=None, leverage=None,
        within=None, weights=None,
    )  # fmt: skip
    return _in_features_of(head, made, problem), scored


def _in_features_of(head: FittedHead, made: FittedHead, problem: Problem) -> FittedHead:
    """A head that was fitted on mapped rows, as one that maps the rows of the source as another head does."""
    left_out = head.left_out
    if made.evidence is not None:
        left_out = summarise(problem.task, made.evidence.outputs, problem.y[problem.chosen], problem.chosen_groups)
    return replace(made, feature_map=head.feature_map, moments=None, evidence=None, left_out=left_out)


def check_fitted_again(head: FittedHead, certainty: Certainty | None) -> tuple[EstimatorHead, Certainty, NDArray[Any]]:
    """The kind of a head that is not closed-form, and the items and rows on which it can be fitted again.

    Args:
        head: the head.
        certainty: the items with their rows.

    Raises:
        DataError: if the rows are not at hand, or the head cannot be fitted on rows.

    Examples:
        >>> head = FittedHead(FeatureMap("x", ((0, 1),), "none"), "knn", 1.0, np.ones((1, 2)), np.zeros(2), {}, 0.5, ())
        >>> check_fitted_again(head, None)
        Traceback (most recent call last):
        headstart.errors.DataError: A model with a 'knn' head cannot be updated exactly, and it keeps no rows to be ...
    """
    kind = HEADS[head.head]
    if isinstance(kind, StructuredHead) and head.estimator is not None:
        kind = kind.like(head.estimator)
    if isinstance(kind, EstimatorHead) and certainty is not None and certainty.rows is not None:
        return kind, certainty, certainty.rows
    raise DataError(
        f"A model with a '{head.head}' head cannot be updated exactly, and it keeps no rows to be fitted on again; "
        "fit it again on all items, or with a closed-form head ('ridge' or 'lda')."
    )
