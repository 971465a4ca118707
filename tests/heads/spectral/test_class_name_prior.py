"""Class rows as the prior mean of a head: exact left-out losses, and one path from no example to many."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads import FeatureMap, HeadSearch, select_head
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.lda import LDA
from headstart.heads.problem import Problem
from headstart.heads.ridge import RIDGE
from headstart.heads.spectral.class_name_prior import prior_moments
from headstart.heads.spectral.kept_moments import kept_moments
from headstart.heads.spectral.leave_one_out import leave_one_out_outputs
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.tasks import TASKS
from headstart.types import Block, Task

CLASSES, WIDTH = 5, 12
TASK = Task("classification", tuple("abcde"))


def problem(per_class, seed=0, noise=1.0):
    """Class rows near the class means, and rows around these."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(CLASSES, WIDTH))
    y = np.repeat(np.arange(CLASSES), per_class)
    x = means[y] + noise * rng.normal(size=(len(y), WIDTH))
    return x, y, means + 0.3 * rng.normal(size=means.shape)


@pytest.mark.parametrize("head", [RIDGE, LDA])
@pytest.mark.parametrize("per_class", [2, 6])
def test_left_out_losses_with_a_prior_are_those_of_refits(head, per_class):
    """Both where rows are fewer than features and where they are more."""
    x, y, prior = problem(per_class)
    whole = FeatureMap("rows", ((0, WIDTH),), "none")
    found, _ = spectral_contenders(Problem(x, y, TASK, (), None, 0, None, prior), [whole], [head])
    assert {one.candidate.prior for one in found} == {0.0, 1.0, 2.0}
    for one in found[1:]:
        scores = np.empty((len(x), CLASSES))
        for i in range(len(x)):
            rows = np.concatenate([np.delete(x, i, axis=0), prior])
            targets = np.eye(CLASSES)[np.concatenate([np.delete(y, i), np.arange(CLASSES)])]
            weights = np.concatenate([np.ones(len(x) - 1), np.full(CLASSES, one.candidate.prior)])
            weight, bias = head.coefficients(Spectrum.from_rows(rows, targets, weights), one.candidate.lam)
            scores[i] = x[i] @ weight + bias
        methods = TASKS["classification"]
        losses = methods.loss(methods.outputs(scores, one.calibration), y)
        np.testing.assert_allclose(losses, one.evidence.losses, rtol=1e-7, atol=1e-9)


def test_it_is_the_ridge_that_shrinks_towards_the_head_of_the_class_rows():
    """In the metric of the class rows' own fit: min ‖Y - XB‖² + ‖P^½ (B - B₀)‖² (centred rows)."""
    x, y, prior = problem(4)
    x, prior = x - x.mean(axis=0), prior - prior.mean(axis=0)
    targets = np.eye(CLASSES)[y] - 1 / CLASSES
    own = np.eye(CLASSES) - 1 / CLASSES
    lam, weight = 0.7, 2.0
    metric = weight * prior.T @ prior + lam * np.eye(WIDTH)
    start = np.linalg.solve(metric, weight * prior.T @ own)
    expected = np.linalg.solve(x.T @ x + metric, x.T @ targets + metric @ start)
    weights = np.concatenate([np.ones(len(x)), np.full(CLASSES, weight)])
    spectrum = Spectrum.from_rows(np.concatenate([x, prior]), np.concatenate([targets, own]), weights)
    np.testing.assert_allclose(ridge_coefficients(spectrum, lam)[0], expected, atol=1e-10)


def test_without_examples_lda_on_class_rows_is_the_nearest_class_by_cosine():
    _, _, prior = problem(1)
    unit = prior / np.linalg.norm(prior, axis=1, keepdims=True)
    whole = FeatureMap("rows", ((0, WIDTH),), "unit_norm")
    weight, bias = LDA.coefficients(Spectrum.from_moments(prior_moments(prior, whole, 1.0)), 0.5)
    rows = np.random.default_rng(1).normal(size=(50, WIDTH))
    scores, cosine = rows @ weight + bias, rows @ unit.T
    slope = np.polyfit((cosine - cosine.mean(axis=1, keepdims=True)).ravel(),
                       (scores - scores.mean(axis=1, keepdims=True)).ravel(), 1)[0]  # fmt: skip
    difference = scores - slope * cosine
    np.testing.assert_allclose(difference, difference.mean(axis=1, keepdims=True) * np.ones(CLASSES), atol=1e-8)


def test_a_good_prior_helps_with_few_rows_and_a_bad_one_does_no_harm():
    x, y, prior = problem(2, noise=1.5)
    test, truth, _ = problem(200, noise=1.5)
    blocks = (Block("only", WIDTH),)
    plain = select_head(x, y, TASK, blocks=blocks)
    informed = select_head(x, y, TASK, blocks=blocks, search=HeadSearch(prior=prior))
    misled = select_head(x, y, TASK, blocks=blocks, search=HeadSearch(prior=-prior))

    def accuracy(head):
        return (head.scores(test).argmax(axis=1) == truth).mean()

    assert informed.prior > 0
    assert accuracy(informed) > accuracy(plain) + 0.03
    assert misled.prior == 0
    assert accuracy(misled) == pytest.approx(accuracy(plain))


@pytest.mark.parametrize("seed", [2, 5])
def test_a_class_without_rows_is_known_by_its_name(seed):
    """Classes overlap a little: where they do not, every strength has the same loss, and rounding would choose."""
    x, y, prior = problem(12, seed=seed, noise=0.8)
    seen = y < CLASSES - 1
    search = HeadSearch(("lda",), prior=prior)
    head = select_head(x[seen], y[seen], TASK, blocks=(Block("only", WIDTH),), search=search)
    assert head.prior > 0
    even = head.scores(x[~seen]) / head.calibration["temperature"] - np.log(head.calibration["shares"])
    assert (even.argmax(axis=1) == CLASSES - 1).mean() > 0.8


@pytest.mark.parametrize("per_class", [2, 6])
def test_the_kept_moments_give_the_head_back(per_class):
    x, y, prior = problem(per_class)
    search = HeadSearch(("lda",), prior=prior)
    head = select_head(x, y, TASK, blocks=(Block("only", WIDTH),), search=search)
    moments = kept_moments(x, y, TASK, head, search)
    weight, bias = LDA.coefficients(Spectrum.from_moments(moments), head.lam)
    probe = np.eye(WIDTH)
    both = [probe @ w + b for w, b in ((weight, bias), (head.weight, head.bias))]
    np.testing.assert_allclose(*(scores - scores.mean(axis=1, keepdims=True) for scores in both), rtol=1e-6, atol=1e-8)


def test_left_out_rows_are_the_evidence_of_the_choice():
    x, y, prior = problem(6)
    search = HeadSearch(prior=prior, class_weight="balanced")
    head = select_head(x, y, TASK, blocks=(Block("only", WIDTH),), search=search)
    np.testing.assert_allclose(leave_one_out_outputs(x, y, TASK, head, search=search), head.evidence.outputs, atol=1e-8)
