"""Vector scaling: a stationary point of its definition, and temperature scaling as its limit."""

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.linear.calibration import fit_temperature, log_softmax
from headstart.linear.vector_scaling import fit_vector_scaling


def drawn(n: int = 300, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n)
    return rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[y] * np.arange(1, classes + 1), y


def loss(scores: np.ndarray, y: np.ndarray, factor: np.ndarray, offset: np.ndarray) -> float:
    """The penalised loss by its definition."""
    logs = log_softmax(scores * factor + offset)[np.arange(len(y)), y]
    change = factor * fit_temperature(scores, y) - 1
    return float(-logs.sum() + 0.5 * (change @ change + offset @ offset))


def test_no_neighbour_has_a_smaller_penalised_loss() -> None:
    scores, y = drawn()
    factor, offset = fit_vector_scaling(scores, y)
    least, rng = loss(scores, y, factor, offset), np.random.default_rng(1)
    for _ in range(50):
        assert loss(scores, y, factor + 1e-3 * rng.normal(size=4), offset + 1e-3 * rng.normal(size=4)) > least
    assert offset.sum() == pytest.approx(0, abs=1e-5)


def test_a_large_penalty_gives_temperature_scaling() -> None:
    scores, y = drawn()
    factor, offset = fit_vector_scaling(scores, y, penalty=1e9)
    assert factor == pytest.approx(1 / fit_temperature(scores, y), rel=1e-5)
    assert offset == pytest.approx(0, abs=1e-5)


def test_bad_scores_are_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        fit_vector_scaling([[np.inf, 0.0]], [0])
    with pytest.raises(ParameterError, match="two classes"):
        fit_vector_scaling([[1.0]], [0])
