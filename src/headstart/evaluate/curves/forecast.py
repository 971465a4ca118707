"""Forecasts: from the errors at several sizes to what more labels would bring, with the noise of items and of draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.curves.measure import SizeErrors
from headstart.evaluate.curves.power_law import FittedLaws
from headstart.types import group_codes

__all__ = ["DrawNoise", "LabelGain", "Series", "forecast", "item_noise", "series_of"]

Array = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class LabelGain:
    """What more labels of the same kind would bring.

    Attributes:
        more: number of further labels.
        error: the present error.
        gain: how much the error would fall; below 0 if it would rise.
        low: lower bound of the 95% interval of the gain.
        high: upper bound.

    Examples:
        >>> LabelGain(200, 0.09, 0.015, 0.007, 0.023).half_width
        0.008
    """

    more: int
    error: float
    gain: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width, rounded to 12 decimals."""
        return round((self.high - self.low) / 2, 12)


@dataclass(frozen=True, eq=False)
class Series:
    """Mean errors by size, with the covariance of their noise.

    Attributes:
        sizes: (J,) numbers of labels.
        errors: (J,) mean errors.
        covariance: (J, J) of the noise of items and of draws.
        draw: the variance of the error from one training set to another.
    """

    sizes: Array
    errors: Array
    covariance: Array
    draw: DrawNoise


@dataclass(frozen=True)
class DrawNoise:
    """The variance of the error from one training set of m labels to another, t m^-p.

    Two training sets that share s rows have errors with a correlation of s / √(m m'), as means of the rows' parts have.

    Attributes:
        scale: t.
        power: p, between 1 (the mean of independent parts) and 2 (proportional to the square of an excess error that
            falls like 1/m).

    Examples:
        >>> DrawNoise(1.0, 1.0).covariance(np.array([50.0, 100.0]), np.array([4, 1]))
        array([[0.0125, 0.01  ],
               [0.01  , 0.01  ]])
    """

    scale: float
    power: float

    @classmethod
    def fitted(cls, sizes: Array, draws: NDArray[np.intp], spreads: Array) -> DrawNoise:
        """The noise behind the variances that were seen among the subsamples of each size.

        Args:
            sizes: (J,) numbers of labels.
            draws: (J,) subsamples of each size.
            spreads: (J,) variance of the error among them; nan for a single one.

        Examples:
            >>> sizes = np.array([10.0, 20.0, 100.0])
            >>> noise = DrawNoise.fitted(sizes, np.array([4, 4, 1]), np.array([0.09, 0.04, np.nan]))
            >>> round(noise.scale, 12), round(noise.power, 12)
            (1.0, 1.0)
        """
        known = spreads > 0
        if not known.any():
            return cls(0.0, 1.0)
        m = sizes[known]
        # the larger sizes count more: theirs is the noise that is extrapolated
        weights = m * np.maximum(draws[known] - 1, 1)
        # two draws of m from n rows share m²/n of them, so that their difference lacks a share m/n of the variance
        variance = spreads[known] / np.maximum(1 - m / sizes.max(), 1e-9)
        power = 1.0
        if len(m) > 2:
            power = float(np.clip(-np.polyfit(np.log(m), np.log(variance), 1, w=np.sqrt(weights))[0], 1.0, 2.0))
        return cls(float((variance * m**power * weights).sum() / weights.sum()), power)

    def deviation(self, size: Array | float) -> Array:
        """The standard deviation of the error at ``size`` labels."""
        return np.asarray(np.sqrt(self.scale) * np.asarray(size, np.float64) ** (-self.power / 2))

    def covariance(self, sizes: Array, draws: NDArray[np.intp]) -> Array:
        """Covariance (J, J) of the mean errors of nested draws from n rows.

        R draws of m rows and of m' ≥ m rows share so many rows that their mean correlation is
        √(m m') (1/(R m') + (1 - 1/R)/n).

        Args:
            sizes: (J,) numbers of labels; the largest is n.
            draws: (J,) numbers of draws; R is the larger one of a pair.
        """
        larger = np.maximum(sizes[:, None], sizes)
        most = np.maximum(draws[:, None], draws)
        correlation = np.sqrt(np.outer(sizes, sizes)) * (1 / (most * larger) + (1 - 1 / most) / sizes.max())
        return np.asarray(correlation * np.outer(self.deviation(sizes), self.deviation(sizes)))

    def of_gain(self, labels: float, more: int) -> float:
        """The standard deviation of err(n) - err(n + more), where the larger set holds the smaller one."""
        now, then = self.deviation(labels), self.deviation(labels + more)
        return float(np.sqrt(np.maximum(now**2 + then**2 - 2 * now * then * np.sqrt(labels / (labels + more)), 0.0)))


def item_noise(errors: Array, units: NDArray[np.int64] | None) -> tuple[Array, Array]:
    """Mean errors (J,) and their covariance (J, J) over the sample of judged items.

    All sizes share the items, so their errors rise and fall together and differences are known better than each alone.
    With units (patients, speakers) the sums of a unit are the independent observations; with few of them the covariance
    is enlarged by the ratio of a t to a normal quantile.

    Args:
        errors: (J, N); nan where an item is not judged at a size.
        units: (N,) codes, or None.

    Examples:
        >>> means, covariance = item_noise(np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]), None)
        >>> means, covariance.round(2).tolist()
        (array([0.5 , 0.25]), [[0.22, 0.11], [0.11, 0.16]])
    """
    from scipy.special import ndtri, stdtrit

    seen = ~np.isnan(errors)
    counts = np.maximum(seen.sum(axis=1), 1)
    means = np.nansum(errors, axis=1) / counts
    parts = np.where(seen, errors - means[:, None], 0.0) / counts[:, None]  # (J, N): shares of the noise
    codes = group_codes(units, errors.shape[1])
    number = int(codes.max()) + 1
    if number < errors.shape[1]:
        summed = np.zeros((len(errors), number))
        np.add.at(summed.T, codes, parts.T)
        parts = summed
    if number < 2:
        return means, np.full((len(errors),) * 2, np.nan)
    wider = float(stdtrit(number - 1, (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2)) ** 2
    covariance = parts @ parts.T * number / (number - 1) * wider
    # a share of exactly 0 or 1 still has the uncertainty of one more item (Laplace's rule)
    least = np.maximum(means * (1 - means), 0.0) if (means <= 1).all() else np.zeros_like(means)
    floor = np.where(least == 0, 1.0 / (number + 2) ** 2, 0.0)
    return means, covariance + np.diag(floor)


def series_of(found: Sequence[SizeErrors], errors: Array, spreads: Array, units: NDArray[np.int64] | None) -> Series:
    """Mean errors of all items, or of one class or target, with the covariance of their noise.

    Args:
        found: the sizes, ascending.
        errors: (J, N) error of each item; nan where it is not judged.
        spreads: (J,) variance of the mean error from draw to draw; nan for a single draw.
        units: (N,) codes of items that are not independent, or None.

    Examples:
        >>> nothing = np.zeros((2, 1)), np.zeros(1)
        >>> sizes = [SizeErrors(50.0, 4, *nothing), SizeErrors(100.0, 1, *nothing)]
        >>> series_of(sizes, np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([0.01, np.nan]), None).draw
        DrawNoise(scale=1.0, power=1.0)
    """
    sizes, draws = np.array([one.size for one in found]), np.array([one.draws for one in found])
    means, noise = item_noise(errors, units)
    noise_of_draws = DrawNoise.fitted(sizes, draws, spreads)
    return Series(sizes, means, noise + noise_of_draws.covariance(sizes, draws), noise_of_draws)


def forecast(series: Series, laws: FittedLaws, more: int, *, labels: int, level: float = LEVEL) -> LabelGain:
    """The gain of ``more`` labels: the mean over the laws, with the noise of the labels that are still to be drawn.

    Args:
        series: errors by size.
        laws: fitted to them.
        more: number of further labels.
        labels: the present number, which may be above the largest size (that of folds).
        level: coverage of the interval.

    Examples:
        >>> from headstart.evaluate.curves.power_law import fit_power_law
        >>> series = Series(np.array([100.0, 200.0]), np.array([0.2, 0.15]), np.eye(2) * 1e-10, DrawNoise(0.0, 1.0))
        >>> one = forecast(series, fit_power_law(series.sizes, series.errors, series.covariance), 200, labels=200)
        >>> 0.02 < one.gain < 0.05, one.low <= one.gain <= one.high
        (True, True)
    """
    expected = laws.errors(labels) - laws.errors(labels + more)
    noise = series.draw.of_gain(labels, more)
    gains = expected + noise * np.random.default_rng(more).standard_normal(len(expected))
    order = np.argsort(gains)
    places = np.cumsum(laws.weights[order]) - laws.weights[order] / 2
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], places, gains[order])
    present, gain = float(laws.weights @ laws.errors(labels)), float(laws.weights @ expected)
    return LabelGain(more, present, gain, float(min(low, gain)), float(max(high, gain)))
