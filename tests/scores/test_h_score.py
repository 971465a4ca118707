"""H-score, TransRate, GBC, PARC, SFDA and CKA against independent computations, and where published code is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import spearmanr
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.errors import DataError
from headstart.linear.spectrum import Spectrum
from headstart.scores import gbc, h_score, label_cka, linear_cka, parc, sfda, transrate
from headstart.scores.gbc import bhattacharyya_distances
from headstart.scores.h_score import ledoit_wolf_share
from headstart.scores.sfda import discriminant_posterior


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def canonical(x, y, classes):
    """Sum of squared canonical correlations by orthonormal bases of both column spaces."""
    q_x = np.linalg.qr(x - x.mean(axis=0))[0]
    one_hot = np.eye(classes)[y]
    q_y = np.linalg.svd(one_hot - one_hot.mean(axis=0), full_matrices=False)[0][:, : classes - 1]
    return (np.linalg.svd(q_x.T @ q_y, compute_uv=False) ** 2).sum()


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_h_score_is_the_sum_of_squared_canonical_correlations(classes):
    x, y = made(classes, classes=classes)
    assert h_score(x, y, shrinkage=0) == pytest.approx(canonical(x, y, classes), abs=1e-10)


def test_plain_h_score_saturates_where_rows_are_few_and_the_shrunk_one_does_not():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 50)), np.tile([0, 1, 2], 10)
    assert h_score(x, y, shrinkage=0) == pytest.approx(2, abs=1e-10)
    assert h_score(x, y) < 0.5


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 40)])
def test_shrunk_h_score_is_that_of_dense_matrices(n, d):
    x, y = made(d, n, d)
    centred = x - x.mean(axis=0)
    shrunk, share = ledoit_wolf(centred, assume_centered=True)
    means = np.stack([centred[y == c].mean(axis=0) for c in range(3)])[y]
    wanted = np.trace(np.linalg.solve(shrunk, (1 - share) * means.T @ means / n))
    assert ledoit_wolf_share(Spectrum.from_rows(x, np.zeros((n, 1))), x) == pytest.approx(share, abs=1e-12)
    assert h_score(x, y) == pytest.approx(wanted, abs=1e-10)


def rate(z, epsilon):
    n, d = z.shape
    return 0.5 * np.log(np.linalg.det(np.eye(d) + z.T @ z / (n * epsilon)))


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 30)])
def test_transrate_is_that_of_determinants(n, d):
    x, y = made(n, n, d)
    z = x - x.mean(axis=0)
    z /= np.sqrt((z**2).sum() / n)
    wanted = rate(z, 1e-4) - sum((y == c).mean() * rate(z[y == c], 1e-4) for c in range(3))
    assert transrate(x, y) == pytest.approx(wanted, abs=1e-9)
    assert transrate(5 * x + 3, y) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_transrate_is_never_negative_also_where_classes_are_unequal(seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [5, 95])
    x = rng.normal(size=(100, 4)) * np.where(y == 0, 0.01, 1)[:, None]
    assert transrate(x, y) >= 0
    z = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0).sum())
    # with equal weights, as published, rare and narrow classes change the score by as much as it is
    assert rate(z, 1e-4) - (rate(z[y == 0], 1e-4) + rate(z[y == 1], 1e-4)) / 2 > 3 * transrate(x, y)


def bhattacharyya(mu1, mu2, cov1, cov2):
    """The textbook distance of two Gaussians by dense covariances."""
    middle = (cov1 + cov2) / 2
    logs = [np.linalg.slogdet(cov)[1] for cov in (middle, cov1, cov2)]
    return (mu1 - mu2) @ np.linalg.solve(middle, mu1 - mu2) / 8 + 0.5 * (logs[0] - 0.5 * logs[1] - 0.5 * logs[2])


@pytest.mark.parametrize("covariance", ["spherical", "diagonal"])
@pytest.mark.parametrize("components", [3, 64])
def test_gbc_is_that_of_dense_covariances(covariance, components):
    x, y = made(1)
    z = PCA(min(components, 8)).fit_transform(x)
    means = [z[y == c].mean(axis=0) for c in range(3)]
    variances = [np.maximum(z[y == c].var(axis=0), 1e-4 * (z**2).mean()) for c in range(3)]
    if covariance == "spherical":
        variances = [np.full(z.shape[1], v.mean()) for v in variances]
    wanted = -sum(
        np.exp(-bhattacharyya(means[i], means[j], np.diag(variances[i]), np.diag(variances[j])))
        for i in range(3)
        for j in range(3)
        if i != j
    )
    assert gbc(x, y, covariance=covariance, components=components) == pytest.approx(wanted, abs=1e-10)
    assert gbc(100 * x, y, covariance=covariance, components=components) == pytest.approx(wanted, abs=1e-10)


def test_the_spherical_distance_has_the_factor_d_that_published_code_lacks():
    rng = np.random.default_rng(0)
    mu1, mu2 = np.zeros(64), 0.1 * rng.normal(size=64)
    v1, v2 = 1.0, 1.6
    middle = (v1 + v2) / 2
    exact = bhattacharyya(mu1, mu2, v1 * np.eye(64), v2 * np.eye(64))
    found = bhattacharyya_distances(np.stack([mu1, mu2]), np.repeat([[v1], [v2]], 64, axis=1))
    assert found[0, 1] == pytest.approx(exact, abs=1e-12)
    without = ((mu1 - mu2) ** 2).sum() / middle / 8 + 0.5 * (np.log(middle) - 0.5 * np.log(v1) - 0.5 * np.log(v2))
    assert exact > 5 * without


def test_parc_is_spearman_s_correlation_of_both_matrices():
    for seed, d in ((0, 8), (1, 50)):
        x, y = made(seed, d=d)
        z = PCA(min(32, d)).fit_transform(x)
        z /= z.std(axis=0)
        upper = np.triu_indices(60, 1)
        labels = (1 - np.corrcoef(np.eye(3)[y]))[upper].round(9)  # or rounding breaks ties between equal labels
        wanted = spearmanr((1 - np.corrcoef(z))[upper], labels)[0]
        assert parc(x, y) == pytest.approx(wanted, abs=1e-10)


def test_parc_draws_rows_where_there_are_many():
    x, y = made(0, n=200, spread=3)
    assert parc(x, y, max_rows=100, seed=1) == parc(x, y, max_rows=100, seed=1)
    assert parc(x, y, max_rows=100) == pytest.approx(parc(x, y), abs=0.1)
    with pytest.raises(DataError, match="two rows of one class"):
        parc(x[:3], np.arange(3))


def published_sfda(x, y, classes):
    """The published steps with all generalised eigenvectors, on a copy of the rows and with exact eigenvalues."""

    def fit(x, shrinkage):
        means = np.stack([x[y == c].mean(axis=0) for c in range(classes)])
        priors = np.bincount(y) / len(y)
        within = sum(priors[c] * np.cov(x[y == c].T, bias=True) for c in range(classes))
        if shrinkage is None:
            shrinkage = max(np.exp(-5 * np.linalg.eigvalsh(within)[-1]), 1e-10)
        d = x.shape[1]
        total = np.cov(x.T, bias=True)
        total = (1 - shrinkage) * total + shrinkage * np.trace(total) / d * np.eye(d)
        shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / d * np.eye(d)
        vectors = eigh(total - shrunk, shrunk)[1]
        coef = means @ vectors @ vectors.T
        scores = x @ coef.T - 0.5 * np.diag(means @ coef.T) + np.log(priors)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True), shrinkage, means

    p, shrinkage, means = fit(x, None)
    p = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    mixed = x.copy()
    for c in range(classes):
        confidence = p[y == c, c][:, None]
        others = np.delete(means, c, axis=0).mean(axis=0)
        mixed[y == c] = confidence * x[y == c] + (1 - confidence) * others
    return fit(mixed, shrinkage)[0][np.arange(len(y)), y].mean()


@pytest.mark.parametrize(("seed", "scale"), [(0, 1.0), (1, 0.2), (2, 3.0)])
def test_sfda_is_that_of_the_published_steps(seed, scale):
    x, y = made(seed)
    kept = (scale * x).copy()
    assert sfda(kept, y) == pytest.approx(published_sfda(scale * x, y, 3), abs=1e-10)
    assert (kept == scale * x).all()


def test_sfda_does_not_depend_on_columns_that_are_not_there():
    rng = np.random.default_rng(0)
    x, y = 0.3 * rng.normal(size=(20, 40)), np.tile([0, 1], 10)
    rotation = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    assert sfda(x @ rotation + 2, y) == pytest.approx(sfda(x, y), abs=1e-9)
    assert 0 < sfda(x, y) <= 1


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_the_discriminant_is_sklearn_s(shrinkage):
    x, y = made(3)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, y)
    found, _ = discriminant_posterior(x - x.mean(axis=0), y, 3, width=8, shrinkage=shrinkage)
    assert found == pytest.approx(model.predict_proba(x), abs=1e-10)


def test_a_symmetric_solver_on_a_matrix_that_is_not_gives_the_nearest_mean():
    x, y = made(4)
    means = np.stack([x[y == c].mean(axis=0) for c in range(3)])
    within = sum((y == c).mean() * np.cov(x[y == c].T, bias=True) for c in range(3))
    between = np.cov(x.T, bias=True) - within
    wrong = np.linalg.eigh(np.linalg.solve(within, between))[1]  # orthonormal, as for any symmetric matrix
    assert means @ wrong @ wrong.T == pytest.approx(means, abs=1e-10)
    scores = x @ means.T - 0.5 * (means**2).sum(axis=1) + np.log(np.bincount(y) / 60)
    nearest = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found, _ = discriminant_posterior(x - x.mean(axis=0), y, 3, width=8, shrinkage=0.0)
    assert np.abs(found - nearest).max() > 0.1


def test_cka_is_that_of_centred_grams():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(30, 4)) + 5, rng.normal(size=(30, 50))
    centring = np.eye(30) - 1 / 30
    k, m = centring @ x @ x.T @ centring, centring @ z @ z.T @ centring
    wanted = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(x, z) == pytest.approx(wanted, abs=1e-12)


def unbiased_hsic(k, m):
    """Song et al. 2012, equation 5, with Gram matrices that are not centred."""
    n = len(k)
    k, m, ones = k - np.diag(np.diag(k)), m - np.diag(np.diag(m)), np.ones(n)
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + middle - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3))


def test_debiased_cka_is_that_of_unbiased_estimates():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4)) + 1
    z = x @ rng.normal(size=(4, 20)) + rng.normal(size=(30, 20))
    k, m = x @ x.T, z @ z.T
    wanted = unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))
    assert linear_cka(x, z, debiased=True) == pytest.approx(wanted, abs=1e-12)


def test_debiased_cka_of_what_has_nothing_in_common_is_near_zero():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(20, 100)) + 9, rng.normal(size=(20, 100))) for _ in range(10)]
    assert abs(np.mean([linear_cka(x, z, debiased=True) for x, z in pairs])) < 0.1
    assert min(linear_cka(x, z) for x, z in pairs) > 0.5
    x, y = made(0, spread=0)
    assert abs(label_cka(x, y)) < 0.1
