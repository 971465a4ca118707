"""`Updater`: a model in memory that takes in a few items in milliseconds, exactly, without touching the disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ParameterError
from headstart.heads import HEADS, FactoredHead, FittedHead, SpectralHead
from headstart.linear.factor import RidgeFactor
from headstart.linear.moments import Moments
from headstart.model.certainty import Certainty
from headstart.model.removal import check_one_label_each, moments_without
from headstart.model.transfer_model import TransferModel
from headstart.model.updating.chosen_again import check_fitted_again, chosen_again, fitted_again
from headstart.model.updating.new_labels import check_calibrated, with_calibrated_labels
from headstart.model.updating.solved_again import (
    certainty_with_rows,
    certainty_without_rows,
    class_weights,
    resolved,
    scored_again,
    solved_head,
)
from headstart.tasks import encode_labels, task_methods
from headstart.types import Rows, Task

__all__ = ["Updater"]

LOST = -1e-10
"""Least eigenvalue of the scatter, relative to its trace, that is still rounding; below it the rows are summed anew."""


class Updater:
    """A model with the factor of its fit, so that items come in and go out in milliseconds: no refit, no disk.

    What a server calls, from one thread at a time (a lock sees to it)::

        updater = Updater(TransferModel.load(run))
        model = updater.update(texts, labels)       # a new model object; swap it in
        model = updater.forget(texts, labels)       # the same the other way
        write_version(run, updater.complete(), {"what": "update", "added": len(texts)})

    ``update`` and ``forget`` keep λ and calibration, and return a model without left-out scores: it answers, but makes
    no sets and does not abstain by coverage. ``complete`` computes these scores exactly, from the rows that the model
    keeps, and is what should be written; ``choose`` also chooses λ and calibration anew. All return new models and
    leave earlier ones unchanged, and where a call fails the state stays as it was.

    Args:
        model: a model with a closed-form head; other heads are fitted again on their rows, which takes longer.

    Attributes:
        model: the model as it is now.

    Raises:
        DataError: if the model was saved without its moments, or with another head without rows.

    Examples:
        >>> import headstart
        >>> texts = ["good film", "a good one", "bad film", "a bad one"] * 5
        >>> run = headstart.fit((texts, ["+", "+", "-", "-"] * 5), source="toy", baselines="none", verbose=False)
        >>> updater = Updater(run.model)
        >>> updater.update(["a film", "one film"], ["neutral", "neutral"]).task.labels
        ('+', '-', 'neutral')
        >>> exact = run.model.update(["a film", "one film"], ["neutral", "neutral"])
        >>> bool(np.allclose(updater.model.head.weight, exact.head.weight, atol=1e-8))
        True
        >>> updater.complete().predict_sets(["good"], 0.8)
        [['+']]
    """

    def __init__(self, model: TransferModel) -> None:
        self._lock = threading.RLock()
        self.model = model
        self._kept = model.certainty
        self._from_moments = model.certainty is not None  # as an opened model, which was solved so
        self._calibrated = model.task  # with the labels that are calibrated
        self._factor = self._factored(model.head, model.moments)
        if self.exact:
            _ = self._moments  # raises where there are none
        else:
            check_fitted_again(model.head, model.certainty)

    @property
    def exact(self) -> bool:
        """Whether an update gives the fit on all items exactly; otherwise the head is fitted again on their rows."""
        return isinstance(HEADS[self.model.head.head], SpectralHead)

    @property
    def kept(self) -> Certainty | None:
        """The items of the fit with their rows, where these are at hand; their scores may be of an earlier fit."""
        return self._kept

    @property
    def rows_at_hand(self) -> bool:
        """Whether the rows of all items are known, so that λ, calibration and left-out scores can follow."""
        return self._kept is not None and self._kept.rows is not None

    def update(self, items: Sequence[Any], labels: Sequence[Any]) -> TransferModel:
        """A model that is also fitted on these items, as `TransferModel.update`.

        Args:
            items: n items, of the kind that the source encodes.
            labels: n labels; new ones become new classes.

        Raises:
            DataError: if a label does not fit the task.
            ItemError: if an item cannot be encoded.
        """
        check_one_label_each(len(items), len(labels))
        return self.update_rows(self.model.rows_of(items), labels, [str(item)[:200] for item in items])

    def update_rows(self, rows: Rows, labels: Sequence[Any], ids: Sequence[str]) -> TransferModel:
        """The same from rows (n, d) of the source.

        Args:
            rows: as ``model.rows_of`` gives them.
            labels: n labels.
            ids: n names of the items.
        """
        with self._lock:
            task = self.model.with_new_labels(labels)
            y = encode_labels(labels, task)
            mapped = np.asarray(self.model.head.feature_map(rows[:]))
            kept = certainty_with_rows(self._kept, mapped, y, ids)
            if not self.exact:
                return self._fitted_again(task, kept)
            check_calibrated(self.model.task, task, kept)
            targets, weights = self._targets(task, y)
            if self._factor is not None:
                factor = self._factor.with_targets(task.num_outputs).added(mapped, targets, weights)
                return self._become(task, kept, factor.moments, factor)
            moments = self._moments.with_targets(task.num_outputs) + Moments.from_rows(mapped, targets, weights)
            return self._become(task, kept, moments, None)

    def forget(self, items: Sequence[Any], labels: Sequence[Any]) -> TransferModel:
        """A model that was not fitted on these items, as `TransferModel.forget`.

        Args:
            items: n items of the fit, unchanged.
            labels: the labels that they had there.

        Raises:
            ParameterError: if the model cannot have been fitted on these items.
        """
        check_one_label_each(len(items), len(labels))
        return self.forget_rows(self.model.rows_of(items), labels)

    def forget_rows(self, rows: Rows, labels: Sequence[Any]) -> TransferModel:
        """The same from rows (n, d) of the source.

        Args:
            rows: as ``model.rows_of`` gives them.
            labels: n labels.
        """
        with self._lock:
            return self.forget_mapped(
                np.asarray(self.model.head.feature_map(rows[:])), encode_labels(labels, self.model.task)
            )

    def forget_mapped(
        self, mapped: NDArray[Any], y: NDArray[Any], *, fitted: NDArray[np.bool_] | None = None
    ) -> TransferModel:
        """The same from rows in the features of the head, such as the model keeps.

        Args:
            mapped: (n, num_features) rows.
            y: their labels as in `Dataset`.
            fitted: (n,) False for rows that the fit had set aside as suspect, which are only forgotten as items.
        """
        with self._lock:
            task, kept = self.model.task, certainty_without_rows(self._kept, mapped, y)
            if not self.exact:
                return self._fitted_again(task, kept)
            if fitted is not None:
                mapped, y = mapped[fitted], y[fitted]
            if not len(y):
                return self._become(task, kept, self._moments, self._factor)
            targets, weights = self._targets(task, y)
            left = moments_without(self._moments, Moments.from_rows(mapped, targets, weights), task)
            if _has_lost_digits(left) and kept is not None and kept.rows is not None:
                return self._become(task, kept, self._summed(task, kept), None)
            factor = None if self._factor is None else self._factor.removed(mapped, targets, weights)
            return self._become(task, kept, left, factor)

    def refresh(self) -> bool:
        """Sum the moments anew from the rows at hand, without the digits that subtractions have cost.

        Returns:
            Whether it was done: the rows of all items must be at hand, and the head not be based on class names.
        """
        with self._lock:
            if not self.exact or self._kept is None or self._kept.rows is None or self.model.head.prior:
                return False
            task, kept = self.model.task, self._kept
            moments = self._summed(task, kept)
            self._become(task, kept, moments, None)
            self._factor = self._factored(self.model.head, moments)
            return True

    def complete(self) -> TransferModel:
        """The model solved from its moments, with exact left-out scores where the rows of its items are at hand.

        The factor keeps directions in which the rows hardly vary, which a fit leaves out as rounding; so weights of
        ``update`` may differ there from those of a fit, by less than predictions show. These are the weights of a fit.
        """
        with self._lock:
            model = self.model
            if model.certainty is None and self.exact and not self._from_moments:
                head, spectrum = solved_head(model.head, model.task, self._moments)
                scored = scored_again(self._kept, head, model.task, spectrum)
                head = with_calibrated_labels(head, self._calibrated, model.task, scored)
                self._calibrated = model.task
                self.model = replace(model, head=head, certainty=scored)
                self._from_moments = True
            return self.model

    def choose(self) -> bool:
        """Choose λ and calibration anew, and complete the model; False where the rows are not at hand.

        Returns:
            Whether they were chosen; otherwise they are those of the fit.
        """
        with self._lock:
            model = self.model
            found = chosen_again(model.head, model.task, self._moments, self._kept) if self.exact else None
            if found is None:
                self.complete()
                return not self.exact
            head, moments, certainty = found
            self.model = replace(model, head=head, moments=moments, certainty=certainty)
            self._kept, self._factor = certainty or self._kept, self._factored(head, moments)
            self._calibrated = model.task
            self._from_moments = True
            return True

    @property
    def _moments(self) -> Moments:
        if self.model.moments is None:
            raise DataError("This model was saved without its moments, so it cannot be updated; fit it again.")
        return self.model.moments

    def _targets(self, task: Task, y: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        by_class = class_weights(self.model.head, task)
        return task_methods(task).targets(y, task.num_outputs), None if by_class is None else by_class[y]

    def _factored(self, head: FittedHead, moments: Moments | None) -> RidgeFactor | None:
        if moments is None or not isinstance(HEADS[head.head], FactoredHead) or not moments.w > 0:
            return None
        try:
            return RidgeFactor.of(moments, head.lam)
        except ParameterError:  # λ is 0 or only rounding beside the rows: each fit is solved from its spectrum
            return None

    def _summed(self, task: Task, kept: Certainty) -> Moments:
        """The moments of the rows that are at hand, without the digits that subtractions have cost."""
        targets, weights = self._targets(task, kept.y)
        if kept.rows is None or self.model.head.prior:
            raise ParameterError("These moments have lost digits to subtraction; fit the model again.")
        if kept.weights is not None and (kept.weights == 0).any():
            weights = np.ones(len(kept.y)) if weights is None else weights
            weights[kept.index[kept.weights == 0]] = 0.0
        return Moments.from_rows(kept.rows, targets, weights)

    def _become(
        self, task: Task, kept: Certainty | None, moments: Moments, factor: RidgeFactor | None
    ) -> TransferModel:
        model, kind = self.model, HEADS[self.model.head.head]
        if factor is not None and isinstance(kind, FactoredHead):
            head = resolved(model.head, task, kind.coefficients_of(factor), moments)
        else:
            head, _ = solved_head(model.head, task, moments)
        self.model = replace(model, task=task, head=head, moments=moments, certainty=None)
        self._from_moments = False
        self._kept, self._factor = kept, factor
        return self.model

    def _fitted_again(self, task: Task, kept: Certainty | None) -> TransferModel:
        head, certainty = fitted_again(self.model.head, task, kept)
        self.model = replace(self.model, task=task, head=head, moments=None, certainty=certainty)
        self._kept = certainty
        return self.model


def _has_lost_digits(moments: Moments) -> bool:
    """Whether subtraction left an eigenvalue that no sum of squares has."""
    scatter = moments.scatter
    trace = float(np.trace(scatter))
    try:
        np.linalg.cholesky(scatter + (-LOST * trace + np.finfo(np.float64).tiny) * np.eye(len(scatter)))
    except np.linalg.LinAlgError:
        return True
    return False
