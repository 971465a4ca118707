"""The power law: known laws are recovered, by an independent least-squares fit too, and the floor is never negative."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from headstart.errors import ParameterError
from headstart.evaluate.curves.power_law import EXPONENTS, fit_power_law

SIZES = np.array([25.0, 50.0, 100.0, 200.0, 400.0])


@pytest.mark.parametrize("exponent", EXPONENTS[[4, 9, 14, 19]])
@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_a_law_without_noise_is_recovered(exponent, floor):
    errors = floor + 0.3 * (SIZES / 25) ** -exponent
    laws = fit_power_law(SIZES, errors, np.eye(5) * 1e-12)
    assert laws.best.exponent == pytest.approx(exponent)
    assert laws.best.floor == pytest.approx(floor, abs=1e-6)
    assert laws.best(800) == pytest.approx(floor + 0.3 * 32**-exponent, abs=1e-6)
    assert laws.weights @ laws.errors(800) == pytest.approx(laws.best(800), abs=1e-4)


def test_the_best_law_is_that_of_a_nonlinear_least_squares_fit():
    rng = np.random.default_rng(3)
    errors, deviation = 0.1 + 2 / SIZES**0.8 + rng.normal(scale=0.003, size=5), np.array([9, 7, 5, 4, 3]) * 1e-3
    laws = fit_power_law(SIZES, errors, np.diag(deviation**2))
    (a, b, c), _ = curve_fit(lambda n, a, b, c: a + b * n**-c, SIZES, errors, p0=(0.1, 2, 0.8), sigma=deviation,
                             bounds=([0, 0, 0.05], [1, 50, 2]))  # fmt: skip
    ours, theirs = (((errors - law) / deviation) ** 2 for law in (laws.best.floor + laws.best.scale
                    * SIZES**-laws.best.exponent, a + b * SIZES**-c))  # fmt: skip
    # ours searches a grid of exponents, so its least squares are a little above
    assert theirs.sum() <= ours.sum() + 1e-9 <= theirs.sum() * 1.1 + 0.1


def test_the_floor_is_never_below_zero_and_a_forecast_neither():
    laws = fit_power_law(SIZES, 0.2 - 0.03 * np.log2(SIZES / 25), np.eye(5) * 1e-6)
    assert laws.best.floor >= 0
    assert (laws.errors(100_000) >= 0).all()


def test_a_curve_that_rises_with_n_is_fitted_as_it_is():
    laws = fit_power_law(SIZES, 0.2 + 0.02 * np.log2(SIZES / 25), np.eye(5) * 1e-6)
    assert laws.best.scale < 0
    assert laws.weights @ laws.errors(800) > 0.27


def test_errors_of_zero_are_forecast_as_zero():
    laws = fit_power_law(SIZES, np.zeros(5), np.zeros((5, 5)))
    assert np.isfinite(laws.weights).all()
    assert laws.weights @ laws.errors(800) == pytest.approx(0, abs=1e-6)


def test_one_size_is_refused():
    with pytest.raises(ParameterError, match="two or more different sizes"):
        fit_power_law([50, 50], [0.1, 0.2], np.eye(2))
