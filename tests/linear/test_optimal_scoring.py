from __future__ import annotations

import numpy as np
import pytest
from linear_reference import assert_agrees, one_hot
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.errors import ParameterError
from headstart.linear.calibration import softmax
from headstart.linear.leave_out import fitted, leave_one_out
from headstart.linear.optimal_scoring import optimal_scoring
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum


def classes(seed, n, d, count, gap=1.0):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(count), rng.integers(0, count, n - count)])
    return rng.normal(size=(n, d)) + gap * rng.normal(size=(count, d))[codes], codes


def posterior(x, codes, lam=0.0, count=None, weights=None, priors=None):
    spectrum = Spectrum.from_rows(x, one_hot(codes, count), weights)
    scoring = optimal_scoring(spectrum, lam, spectrum.target_mean if priors is None else priors)
    return softmax(scoring.scores(fitted(spectrum, x, lam)))


@pytest.mark.parametrize(("n", "d", "count"), [(80, 5, 4), (200, 3, 8), (60, 6, 2), (90, 1, 3)])
@pytest.mark.parametrize("gap", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("solver", ["lsqr", "svd"])
def test_no_penalty_is_lda(n, d, count, gap, solver):
    x, codes = classes(0, n, d, count, gap)
    model = LinearDiscriminantAnalysis(solver=solver).fit(x, codes)
    assert_agrees(posterior(x, codes), model.predict_proba(x))


def test_given_priors_are_those_of_lda():
    x, codes = classes(2, 80, 5, 3)
    priors = np.array([0.7, 0.2, 0.1])
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(x, codes)
    # scikit-learn would weight the covariance by given priors; the classes' offsets alone change here
    wanted = model.decision_function(x) - np.log(model.priors_) + np.log(priors)
    assert_agrees(posterior(x, codes, priors=priors), softmax(wanted))


@pytest.mark.parametrize("lam", [1e-8, 1e-6])
def test_the_limit_is_smooth(lam):
    x, codes = classes(3, 80, 5, 4)
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(x, codes)
    assert_agrees(posterior(x, codes, lam), model.predict_proba(x), 10 * lam)


def test_weights_count_as_copies():
    x, codes = classes(4, 80, 5, 4)
    copies = np.random.default_rng(5).integers(1, 4, 80)
    found = posterior(x, codes, weights=copies)
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(np.repeat(x, copies, axis=0), np.repeat(codes, copies))
    assert_agrees(found, model.predict_proba(x))


def test_masking_is_repaired():
    # three classes on a line: least squares never chooses the middle one
    rng = np.random.default_rng(6)
    codes = np.repeat(np.arange(3), 50)
    x = rng.normal(size=(150, 1)) * 0.3 + 4.0 * codes[:, None]
    spectrum = Spectrum.from_rows(x, one_hot(codes))
    ridge = fitted(spectrum, x, 1e-6)
    assert (ridge.argmax(axis=1) == codes).mean() < 0.8
    scoring = optimal_scoring(spectrum, 1e-6, spectrum.target_mean)
    assert (scoring.scores(ridge).argmax(axis=1) == codes).mean() > 0.99


@pytest.mark.parametrize("lam", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("count", [2, 5])
def test_one_linear_map_gives_the_same_probabilities(lam, count):
    x, codes = classes(7, 90, 6, count)
    spectrum = Spectrum.from_rows(x, one_hot(codes))
    scoring = optimal_scoring(spectrum, lam, spectrum.target_mean)
    weight, bias = scoring.coefficients(*ridge_coefficients(spectrum, lam))
    assert weight.shape == (6, count)
    assert_agrees(softmax(x @ weight + bias), softmax(scoring.scores(fitted(spectrum, x, lam))))


@pytest.mark.parametrize("lam", [0.0, 3.0, 300.0])
def test_penalised_lda_is_lda_with_a_ridge_on_the_covariance(lam):
    # Hastie, Buja & Tibshirani 1995: Σ_W + (λ/n) I in place of Σ_W, discriminants scaled to unit penalised variance
    x, codes = classes(8, 120, 5, 4)
    means = np.stack([x[codes == c].mean(0) for c in range(4)])
    shares = np.bincount(codes) / 120
    within = (x - means[codes]).T @ (x - means[codes]) / 120 + lam / 120 * np.eye(5)
    solved = np.linalg.solve(within, means.T)
    wanted = x @ solved - 0.5 * (means.T * solved).sum(0) + np.log(shares)
    assert_agrees(posterior(x, codes, lam), softmax(wanted))


def test_classes_without_rows_have_probability_zero():
    x, codes = classes(9, 80, 5, 3)
    spread = np.array([0, 2, 5])[codes]
    found = posterior(x, spread, count=7)
    assert_agrees(found[:, [0, 2, 5]], posterior(x, codes), 1e-12)
    assert (found[:, [1, 3, 4, 6]] == 0).all()


def test_separation_by_interpolation_stays_finite():
    x, codes = classes(10, 20, 60, 3, gap=5.0)
    spectrum = Spectrum.from_rows(x, one_hot(codes))
    for lam in (0.0, 1e-12):
        scoring = optimal_scoring(spectrum, lam, spectrum.target_mean)
        assert (scoring.correlations < 1).all()
        scores = scoring.scores(fitted(spectrum, x, lam))
        assert np.isfinite(scores).all()
        assert (scores.argmax(axis=1) == codes).all()


def test_left_out_predictions_score_as_refitted_lda_nearly():
    x, codes = classes(11, 400, 4, 3)
    spectrum = Spectrum.from_rows(x, one_hot(codes))
    (left,) = leave_one_out(spectrum, x, one_hot(codes), [0.0])
    found = softmax(optimal_scoring(spectrum, 0.0, spectrum.target_mean).scores(left.predictions))
    some = np.arange(0, 400, 20)
    keep = [np.delete(np.arange(400), i) for i in some]
    models = [LinearDiscriminantAnalysis(solver="lsqr").fit(x[rows], codes[rows]) for rows in keep]
    wanted = np.concatenate([m.predict_proba(x[[i]]) for m, i in zip(models, some, strict=True)])
    in_sample = posterior(x, codes)[some]
    difference = np.abs(found[some] - wanted).max()
    assert difference < 0.02  # O(1/n)
    assert difference < np.abs(in_sample - wanted).max()


def test_features_that_say_nothing_give_the_priors():
    codes = np.array([0, 0, 0, 1])
    found = posterior(np.ones((4, 3)), codes)
    assert_agrees(found, np.tile([0.75, 0.25], (4, 1)), 1e-14)


def test_wrong_input_is_one_sentence():
    spectrum = Spectrum.from_rows(np.eye(4), one_hot([0, 0, 1, 1], 3))
    with pytest.raises(ParameterError, match="3 numbers"):
        optimal_scoring(spectrum, 1.0, [0.5, 0.5])
    with pytest.raises(ParameterError, match="3 numbers"):
        optimal_scoring(spectrum, 1.0, [0.5, 0.7, -0.2])
    with pytest.raises(ParameterError, match="prior above 0"):
        optimal_scoring(spectrum, 1.0, [0, 0, 1])
    with pytest.raises(ParameterError, match=r"\(n, 3\)"):
        optimal_scoring(spectrum, 1.0, [0.5, 0.5, 0]).scores(np.eye(2))
