"""NCE against counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from headstart.scores import nce


def made(seed, n=50, classes=3, source=7, peak=3.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[:classes] = np.arange(classes)
    logits = peak * rng.normal(size=(n, source)) + 2 * np.eye(source)[y]
    theta = np.exp(logits)
    return theta / theta.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("seed", range(5))
def test_nce_is_that_of_counts(seed):
    theta, y = made(seed)
    z = theta.argmax(axis=1)
    wanted = -sum((z == label).mean() * entropy(np.bincount(y[z == label])) for label in np.unique(z))
    assert nce(z, y) == pytest.approx(wanted, abs=1e-12)
