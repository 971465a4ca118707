"""The choice between one temperature and vector scaling, by cross-validated log-loss of left-out scores.

Vector scaling has 2C - 1 parameters more than the temperature. It is taken where the log-loss of items that its
parameters were not fitted on is smaller by more than the standard error of the paired difference, and where there are
at least 20 items for each class. Venn-Abers predictors are no candidate: on every set of ``benchmarks/RESULTS.md``,
"Abstention", their held-out log-loss was above that of the better of the two, and a saved model would have to hold a
step function for each class. They can be had from the left-out scores of any model (`venn_abers_classes`).

References: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017; Stone,
"Cross-Validatory Choice and Assessment of Statistical Predictions", JRSS B 1974.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.calibration import fit_temperature, log_softmax
from headstart.linear.checks import check_matrix, check_weights
from headstart.linear.vector_scaling import relative_scaling
from headstart.types import group_codes

__all__ = ["TEMPERATURE", "VECTOR", "CalibrationChoice", "choose_calibration", "cross_fitted_logits"]

Array = NDArray[np.float64]

TEMPERATURE, VECTOR = "temperature", "vector scaling"
FOLDS = 5
LEAST_PER_CLASS = 20  # items for each class: ten for each parameter of vector scaling
LEAST_UNITS = 20  # items, or groups of them, for a standard error
LARGEST = 1e6  # of a factor or offset that is taken


@dataclass(frozen=True, eq=False)
class CalibrationChoice:
    """Which calibration was taken, and the left-out log-loss behind it.

    Attributes:
        chosen: ``"temperature"`` or ``"vector scaling"``.
        log_loss: mean log-loss of the chosen calibration, in nats; for vector scaling of items that its parameters were
            not fitted on.
        temperature_log_loss: that of the temperature.
        difference: that of vector scaling minus that of the temperature; nan where they were not compared.
        standard_error: of the difference, over items or groups of them; nan where they were not compared.
        items: left-out items.
        reason: why there was no comparison by cross-validation; else empty.
        factor: (C,) factors of the scores divided by the temperature; empty for the temperature.
        offset: (C,) offsets of these; empty for the temperature.
        logits: (n, C) logits of vector scaling, each by parameters from the other folds; empty for the temperature.

    Examples:
        >>> choose_calibration(np.eye(2), np.array([0, 1])).reason
        'fewer than 40 left-out items'
    """

    chosen: str
    log_loss: float
    temperature_log_loss: float
    difference: float
    standard_error: float
    items: int
    reason: str
    factor: Array
    offset: Array
    logits: Array

    @property
    def sentence(self) -> str:
        """What was taken and why, in a clause."""
        if self.chosen == VECTOR:
            return (
                f"vector scaling (a factor and an offset for each class): left-out log-loss {self.log_loss:.3f}, with "
                f"one temperature {self.temperature_log_loss:.3f}; difference {self.difference:.3f}, standard error "
                f"{self.standard_error:.3f}"
            )
        if self.reason:
            return f"one temperature; vector scaling was not compared: {self.reason}"
        return (
            f"one temperature: left-out log-loss {self.log_loss:.3f}; vector scaling differs by "
            f"{self.difference:+.3f}, standard error {self.standard_error:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; None for nan."""
        compared = {"difference": self.difference, "standard_error": self.standard_error}
        return {
            "chosen": self.chosen, "log_loss": self.log_loss, "temperature_log_loss": self.temperature_log_loss,
            **{name: None if math.isnan(value) else value for name, value in compared.items()},
            "items": self.items, "sentence": self.sentence,
        }  # fmt: skip


def choose_calibration(
    scores: ArrayLike,
    y: NDArray[Any],
    *,
    temperature: float | None = None,
    groups: NDArray[np.int64] | None = None,
    sample_weight: Array | None = None,
) -> CalibrationChoice:
    """Vector scaling where left-out scores show that it is better, beyond noise; else temperature scaling.

    The parameters of vector scaling are fitted on four fifths of the items and judged on the last, five times. The fit
    to all items cannot be better on other items than on its own, so where its gain on its own is within one standard
    error, the folds are not fitted.

    Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Command: headstart fit DATA

    Args:
        scores: (n, C) left-out scores.
        y: (n,) class codes.
        temperature: of the scores; default: that of least log-loss.
        groups: (n,) codes of items that belong together: they share a fold, and count once in the standard error.
        sample_weight: (n,) weights of the items; default: ones.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 3, 300)
        >>> scores = np.eye(3)[y] + rng.normal(size=(300, 3)) / 2
        >>> choose_calibration(scores, y).chosen
        'temperature'
        >>> found = choose_calibration(scores + [0.0, 0.0, 1.0], y)          # class 2 scores too high by 1
        >>> found.chosen, found.difference < -found.standard_error
        ('vector scaling', True)
        >>> (found.offset[2] < found.offset[:2]).all()
        np.True_
    """
    rows = np.asarray(check_matrix(scores, "scores", "choose_calibration"), dtype=np.float64)
    weights = check_weights(sample_weight, len(rows), "choose_calibration")
    temperature = fit_temperature(rows, y, sample_weight) if temperature is None else temperature
    logits, codes = rows / temperature, np.asarray(y, dtype=np.intp)
    plain = _losses(logits, codes)
    mean = float(np.average(plain, weights=weights))
    units = group_codes(groups, len(rows)) if groups is not None else np.arange(len(rows))
    few = _too_few(logits, units)
    empty = np.empty(0)
    kept = CalibrationChoice(TEMPERATURE, mean, mean, math.nan, math.nan, len(rows), few, empty, empty, empty)
    if few:
        return kept
    factor, offset = relative_scaling(logits, codes, weights)
    own = _difference(_losses(logits * factor + offset, codes) - plain, weights, units)
    if own[0] >= -own[1]:
        return _with(kept, own, "its gain on the items that it is fitted on is within one standard error")
    if not ((factor > 1 / LARGEST) & (np.maximum(factor, np.abs(offset)) < LARGEST)).all():
        return _with(kept, own, "it would reverse the order of a class's scores")
    crossed = cross_fitted_logits(logits, codes, (factor, offset), units, weights)
    losses = _losses(crossed, codes)
    difference, error = _difference(losses - plain, weights, units)
    if difference >= -error:
        return _with(kept, (difference, error), "")
    return CalibrationChoice(
        VECTOR, float(np.average(losses, weights=weights)), mean, difference, error, len(rows), "", factor, offset,
        crossed,
    )  # fmt: skip


def _with(kept: CalibrationChoice, found: tuple[float, float], reason: str) -> CalibrationChoice:
    difference, error = (math.nan, math.nan) if reason else found
    return CalibrationChoice(
        kept.chosen, kept.log_loss, kept.temperature_log_loss, difference, error, kept.items, reason, kept.factor,
        kept.offset, kept.logits,
    )  # fmt: skip


def _too_few(logits: Array, units: NDArray[np.intp]) -> str:
    least = LEAST_PER_CLASS * logits.shape[1]
    if len(logits) < least:
        return f"fewer than {least} left-out items"
    if int(units.max()) + 1 < LEAST_UNITS:
        return f"fewer than {LEAST_UNITS} groups of left-out items"
    return "" if np.isfinite(logits).all() else "a class without items"


def cross_fitted_logits(
    logits: Array, y: NDArray[np.intp], start: tuple[Array, Array], units: NDArray[np.intp], weights: Array
) -> Array:
    """Logits (n, C) by vector scaling, each item by factors and offsets from the four fifths that it is not in.

    Args:
        logits: (n, C) left-out scores divided by the temperature.
        y: (n,) class codes.
        start: factors and offsets of the fit to all items.
        units: (n,) codes 0 to G-1 of items that share a fold; their order decides the folds.
        weights: (n,) weights of the items.

    Examples:
        >>> y = np.arange(40) % 2
        >>> cross_fitted_logits(2.0 * np.eye(2)[y], y, (np.ones(2), np.zeros(2)), np.arange(40), np.ones(40)).shape
        (40, 2)
    """
    fold = np.random.default_rng(0).permutation(int(units.max()) + 1) % FOLDS
    out = np.empty_like(logits)
    for k in range(FOLDS):
        test = fold[units] == k
        if test.any():
            others = np.where(test, 0.0, weights)
            factor, offset = relative_scaling(logits, y, others, start=start) if others.any() else start
            out[test] = logits[test] * factor + offset
    return out


def _losses(logits: Array, y: NDArray[np.intp]) -> Array:
    return np.asarray(-log_softmax(logits)[np.arange(len(y)), y])


def _difference(values: Array, weights: Array, units: NDArray[np.intp]) -> tuple[float, float]:
    """The weighted mean of paired differences (n,), and its standard error with complete groups as units."""
    mean = float(np.average(values, weights=weights))
    sums = np.bincount(units, weights * (values - mean))
    return mean, float(np.sqrt((sums**2).sum() * len(sums) / max(1, len(sums) - 1)) / weights.sum())
