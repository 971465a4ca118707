"""Neighbourhood agreement: by brute force, and against Cohen's kappa."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import cohen_kappa_score
from sklearn.neighbors import NearestNeighbors

from headstart.adapt.validation.neighbourhood_agreement import neighbourhood_agreement, neighbours_of


def test_neighbours_agree_with_scikit_learn():
    rows = np.random.default_rng(0).normal(size=(700, 4))
    expected = NearestNeighbors(n_neighbors=6).fit(rows).kneighbors(rows, return_distance=False)[:, 1:]
    assert [set(one) for one in neighbours_of(rows)] == [set(one) for one in expected]


def test_the_mean_is_the_kappa_of_pairs_that_are_counted_both_ways():
    rng = np.random.default_rng(1)
    labels, partner = rng.integers(0, 3, 60), np.arange(60).reshape(30, 2)[:, ::-1].reshape(-1)
    found = neighbourhood_agreement(labels, partner[:, None]).mean()
    np.testing.assert_allclose(found, cohen_kappa_score(labels, labels[partner]), rtol=1e-12)


def test_a_boundary_between_clusters_is_better_than_one_through_a_cluster_and_than_one_class():
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(-3, 0.5, size=(100, 2)), rng.normal(3, 0.5, size=(100, 2))])
    near = neighbours_of(rows)
    between, through, collapsed = (
        neighbourhood_agreement((rows[:, 0] > boundary).astype(int), near).mean() for boundary in (0.0, 3.0, 99.0)
    )
    assert between == 1.0
    assert through < 0.9
    assert collapsed == 0.0
