"""Novelty: the p-value of an item being like the training items, from scores of these left out of the fit.

Three scores say how unlike an item is: its leverage (the Mahalanobis distance in the metric of the head), the cosine
distance to its nearest training item, and one minus its largest probability. Each is turned into -ln of its tail
probability under a log-normal distribution; their sum (Fisher's method, as a score) is compared with the sums of
training items, so that nothing rests on the distribution. The score of a training item is that of the fit without it
(its group): leverage by the exact formula, the nearest of the others, left-out probabilities.

The p-value is (1 + #{training sums ≥ that of the item}) / (n + 1). For an item that is exchangeable with the training
items it is at most r with probability at most r, for any distribution. This false-alarm rate holds on average over
draws of the training items: among many items that are compared with the same training items, the share of false alarms
has a beta distribution around it. With groups, each group has the weight of one item.

References: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World", 2005; Bates, Candès, Lei, Romano and
Sesia, "Testing for Outliers with Conformal p-values", Annals of Statistics 2023; Lee et al., NeurIPS 2018
(Mahalanobis); Sun et al., ICML 2022 (nearest neighbours); Hendrycks & Gimpel, ICLR 2017 (largest probability).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ParameterError
from headstart.heads import FittedHead
from headstart.linear.checks import chunks, unit_rows
from headstart.linear.conformal import conformal_p_values, group_weights, least_rows
from headstart.linear.left_out_leverage import Leverage, left_out_of_one
from headstart.linear.moments import Moments
from headstart.model.certainty import Certainty, scored_only
from headstart.model.coverage import no_certainty
from headstart.tasks import is_classification, task_methods
from headstart.types import Rows, Task

__all__ = [
    "FALSE_ALARM", "NoveltyDetector", "checked_rate", "more_than_chance", "novelty_detector", "novelty_p_values",
]  # fmt: skip

Array = NDArray[np.float64]

FALSE_ALARM = 0.01
"""Share of items like the training items that are flagged at most, on average over draws of the training items."""
MOST_ROWS = (
    2_000  # training items that new ones are compared with; drawn at random, complete groups, where there are more
)
LEAST_SCORE = 1e-9  # scores below it, rounding of float32 rows, are equal
NORMAL_90 = 1.2815515655446004  # the 90th percentile of the normal distribution
CHANCE = 0.05  # a batch is reported if so many flags would come by chance in fewer batches


@dataclass(frozen=True, eq=False)
class NoveltyDetector:
    """How unlike the training items new items are.

    Attributes:
        task: the model's label schema.
        head: its head.
        moments: of the head's training rows; None if not kept.
        certainty: what the fit kept.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> x, y = np.random.default_rng(0).normal(size=(199, 2)), np.arange(199) % 2
        >>> task = Task("classification", ("even", "odd"))
        >>> head = select_head(x, y, task)
        >>> kept = certainty_of(x, y, task, head, ids=list(map(str, y)))
        >>> found = NoveltyDetector(task, head, Moments.from_rows(head.feature_map(x), np.eye(2)[y]), kept)
        >>> found.p_values(np.array([[0.0, 0.0], [6.0, 6.0]])) <= 0.01
        array([False,  True])
        >>> found.names
        ('leverage', 'knn', 'max_prob')
    """

    task: Task
    head: FittedHead
    moments: Moments | None
    certainty: Certainty

    @property
    def names(self) -> tuple[str, ...]:
        """The scores that the model allows, of ``"leverage"``, ``"knn"`` and ``"max_prob"``."""
        return tuple(self._reference)

    @cached_property
    def _kept(self) -> Certainty:
        """The evidence: items that were in the fit, at most `MOST_ROWS` of them in complete groups."""
        kept = self.certainty
        if kept.weights is not None and not kept.weights.all():
            kept = scored_only(kept, np.flatnonzero(kept.weights))  # suspects were not in the fit
        if len(kept.index) <= MOST_ROWS:
            return kept
        groups = kept.scored_groups
        codes = np.arange(len(kept.index)) if groups is None else groups
        drawn = np.random.default_rng(0).permutation(int(codes.max()) + 1)
        total = np.cumsum(np.bincount(codes)[drawn])
        taken = drawn[: max(2, int(np.searchsorted(total, MOST_ROWS, side="right")))]
        return scored_only(kept, np.flatnonzero(np.isin(codes, taken)))

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        """(m,) codes of the evidence: items with the same code were left out together."""
        groups = self._kept.scored_groups
        return np.arange(len(self._kept.index), dtype=np.int64) if groups is None else groups

    @cached_property
    def _leverage(self) -> Leverage | None:
        """What gives the leverage; None for heads without a penalty, or without moments."""
        lam = self.head.lam
        if self.moments is None or self.certainty.leverage is None or not (np.isfinite(lam) and lam > 0):
            return None
        # of groups, the rows are needed: the leverage of a single row is not that without its group
        return Leverage(self.moments, lam) if self.certainty.groups is None or self._rows is not None else None

    @cached_property
    def _rows(self) -> NDArray[Any] | None:
        """(m, d) rows of the evidence."""
        return None if self.certainty.rows is None else self.certainty.rows[self._kept.index]

    @cached_property
    def _unit(self) -> NDArray[Any] | None:
        return None if self._rows is None else unit_rows(np.asarray(self._rows, dtype=np.float32))

    @cached_property
    def _reference(self) -> Mapping[str, Array]:
        """Each score (m,) of the evidence, left out."""
        kept, found = self._kept, {}
        if self._leverage is not None and kept.leverage is not None:
            found["leverage"] = self._left_out_leverage(self._leverage)
        if self._unit is not None and len(np.unique(self._codes)) > 1:
            found["knn"] = self._nearest(self._unit, self._codes)
        if is_classification(self.task):
            found["max_prob"] = 1 - kept.outputs(self.task, self.head.calibration).max(axis=1)
        return found

    def _left_out_leverage(self, fit: Leverage) -> Array:
        kept = self._kept
        total = fit.total
        if kept.groups is None and kept.leverage is not None:
            found = left_out_of_one(kept.leverage, kept.weights)
            return np.asarray(found - 1 / np.maximum(total - (1 if kept.weights is None else kept.weights), 1e-300))
        # groups need all their rows, also those without scores
        if self.certainty.rows is None or kept.groups is None:
            raise ParameterError("The leverage without a group needs the rows of the training items.")
        members = np.flatnonzero(np.isin(kept.groups, kept.groups[kept.index]))
        weights = np.ones(len(self.certainty.y))
        if self.certainty.weights is not None:
            weights[self.certainty.index] = self.certainty.weights
        groups = kept.groups[members]
        found = fit.without_groups(self.certainty.rows[members], groups, weights[members])
        outside = total - np.bincount(groups, weights[members])[groups]
        every = np.full(len(self.certainty.y), np.nan)
        every[members] = found - 1 / np.maximum(outside, 1e-300)
        return every[kept.index]

    def _nearest(self, unit: NDArray[Any], codes: NDArray[np.int64] | None) -> Array:
        """1 - cosine to the nearest row of the evidence; of another group where codes of the rows are given."""
        if self._unit is None:
            raise ParameterError("The nearest neighbour needs the rows of the training items.")
        out = np.empty(len(unit))
        for part in chunks(len(unit)):
            cosine = unit[part] @ self._unit.T
            if codes is not None:
                cosine[codes[part][:, None] == self._codes[None, :]] = -np.inf
            out[part] = 1 - cosine.max(axis=1)
        return out

    def scores(self, rows: Rows, outputs: Array | None = None) -> dict[str, Array]:
        """Each score (n,) of new items; higher is less like the training items.

        Args:
            rows: (n, d) source rows.
            outputs: (n, k) calibrated outputs of the model, where they are known.
        """
        found, names = {}, self.names
        mapped = (
            self.head.feature_map(np.asarray(rows)) if {"leverage", "knn"} & set(names) else np.empty((len(rows), 0))
        )
        if "leverage" in names and self._leverage is not None:
            found["leverage"] = self._leverage.new(mapped) - 1 / self._leverage.total
        if "knn" in names:
            found["knn"] = self._nearest(unit_rows(np.asarray(mapped, dtype=np.float32)), None)
        if "max_prob" in names:
            if outputs is None:
                outputs = task_methods(self.task).outputs(self.head.scores(rows), self.head.calibration)
            found["max_prob"] = 1 - outputs.max(axis=1)
        return found

    def p_values(self, rows: Rows, outputs: Array | None = None) -> Array:
        """The p-value (n,) of each item being like the training items: small for novel ones, at least 1/(m+1).

        Args:
            rows: (n, d) source rows.
            outputs: as in `scores`.

        Raises:
            DataError: if the model allows none of the scores.
        """
        reference = self._reference
        if not reference:
            raise DataError(
                "This model kept neither the rows of its training items nor their leverage, and gives no "
                "probabilities: nothing says how unlike them an item is."
            )
        fresh = self.scores(rows, outputs)
        own = sum(_surprise(one, one) for one in reference.values())
        new = sum(_surprise(one, fresh[name]) for name, one in reference.items())
        weights = None if self._kept.groups is None else group_weights(self._codes, len(self._codes))
        return conformal_p_values(np.asarray(own), np.asarray(new)[:, None], weights=weights)[:, 0]

    @property
    def units(self) -> int:
        """Training items, or groups of them, that new items are compared with."""
        return self._kept.units

    def check(self, false_alarm: float) -> None:
        """Raise unless items can be flagged at this false-alarm rate.

        Args:
            false_alarm: the share of items like the training items that may be flagged.

        Raises:
            ParameterError: unless it lies between 0 and 1.
            DataError: if there are fewer training items (or groups) than 1/rate - 1.
        """
        least, have = least_rows(1 - checked_rate(false_alarm)), self.units
        if have < least:
            what = "groups of training items" if self._kept.groups is not None else "training items"
            raise DataError(
                f"A false-alarm rate of {false_alarm:g} needs {least} {what} to compare with. Got {have}, which allow "
                f"at least {np.ceil(1000 / (have + 1)) / 1000:g}: give --false-alarm, or fit more items."
            )


def _surprise(reference: Array, values: Array) -> Array:
    """-ln of the upper tail of a log-normal distribution that has the median and the 90th percentile of the reference.

    Unlike a rank it keeps growing beyond the largest value of the reference, so that one extreme score suffices.
    """
    from scipy.special import log_ndtr

    logs = np.log(np.maximum(reference, LEAST_SCORE))
    middle, upper = np.quantile(logs, (0.5, 0.9))
    spread = max((upper - middle) / NORMAL_90, LEAST_SCORE)
    return np.asarray(-log_ndtr((middle - np.log(np.maximum(values, LEAST_SCORE))) / spread))


def checked_rate(false_alarm: float) -> float:
    """The false-alarm rate as a float.

    Args:
        false_alarm: the value to check.

    Raises:
        ParameterError: unless it lies between 0 and 1, both excluded.

    Examples:
        >>> checked_rate(0.05)
        0.05
    """
    number = isinstance(false_alarm, int | float | np.number) and not isinstance(false_alarm, bool)
    if not number or not 0 < false_alarm < 1:
        raise ParameterError(f"A false-alarm rate must lie between 0 and 1, such as 0.01. Got {false_alarm!r} instead.")
    return float(false_alarm)


def more_than_chance(flagged: int, items: int, units: int, false_alarm: float = FALSE_ALARM) -> bool:
    """Whether more items are flagged than the false-alarm rate explains, in 95% of batches without novel items.

    The items are compared with the same training items, so the number of false alarms has a beta-binomial distribution
    and not a binomial one.

    Reference: Bates et al., "Testing for Outliers with Conformal p-values", Annals of Statistics 2023.

    Args:
        flagged: items whose p-value is at most the rate.
        items: all items of the batch.
        units: training items, or groups, that they were compared with.
        false_alarm: the rate.

    Examples:
        >>> more_than_chance(1, 40, 1000), more_than_chance(3, 40, 1000)
        (False, True)
    """
    from scipy.special import betaln, gammaln

    rank = int(np.floor(false_alarm * (units + 1) + 1e-9))
    if not flagged or not rank:
        return False
    below = np.arange(flagged)
    a, b = rank, units + 1 - rank
    choose = gammaln(items + 1) - gammaln(below + 1) - gammaln(items - below + 1)
    fewer = np.exp(choose + betaln(below + a, items - below + b) - betaln(a, b)).sum()
    return bool(1 - fewer <= CHANCE)


def novelty_p_values(self: Any, items: Any) -> Array:
    """For each of n items, the p-value (n,) of being like the training items; small for novel ones.

    An item that is exchangeable with the training items has a p-value of at most 0.01 with probability at most 1%. That
    is the false-alarm rate on average over draws of the training items; with the training items of one model it is a
    little higher or lower. `TransferModel.novelty_detector` has the scores behind it.

    Args:
        self: the model.
        items: as in `predict`.

    Raises:
        DataError: if the model kept nothing to compare with.

    References:
        Bates et al., "Testing for Outliers with Conformal p-values", Annals of Statistics 2023.

    Examples:
        >>> from headstart import fit
        >>> rows = np.random.default_rng(0).normal(size=(400, 3))
        >>> model = fit((rows, rows[:, 0] > 0), baselines="none", verbose=False).model
        >>> model.novelty(np.array([[0.5, 0.0, 0.1], [20.0, 20.0, 20.0]])) <= 0.01
        array([False,  True])
    """
    return self.novelty_detector().p_values(self.rows_of(items)) if len(items) else np.empty(0)


def novelty_detector(self: Any) -> NoveltyDetector:
    """What says how unlike the training items an item is: its scores, and those of the training items.

    Args:
        self: the model.

    Raises:
        DataError: if the model has no left-out scores.

    Examples:
        >>> from headstart import fit
        >>> rows = [[k / 100, k % 7] for k in range(400)]
        >>> model = fit((rows, ["low"] * 200 + ["high"] * 200), baselines="none", verbose=False).model
        >>> model.novelty_detector().units
        400
    """
    if self.certainty is None:
        raise no_certainty(self.folder, "false-alarm rate")
    return NoveltyDetector(self.task, self.head, self.moments, self.certainty)
