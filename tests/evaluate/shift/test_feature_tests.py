"""Single columns against scipy's tests, and rare values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from headstart.evaluate.shift.feature_tests import feature_shifts


def test_columns_are_tested_as_scipy_does_and_corrected():
    rng = np.random.default_rng(0)
    reference = np.column_stack([rng.normal(size=90), rng.integers(0, 3, 90)])
    new = np.column_stack([rng.normal(size=60) + 1, rng.integers(0, 3, 60)])
    shifted, same = feature_shifts(reference, new, ["length", "kind"])
    assert (shifted.name, shifted.test, same.test) == ("length", "KS", "chi-squared")
    assert shifted.p_value == pytest.approx(ks_2samp(reference[:, 0], new[:, 0], method="asymp").pvalue)
    assert shifted.p_holm == pytest.approx(2 * shifted.p_value)
    table = [[(part[:, 1] == level).sum() for level in range(3)] for part in (reference, new)]
    assert same.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert shifted.moved == pytest.approx((new[:, 0].mean() - reference[:, 0].mean()) / reference[:, 0].std())


def test_values_that_are_too_rare_are_put_together_or_left_out():
    reference, new = np.repeat([0.0, 1, 2, 3], [40, 40, 1, 1]), np.repeat([0.0, 1], [20, 20])
    found = feature_shifts(reference[:, None], new[:, None], ["x"])[0]
    assert found.p_value == 1.0
    assert found.statistic == pytest.approx(0)
    constant = feature_shifts(np.ones((20, 1)), np.ones((9, 1)), ["x"])[0]
    assert constant.p_value == 1.0
    assert np.isnan(constant.moved)
