"""N-LEEP against scikit-learn's mixture."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from headstart.scores import leep, n_leep


def test_n_leep_is_leep_of_sklearn_s_mixture():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    x = rng.normal(size=(120, 5)) * [5, 3, 1, 1, 0.1] + 2 * y[:, None]
    energy = np.cumsum(PCA().fit(x).explained_variance_ratio_)
    z = PCA(int(np.argmax(energy >= 0.8)) + 1).fit_transform(x)
    posterior = GaussianMixture(10, covariance_type="diag", random_state=4).fit(z / z.std(axis=0)[0])
    # principal components are free in their signs, which the start of a mixture does not see
    wanted = leep(posterior.predict_proba(z / z.std(axis=0)[0]), y)
    found = n_leep(x, y, seed=4)
    assert found == n_leep(x, y, seed=4)
    assert found == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_n_leep_of_features_that_decide_the_class_is_near_zero(covariance):
    y = np.repeat([0, 1, 2], 40)
    x = 20 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(120, 3))
    assert n_leep(x, y, covariance=covariance, components=3) > -1e-3
    assert n_leep(x, np.random.default_rng(1).permutation(y), covariance=covariance) < -0.5


def test_n_leep_of_duplicates_needs_no_convergence():
    assert n_leep(np.repeat(np.eye(2), 10, axis=0), np.repeat([0, 1], 10)) == pytest.approx(0, abs=1e-6)
