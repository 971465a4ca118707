"""Bias-corrected temperature scaling: agreement with a general optimiser, and separated classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from headstart.adapt.label_shift import bias_corrected_temperature
from headstart.errors import DataError, ParameterError
from headstart.linear import fit_temperature


def test_it_minimises_the_penalised_log_loss():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 80)
    scores = 3 * (np.eye(3)[y] + rng.normal(size=(80, 3)) + [1.0, 0.0, -1.0])
    temperature = fit_temperature(scores, y)

    def loss(v):
        z = v[3] * scores / temperature + v[:3]
        return (logsumexp(z, axis=1) - z[np.arange(80), y]).sum() + 0.5 * (v[3] - 1) ** 2 + 0.5 * v[:3].sum() ** 2

    best = minimize(loss, [0.0, 0.0, 0.0, 1.0], method="BFGS", options={"gtol": 1e-9}).x
    fitted = bias_corrected_temperature(scores, y)
    np.testing.assert_allclose(fitted.offset, best[:3], atol=1e-5)
    assert fitted.factor * temperature == pytest.approx(best[3], abs=1e-5)


def test_separated_classes_stay_finite_and_keep_their_shares():
    y = np.repeat([0, 1], [3, 9])
    scores = 5.0 * np.eye(2)[y] + np.linspace(0, 0.1, 12)[:, None] * [1, -1]
    fitted = bias_corrected_temperature(scores, y)
    assert np.isfinite(fitted.factor)
    np.testing.assert_allclose(fitted.probabilities(scores).mean(axis=0), [0.25, 0.75], atol=1e-9)


def test_wrong_inputs_are_named():
    with pytest.raises(ParameterError, match="'y' parameter"):
        bias_corrected_temperature(np.eye(2), [0])
    with pytest.raises(DataError, match="every class"):
        bias_corrected_temperature(np.eye(2), [0, 0])
