"""Prediction sets and intervals of a model that hold the true answer with a promised probability.

They follow from the left-out scores that the fit kept (`headstart.model.certainty`). Where the head is ridge or LDA and
the rows of the training items are there, each score is compared with that of the new item under the fit *without* that
training item, exactly: jackknife+ for values, cross-conformal sets for classes. Otherwise it is compared with that of
the model itself (jackknife).

A set is never empty: it holds the most probable class, which can only raise the coverage. Several labels of an item are
treated one by one: the set holds each label that cannot be ruled out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ParameterError
from headstart.heads import FittedHead
from headstart.linear.conformal import (
    check_coverage,
    chunks_of,
    conformal_p_values,
    group_weights,
    in_set,
    jackknife_plus,
    least_rows,
    split_interval,
)
from headstart.linear.conformity import aps, lac, ordinal_aps, raps
from headstart.linear.moments import Moments
from headstart.model.certainty import VALIDATED, Certainty
from headstart.model.conformal.exact_fits import EXACT_HEADS, ExactFits
from headstart.params import check_choice
from headstart.tasks import is_classification, is_multilabel, is_regression, task_methods
from headstart.types import Rows, Task

__all__ = ["SET_METHODS", "ConformalPredictor", "SetMethod"]

Array = NDArray[np.float64]
SetMethod = Literal["lac", "aps", "raps", "ordinal"]
Score = Callable[[Array, Array], Array]

SET_METHODS: dict[str, Score] = {
    "lac": lambda p, _: lac(p), "aps": aps, "raps": raps, "ordinal": ordinal_aps,
}  # fmt: skip
# Scored items times labels up to which the fits without each item are compared: 2 ms for each new item. With more, such
# a fit differs from the one on all items by less than the noise of the scores.
MOST_NUMBERS = 160_000
NAMED = 5  # classes with too few items that are listed


@dataclass(frozen=True, eq=False)
class ConformalPredictor:
    """Prediction sets or intervals of one model.

    Attributes:
        task: the model's label schema.
        head: its head.
        moments: of the head's training rows; None if not kept.
        certainty: the left-out scores that the fit kept.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.concatenate([np.linspace(0, 2, 10), np.linspace(1, 3, 10)])[:, None], np.repeat([0, 1], 10)
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, y, task)
        >>> predictor = ConformalPredictor(task, head, None, certainty_of(x, y, task, head, ids=list(map(str, x))))
        >>> predictor.sets(np.array([[-1.0], [1.5], [4.0]]), 0.9)
        array([[ True, False],
               [ True,  True],
               [False,  True]])
    """

    task: Task
    head: FittedHead
    moments: Moments | None
    certainty: Certainty

    @property
    def exact(self) -> bool:
        """Whether new items are compared under the fits without each training item (or group)."""
        kept = self.certainty
        known = kept.rows is not None and kept.solved is not None and self.moments is not None
        lda = self.head.head != "lda" or kept.within is not None
        few = len(kept.index) * self.task.num_outputs <= MOST_NUMBERS
        return known and lda and self.head.head in EXACT_HEADS and few

    @property
    def method(self) -> str:
        """The name of the method in the literature."""
        if self.certainty.how == VALIDATED:
            return "split-conformal"
        if not self.exact:
            return "jackknife"
        return "jackknife+" if is_regression(self.task) else "cross-conformal"

    def check(self, coverage: float, *, per_class: bool = False) -> None:
        """Raise unless the left-out scores can promise this coverage.

        Args:
            coverage: 1-alpha.
            per_class: whether it is promised for each class.

        Raises:
            ParameterError: if the coverage does not lie between 0 and 1, or classes are asked of a regression.
            DataError: if there are too few left-out scores.
        """
        check_coverage(coverage, "a prediction set")
        least, have = least_rows(coverage), self.certainty.units
        if per_class and not is_classification(self.task):
            raise ParameterError(f"A coverage per class needs classes. Got a {self.task.kind} task.")
        if per_class or is_multilabel(self.task):
            have = max(self.units_of_labels)
        if have >= least:
            return
        what = "items" if self.certainty.groups is None else "groups of items" if self._by_group else "distinct items"
        what += " of a class" if per_class else " with the label" if is_multilabel(self.task) else ""
        most = f"; {have} can promise at most {np.floor(1000 * have / (have + 1)) / 1000:g}" if have else ""
        raise DataError(
            f"A coverage of {coverage:g} needs left-out scores of at least {least} {what}. Got {have}{most}: ask for "
            "less, or fit more items."
        )

    def sentence(self, coverage: float, *, per_class: bool = False) -> str:
        """What is promised, by which method.

        Args:
            coverage: 1-alpha.
            per_class: whether it is promised for each class.
        """
        kept, share = self.certainty, f"{coverage:.1%}".replace(".0%", "%")
        new = "new items of new groups" if self._by_group else "new items"
        what = "intervals hold the value" if is_regression(self.task) else "sets hold the label"
        whose = f"{share} of {new}"
        if is_multilabel(self.task):
            what, whose = "sets hold a label", f"{share} of {new} that have it"
        elif per_class:
            whose = f"{share} of {new} of each class"
        many = f"{len(kept.index):,} {kept.how} scores"
        if kept.groups is not None:
            many += f" of {kept.units:,} {'groups' if self._by_group else 'distinct items'}"
        how = f"{self.method}, {many}; about {share} where new data are alike"
        if kept.how == VALIDATED:
            how += "; the same items chose the weights"
        elif self.exact:
            least = f"{max(0.0, 2 * coverage - 1):.1%}".replace(".0%", "%")
            how += f"; at least {least} if λ and features were fixed"
        else:
            how += ", without a guarantee for the worst case"
        return f"{what} for {whose} ({how}){self._too_few(coverage, per_class=per_class)}"

    @property
    def _by_group(self) -> bool:
        """Whether items come in groups that are named in the data; near duplicates are left out together too."""
        return self.certainty.groups is not None and self.certainty.how != "leave-one-out"

    def _too_few(self, coverage: float, *, per_class: bool) -> str:
        """A clause on the labels that have too few items, and are therefore in every set; else empty."""
        if not (per_class or is_multilabel(self.task)):
            return ""
        least = least_rows(coverage)
        few = [name for name, have in zip(self.task.labels, self.units_of_labels, strict=True) if have < least]
        if not few:
            return ""
        names = ", ".join(few[:NAMED]) + (f" and {len(few) - NAMED} more" if len(few) > NAMED else "")
        return f"; with fewer than {least} items, these are in every set: {names}"

    @cached_property
    def units_of_labels(self) -> list[int]:
        """For each label, the number of scored items that have it, or of their groups, (k,)."""
        groups = self.certainty.scored_groups
        return [
            len(rows) if groups is None else len(np.unique(groups[rows]))
            for rows in (np.flatnonzero(self._has(label)) for label in range(self.task.num_outputs))
        ]

    def _has(self, label: int) -> NDArray[np.bool_]:
        labels = self.certainty.labels
        return np.asarray(labels[:, label] > 0.5 if is_multilabel(self.task) else labels == label)

    def sets(
        self,
        rows: Rows,
        coverage: float,
        *,
        method: SetMethod | None = None,
        per_class: bool = False,
        allow_empty: bool = False,
    ) -> NDArray[np.bool_]:
        """Which labels belong to the prediction set of each item, (m, k).

        Args:
            rows: (m, d) source rows.
            coverage: 1-alpha.
            method: the nonconformity score; default: as in `p_values`.
            per_class: whether the coverage is promised for each class, not only for all together.
            allow_empty: whether a set may be empty: no class conforms; otherwise it holds the most probable class.

        Raises:
            ParameterError: if the task is a regression, or for an unknown method or coverage.
            DataError: if there are too few left-out scores for this coverage.
        """
        self.check(coverage, per_class=per_class)
        found = self.p_values(rows, method=method, per_class=per_class)
        return self.cut(found, self.head.scores(rows), coverage, allow_empty=allow_empty)

    def cut(self, p_values: Array, outputs: Array, coverage: float, *, allow_empty: bool = False) -> NDArray[np.bool_]:
        """The sets (m, k) of a coverage, given the p-values of all labels.

        Args:
            p_values: (m, k) from `p_values`.
            outputs: (m, k) scores or probabilities of the model, which say what label is the most probable.
            coverage: 1-alpha.
            allow_empty: as in `sets`.
        """
        found = in_set(p_values, coverage)
        if not allow_empty and is_classification(self.task) and len(found):
            found[np.arange(len(found)), outputs.argmax(axis=1)] = True
        return found

    def p_values(
        self,
        rows: Rows | None,
        *,
        outputs: Array | None = None,
        method: SetMethod | None = None,
        per_class: bool = False,
    ) -> Array:
        """The conformal p-value of each label of each item, (m, k): its set at level alpha is where it exceeds alpha.

        Args:
            rows: (m, d) source rows; None, with ``outputs``, if the predictor is not `exact`.
            outputs: (m, k) outputs of the model, where they are known.
            method: ``"lac"`` (least sets), ``"aps"`` or ``"raps"`` (sets adapt to how hard an item is), or
                ``"ordinal"`` (no gaps); default: ``"ordinal"`` for an ordinal head, else ``"lac"``.
            per_class: whether labels are compared with items of their own class only.

        Raises:
            ParameterError: if the task is a regression, or for an unknown method.
        """
        if is_regression(self.task):
            raise ParameterError("Prediction sets need labels. Got a regression; ask for intervals.")
        method = method or ("ordinal" if self.head.head == "ordinal" else "lac")
        check_choice(method, "method", "prediction sets", sorted(SET_METHODS))
        if is_multilabel(self.task) and method != "lac":
            raise ParameterError(f"Sets of independent labels need the method 'lac'. Got '{method}'.")
        score = SET_METHODS[method]
        own = self._own_scores(score)
        given = self._given(rows, outputs)
        out = np.empty((len(given), self.task.num_outputs))
        for part, fresh, uniform in self._new_outputs(rows, given):
            new = score(fresh, uniform if fresh.ndim == 2 else np.broadcast_to(uniform[:, None], fresh.shape[:2]))
            if per_class or is_multilabel(self.task):
                out[part] = self._by_label(own, new)
            else:
                out[part] = conformal_p_values(own, new, weights=self._weights, fits=self._fit_of_row)
        return out

    def _own_scores(self, score: Score) -> Array:
        """Scores of the training items for their own label (m,), or for each label (m, k)."""
        outputs = self.certainty.outputs(self.task, self.head.calibration)
        found = score(outputs, uniforms(self.certainty.scores))
        if is_multilabel(self.task):
            return found
        own = found[np.arange(len(found)), self.certainty.labels]
        # without the last row of its class, the class is impossible: no label conforms less
        return np.where(self._last_of_class, np.inf, own) if self.head.head == "lda" else own

    def _by_label(self, own: Array, new: Array) -> Array:
        groups, out = self.certainty.scored_groups, np.empty((len(new), self.task.num_outputs))
        for label in range(self.task.num_outputs):
            rows = np.flatnonzero(self._has(label))
            mine = own[rows, label] if own.ndim == 2 else own[rows]
            weights = None if groups is None else group_weights(groups[rows], len(rows))
            fits = self._fit_of_row[rows]
            out[:, [label]] = conformal_p_values(mine, new[..., [label]], weights=weights, fits=fits)
        return out

    def intervals(
        self, rows: Rows | None, coverage: float, *, outputs: Array | None = None, adaptive: bool = True
    ) -> Array:
        """The lower and upper end of each value of each item, (m, k, 2); each value is promised by itself.

        Args:
            rows: as in `p_values`.
            coverage: 1-alpha.
            outputs: as in `p_values`.
            adaptive: whether intervals are wider for items that are unlike those of the fit: residuals are compared in
                units of √(1 + leverage). The mean width stays the same; coverage is more even. Only where the fits
                without each item are known, and each item is its own group.

        Raises:
            ParameterError: if the task is no regression, or for a coverage that does not lie between 0 and 1.
            DataError: if there are too few left-out scores for this coverage.
        """
        if not is_regression(self.task):
            raise ParameterError(f"Prediction intervals need values. Got a {self.task.kind} task; ask for sets.")
        self.check(coverage)
        given = self._given(rows, outputs)
        kept, out = self.certainty, np.empty((*given.shape, 2))
        residuals = kept.labels - kept.outputs(self.task, self.head.calibration)
        for part, fresh, _ in self._new_outputs(rows, given):
            spread = None
            if adaptive and self.exact and rows is not None and kept.groups is None:
                spread = self._exact.spread(self.head.feature_map(rows[part]))
            for target in range(self.task.num_outputs):
                own, weights = residuals[:, target], self._weights
                if fresh.ndim == 2:
                    out[part, target] = split_interval(fresh[:, target], own, coverage, weights=weights)
                else:
                    without = fresh[:, self._fit_of_row, target]
                    out[part, target] = jackknife_plus(without, own, coverage, weights=weights, scale=spread)
        return out

    @property
    def _weights(self) -> Array | None:
        groups = self.certainty.scored_groups
        return None if groups is None else group_weights(groups, len(groups))

    @property
    def _fit_of_row(self) -> NDArray[np.int64]:
        groups = self.certainty.scored_groups
        return np.arange(len(self.certainty.index), dtype=np.int64) if groups is None else groups

    @property
    def _last_of_class(self) -> NDArray[np.bool_]:
        """Scored items (m,) whose class has no items outside of their group."""
        kept = self.certainty
        codes = np.arange(len(kept.y)) if kept.groups is None else kept.groups
        spread = np.array([len(np.unique(codes[kept.y == label])) for label in range(self.task.num_outputs)])
        return np.asarray(spread[kept.labels] < 2)

    def _given(self, rows: Rows | None, outputs: Array | None) -> Array:
        """(m, k) outputs of the model."""
        if outputs is not None:
            return outputs
        if rows is None:
            raise ParameterError("Prediction sets and intervals need the rows of the items, or the model's outputs.")
        return task_methods(self.task).outputs(self.head.scores(rows), self.head.calibration)

    def _new_outputs(self, rows: Rows | None, outputs: Array) -> Iterator[tuple[slice, Array, Array]]:
        """Parts of the items, their outputs (m, k) or (m, G, k) under the fits without each unit, and U of each."""
        k = self.task.num_outputs
        if not self.exact:
            for part in chunks_of(len(outputs), k):
                yield part, outputs[part], uniforms(outputs[part] if rows is None else rows[part])
            return
        if rows is None:
            raise ParameterError("The fits without each training item need the rows of the new items.")
        methods, calibration, exact = task_methods(self.task), self.head.calibration, self._exact
        for part in chunks_of(len(rows), exact.numbers):
            scores = exact(self.head.feature_map(rows[part]))
            fresh = methods.outputs(scores.reshape(-1, k), calibration).reshape(scores.shape)
            yield part, fresh, uniforms(rows[part])

    @cached_property
    def _exact(self) -> ExactFits:
        if self.moments is None:
            raise ParameterError("The fits without each item need the moments of the model.")
        return ExactFits.of(self.task, self.head, self.moments, self.certainty)


def uniforms(rows: NDArray[Any]) -> Array:
    """A number U between 0 and 1 for each row, (m,), from a digest of the row: it does not depend on other rows.

    Args:
        rows: (m, d) numbers that are the same to the last bit whatever the company of a row.

    Examples:
        >>> first, second, third = uniforms(np.array([[0.25, 0.75], [0.5, 0.5], [0.25, 0.75]]))
        >>> bool(first == third), bool(first == second)
        (True, False)
    """
    digests = (hashlib.blake2b(row.tobytes(), digest_size=6).digest() for row in np.ascontiguousarray(rows))
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.float64) / 2**48


def no_certainty(folder: object, what: str = "coverage") -> DataError:
    """The error for a model without left-out scores.

    Args:
        folder: the folder that it was loaded from, or None.
        what: what it cannot promise.

    Examples:
        >>> print(no_certainty(None))
        This model has no left-out scores, so it can promise no coverage: ...
    """
    which = "This model" if folder is None else f"The model '{folder}'"
    return DataError(
        f"{which} has no left-out scores, so it can promise no {what}: it was fitted without examples, by an earlier "
        "release, or changed since; fit it again on labelled items."
    )
