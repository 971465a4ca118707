"""Scores of items that belong to no class, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from headstart.errors import ParameterError
from headstart.heads.out_of_distribution import class_distance, energy, leverage, max_prob, neighbour_distance
from headstart.linear.spectrum import Spectrum

RNG = np.random.default_rng(0)


def test_energy_and_probability_are_their_formulas():
    scores = RNG.normal(size=(20, 4)) * 50
    np.testing.assert_allclose(energy(scores, 2.0), -2 * logsumexp(scores / 2, axis=1))
    outputs = RNG.dirichlet(np.ones(4), 20)
    np.testing.assert_allclose(max_prob(outputs), 1 - outputs.max(axis=1))
    np.testing.assert_allclose(class_distance(scores, 2.0), -scores.max(axis=1) / 2)


@pytest.mark.parametrize("n", [8, 60])
def test_leverage_is_the_quadratic_form(n):
    """Also for rows outside of the span of fewer rows than features."""
    train, x = RNG.normal(size=(n, 20)) + 3, RNG.normal(size=(15, 20))
    centred = train - train.mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred + 0.7 * np.eye(20))
    offset = x - train.mean(axis=0)
    expected = np.einsum("nd,de,ne->n", offset, inverse, offset)
    found = leverage(Spectrum.from_rows(train, np.ones((n, 1))), x, 0.7)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("k", [1, 5, 100])
def test_neighbour_distance_is_that_of_sklearn(k):
    train, x = RNG.normal(size=(40, 6)), RNG.normal(size=(9, 6))
    near = NearestNeighbors(n_neighbors=min(k, 40), metric="cosine", algorithm="brute").fit(train)
    np.testing.assert_allclose(neighbour_distance(train, x, k), near.kneighbors(x)[0][:, -1], atol=1e-12)


def test_far_items_score_higher():
    train = RNG.normal(size=(200, 5)) * [3, 1, 1, 0.1, 0.1]
    near, far = RNG.normal(size=(100, 5)) * [3, 1, 1, 0.1, 0.1], RNG.normal(size=(100, 5))
    found = leverage(Spectrum.from_rows(train, np.ones((200, 1))), np.concatenate([near, far]), 1e-3)
    assert roc_auc_score(np.repeat([0, 1], 100), found) > 0.9


def test_leverage_needs_a_penalty():
    with pytest.raises(ParameterError, match="above 0"):
        leverage(Spectrum.from_rows(np.eye(3), np.eye(3)), np.eye(3), 0.0)
