"""Learning curve: the error of the head at several numbers of labels, and what more labels would bring.

Features and body stay as they are; the head is solved on nested, stratified subsamples of the training rows, at the λ
of least leave-one-out loss of each, since λ depends on n. Subsamples cost algebra, not encoding. Each item is judged by
fits that have not seen it. A power law a + b n⁻ᶜ through the errors gives the forecast, averaged over the plausible
exponents (see `headstart.evaluate.curves.power_law`). The interval covers three things: the sample of judged items, the
draw of training items (of this fit, and of the labels to come), and the law itself.

References: Cortes et al., NIPS 1993; Mukherjee et al., "Estimating Dataset Size Requirements for Classifying DNA
Microarray Data", Journal of Computational Biology 2003; Figueroa et al., BMC Medical Informatics 2012; Viering & Loog,
"The Shape of Learning Curves: A Review", TPAMI 2022.

Command: headstart fit DATA
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.data import folds
from headstart.errors import DataError, ParameterError
from headstart.evaluate.curves.forecast import LabelGain, forecast, series_of
from headstart.evaluate.curves.measure import (
    JudgedItems,
    SizeErrors,
    Subject,
    errors_at,
    item_errors,
    judge_items,
    solved_on,
)
from headstart.evaluate.curves.plan import planned
from headstart.evaluate.curves.power_law import PowerLaw, fit_power_law
from headstart.evaluate.curves.subsamples import NestedOrder, nested_orders
from headstart.heads import HEADS, FeatureMap, SpectralHead
from headstart.params import check_choice, check_number
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import base_kind, base_task, is_classification, is_regression, task_methods
from headstart.types import Rows, Task, group_codes

__all__ = ["Final", "LearningCurve", "curve_of", "learning_curve"]

FOLDS = 5
LEAST_ITEMS = 5  # judged items of a class
LITTLE = 0.01  # one point: more labels are unlikely to help where even the upper end of the interval is below it
FEW = 200  # labels of the forecast that is printed for 100 to 2,000 present ones
TESTS = 0.05  # share of wrong claims about classes that is allowed in all
MEASURES = {"classification": "accuracy", "multilabel": "share of correct labels", "regression": "R²"}


@dataclass(frozen=True)
class LearningCurve:
    """Errors by number of labels, the law through them, and what more labels would bring.

    Attributes:
        measure: ``"accuracy"``, ``"share of correct labels"`` or ``"R²"``; the error is 1 minus it.
        head: name of the head.
        labels: n, the labels that the model has now.
        sizes: (J,) numbers of labels; the last one is n, or the mean training part of folds.
        errors: (J,) mean error at each size.
        low: (J,) lower bounds of the 95% intervals.
        high: (J,) upper bounds.
        draws: (J,) subsamples of each size.
        law: the law of least weighted squares.
        forecasts: what more labels would bring, fewest labels first: 200 more, and twice as many.
        per_class: the gain from twice as many labels of all classes for each class, label or target.
        judged: number of judged items.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(400, 20)), np.arange(400) % 2
        >>> x[:, 0] += 2 * y
        >>> curve = learning_curve(x, y, Task("classification", ("a", "b")))
        >>> curve.measure, curve.labels, len(curve.forecasts)
        ('accuracy', 400, 2)
    """

    measure: str
    head: str
    labels: int
    sizes: tuple[float, ...]
    errors: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    draws: tuple[int, ...]
    law: PowerLaw
    forecasts: tuple[LabelGain, ...]
    per_class: Mapping[str, LabelGain]
    judged: int

    @property
    def forecast(self) -> LabelGain:
        """The forecast for 200 more labels if n is between 100 and 2,000, else for twice as many."""
        by_labels = {forecast.more: forecast for forecast in self.forecasts}
        return by_labels[200] if 100 <= self.labels <= 2000 and 200 in by_labels else self.forecasts[-1]

    @property
    def helped_most(self) -> str | None:
        """The class with the largest gain among those whose interval is above zero; None if there is none."""
        sure = {label: one for label, one in self.per_class.items() if one.low > 0}
        return max(sure, key=lambda label: sure[label].gain) if len(self.per_class) > 1 and sure else None

    @property
    def sentence(self) -> str:
        """What more labels would bring, in one or two sentences."""
        one = self.forecast
        measured = self.errors[-1]  # what the evaluation reports; the law smooths it
        now, then = (_short(1 - error) for error in (measured, max(measured - one.gain, 0.0)))
        text = f"{one.more:,} more labels would bring {self._gain(one)} ({self.measure} {now} → {then})"
        if one.low <= 0:
            little = one.high < LITTLE  # a wide interval around zero shows nothing
            verdict = "are unlikely to help" if little else "are not shown to help"
            text = f"{one.more:,} more labels of this kind {verdict}: {self._gain(one)} ({self.measure} {now} → {then})"
            text += "" if little else ", and the interval holds zero"
            if one.gain < 0 and not little:  # labels of the same kind do harm in the noise of small subsamples only
                text = f"What {one.more:,} more labels of this kind would bring cannot be told: {self._gain(one)}"
        most = self.helped_most
        if most is not None:
            best = self.per_class[most]
            text += f". With {best.more:,} more, '{most}' gains most: {self._gain(best)}"
        return text + "."

    def _gain(self, one: LabelGain) -> str:
        """The gain with half of its interval, in percentage points; of R² in its own units."""
        if self.measure == MEASURES["regression"]:
            return f"{one.gain:+.3f} ± {one.half_width:.3f}"
        return f"{100 * one.gain:+.1f} ± {100 * one.half_width:.1f} points"

    def __repr__(self) -> str:
        """The forecast and the errors, one size per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = [
            (f"{size:,.0f} labels", f"{self.measure} {1 - error:.3f} [{1 - high:.3f}, {1 - low:.3f}]")
            for size, error, low, high in zip(self.sizes, self.errors, self.low, self.high, strict=True)
        ]
        return f"LearningCurve: {self.sentence}", shown

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **{name: getattr(self, name) for name in ("measure", "head", "labels", "judged")},
            **{name: list(getattr(self, name)) for name in ("sizes", "errors", "low", "high", "draws")},
            "law": asdict(self.law),
            "forecasts": [asdict(one) for one in self.forecasts],
            "per_class": {label: asdict(one) for label, one in self.per_class.items()},
            "sentence": self.sentence,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Read a curve that `to_dict` wrote."""
        fields: dict[str, Any] = {name: saved[name] for name in ("measure", "head", "labels", "judged")}
        fields |= {name: tuple(saved[name]) for name in ("sizes", "errors", "low", "high", "draws")}
        return cls(
            **fields,
            law=PowerLaw(**saved["law"]),
            forecasts=tuple(LabelGain(**one) for one in saved["forecasts"]),
            per_class={label: LabelGain(**one) for label, one in saved["per_class"].items()},
        )


@dataclass(frozen=True, eq=False)
class Final:
    """The outputs of the complete fit, if they are known already: they are then not computed again.

    Attributes:
        labels: number of training items behind the outputs: n, or the training part of a fold.
        outputs: (N, k) calibrated outputs of the judged items.
    """

    labels: float
    outputs: NDArray[np.float64]


def learning_curve(
    x: Rows,
    y: ArrayLike,
    task: Task,
    *,
    head: str | None = None,
    held_out: tuple[Rows, ArrayLike] | None = None,
    groups: ArrayLike | None = None,
    held_out_groups: ArrayLike | None = None,
    class_weight: str | None = None,
    draws: int = 8,
    seconds: float = 2.0,
    seed: int = 0,
) -> LearningCurve:
    """The learning curve of a closed-form head on rows, with a forecast of what more labels would bring.

    Args:
        x: (n, d) rows of features.
        y: their labels: codes (n,), 0/1 columns (n, k) or values (n, k).
        task: the label schema.
        head: ``"ridge"`` or ``"lda"``; default: LDA for classification, else ridge.
        held_out: rows and labels on which errors are counted; default: each training item is judged by the
            subsamples without it, and for the largest size out of five folds.
        groups: (n,) names or codes of rows that stay together (patient, speaker); default: each row is its own.
        held_out_groups: the same for the held-out rows.
        class_weight: ``"balanced"`` or None.
        draws: subsamples of each size, at least 2; default 8. Sizes that are dear to solve get fewer, or are left out.
        seconds: about how long it may take; default 2.
        seed: of the draws.

    Returns:
        Errors, law and forecasts.

    Raises:
        DataError: if there are too few rows or groups for two sizes.
        ParameterError: if a parameter is out of range.
        UnknownNameError: for an unknown head.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 30))
        >>> y = x @ rng.normal(size=(30, 1)) + rng.normal(size=(200, 1))
        >>> curve = learning_curve(x, y, Task("regression", ("price",)))
        >>> curve.errors[0] > curve.errors[-1], curve.forecast.more
        (True, 200)
    """
    check_number(draws, "draws", "learning_curve", low=2, integer=True)
    check_number(seconds, "seconds", "learning_curve", low=0.0, open_low=True)
    labels = _labels(y, task)
    solved = _closed_form(head or ("lda" if is_classification(task) else "ridge"), task)
    codes = None if groups is None else group_codes(groups, len(labels))
    identity = FeatureMap("rows", ((0, x.shape[1]),), "none")
    subject = Subject(x, labels, task, identity, solved, codes, class_weight, None, seed)
    if held_out is None:
        judged = JudgedItems(x[:], labels, np.arange(len(labels)), codes)
    else:
        units = None if held_out_groups is None else group_codes(held_out_groups, len(held_out[0]))
        judged = JudgedItems(held_out[0][:], _labels(held_out[1], task), None, units)
    return curve_of(subject, judged, draws=draws, seconds=seconds)


def _labels(y: ArrayLike, task: Task) -> NDArray[Any]:
    values = np.asarray(y)
    return values if is_classification(task) else values.reshape(len(values), -1)


def _closed_form(name: str, task: Task) -> SpectralHead:
    known = [one for one in HEADS if isinstance(HEADS[one], SpectralHead) and base_kind(task) in HEADS[one].tasks]
    check_choice(name, "head", "learning_curve", known)
    found = HEADS[name]
    if not isinstance(found, SpectralHead):  # check_choice has refused it
        raise ParameterError(f"The head '{name}' has no closed form.")
    return found


def curve_of(
    subject: Subject, judged: JudgedItems, *, final: Final | None = None, draws: int = 6, seconds: float = 2.0
) -> LearningCurve:
    """The learning curve of a subject; `learning_curve` on arrays.

    Args:
        subject: training rows, labels and head.
        judged: the items on which errors are counted.
        final: outputs of the complete fit for these items; default: they are computed.
        draws: subsamples of each size.
        seconds: about how long it may take.

    Raises:
        DataError: if there are too few rows or groups for two sizes, or all judged items are of one group.

    Examples:
        >>> from headstart.heads.ridge import RIDGE
        >>> x = np.random.default_rng(0).normal(size=(60, 2))
        >>> subject = Subject(x, x[:, :1], Task("regression", ("y",)), FeatureMap("rows", ((0, 2),), "none"), RIDGE)
        >>> curve_of(subject, JudgedItems(x, x[:, :1], np.arange(60))).errors[-1] < 1e-6
        True
    """
    if judged.units is not None and len(np.unique(judged.units)) < 2:
        raise DataError(
            "A learning curve needs judged items of two groups or more, whose differences are its noise. Got one group."
        )
    plan = planned(subject, len(judged.y), draws=draws, seconds=seconds)
    if not plan:
        groups = "" if subject.groups is None else f" in {len(np.unique(subject.groups))} groups"
        raise DataError(
            f"A learning curve needs subsamples of two sizes. Got {len(subject.y)} training items{groups}; give more, "
            "or allow more time."
        )
    last = _complete(subject, judged, final)
    orders = nested_orders(subject.y, subject.task, subject.groups, max(plan.values()), subject.seed)
    variance = _variance(judged, subject.task)
    plan = {size: count for size, count in plan.items() if _has_groups(subject, orders[:count], size)}
    if not plan:
        raise DataError("A learning curve needs subsamples of two groups or more. Got groups that are too large.")
    found = [errors_at(subject, judged, orders[:count], size, variance) for size, count in plan.items()]
    return _curve(subject, judged, [*found, last])


def _has_groups(subject: Subject, orders: Sequence[NestedOrder], size: int) -> bool:
    """Whether each subsample of this size holds two groups, of which one can be left out."""
    if subject.groups is None:
        return True
    return all(len(np.unique(subject.groups[order.prefix(size)])) > 1 for order in orders)


def _complete(subject: Subject, judged: JudgedItems, final: Final | None) -> SizeErrors:
    """The errors of the complete fit: of the outputs given, of a fit on all rows, or out of five folds."""
    variance = _variance(judged, subject.task)
    unknown = np.full(1 + subject.task.num_outputs, np.nan)
    if final is not None:
        return SizeErrors(final.labels, 1, item_errors(final.outputs, judged.y, subject.task, variance), unknown)
    if judged.index is None:
        found = solved_on(subject, np.arange(len(subject.y)))
        return SizeErrors(len(subject.y), 1, judge_items(subject, found, judged, variance), unknown)
    # not leave-one-out: the shares of the classes without an item are worse for it than those of any subsample
    codes = np.arange(len(subject.y)) if subject.groups is None else subject.groups
    parts = folds(subject.y, base_task(subject.task).kind, codes, n_folds=FOLDS, seed=subject.seed)
    errors, sizes = (
        np.full((len(judged.y), 1 if is_classification(subject.task) else subject.task.num_outputs), 0.0),
        [],
    )
    for train, test in parts:
        found = solved_on(subject, train)
        own = np.isin(judged.index, test)
        items = JudgedItems(judged.rows[own], judged.y[own])
        errors[own] = judge_items(subject, found, items, variance)
        sizes.append(len(train))
    return SizeErrors(float(np.mean(sizes)), 1, errors, unknown)


def _variance(judged: JudgedItems, task: Task) -> NDArray[np.float64] | None:
    """The variance of each target over the judged items, the unit of their squared errors."""
    if not is_regression(task):
        return None
    return np.asarray(task_methods(task).targets(judged.y, task.num_outputs).var(axis=0))


def _curve(subject: Subject, judged: JudgedItems, found: Sequence[SizeErrors]) -> LearningCurve:
    """Fit the law to all errors, and to those of each class, label or target."""
    task, n = subject.task, len(subject.y)
    errors = np.stack([one.errors for one in found])  # (J, N, p)
    spreads = np.stack([one.spread for one in found])  # (J, 1 + k)
    series = series_of(found, errors.mean(axis=2), spreads[:, 0], judged.units)
    laws = fit_power_law(series.sizes, series.errors, series.covariance, seed=subject.seed)
    half = 1.96 * np.sqrt(np.maximum(series.covariance.diagonal(), 0.0))
    more = sorted({FEW, n} - ({FEW} if n < FEW / 4 else set()))
    return LearningCurve(
        MEASURES[base_kind(task)], subject.head.name, n, _plain(series.sizes), _plain(series.errors),
        _plain(np.maximum(series.errors - half, 0.0)), _plain(series.errors + half),
        tuple(one.draws for one in found), laws.best,
        tuple(forecast(series, laws, one, labels=n) for one in more),
        _by_class(subject, judged, found, errors), len(judged.y),
    )  # fmt: skip


def _by_class(
    subject: Subject, judged: JudgedItems, found: Sequence[SizeErrors], errors: NDArray[np.float64]
) -> dict[str, LabelGain]:
    """The forecast of twice as many labels for each class, label or target with judged items."""
    task, forecasts = subject.task, {}
    level = 1 - TESTS / task.num_outputs
    for code, label in enumerate(task.labels):
        if is_classification(task):
            rows = np.flatnonzero(judged.y == code)
            own = errors[:, rows, 0]
        else:
            rows, own = np.arange(len(judged.y)), errors[:, :, code]
        seen = np.asarray((~np.isnan(own)).any(axis=1))
        units = None if judged.units is None else judged.units[rows]
        few = units is not None and len(np.unique(units)) < 2
        if not seen[-1] or seen.sum() < 2 or len(rows) < LEAST_ITEMS or few:
            continue
        sizes = [one for one, there in zip(found, seen, strict=True) if there]
        spreads = np.array([one.spread[1 + code] for one in sizes])
        series = series_of(sizes, own[seen], spreads, units)
        laws = fit_power_law(series.sizes, series.errors, series.covariance, seed=subject.seed)
        forecasts[label] = forecast(series, laws, len(subject.y), labels=len(subject.y), level=level)
    return forecasts


def _short(value: float) -> str:
    """Three decimals, without a zero before the point."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.3f}")


def _plain(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
