"""Moments by class against rows that are weighted and refitted."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.masks.class_moments import ClassMoments, ClassSums
from headstart.linear.moments import Moments

RNG = np.random.default_rng(0)


def cells(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shares = RNG.dirichlet(np.full(3, 0.3), count)
    shares[shares < 0.2] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    return RNG.normal(3, 1, (count, 4)), shares, RNG.random(count)


def moments(pictures: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> ClassMoments:
    sums = ClassSums(3)
    for picture in pictures:
        sums.add(*picture)
    return sums.finish()


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_balanced_moments_are_those_of_weighted_rows_with_one_hot_targets(beta: float) -> None:
    pictures = [cells(30), cells(20)]
    rows, shares, labelled = (np.concatenate(part) for part in zip(*pictures, strict=True))
    counts = (shares * labelled[:, None]).sum(axis=0)
    weights = (counts.sum() / (3 * counts)) ** beta
    wanted = Moments.from_rows(
        np.repeat(rows, 3, axis=0), np.tile(np.eye(3), (50, 1)), (shares * labelled[:, None] * weights).ravel()
    )
    found = moments(pictures).balanced(beta)
    np.testing.assert_allclose(found.scatter, wanted.scatter, rtol=1e-10)
    np.testing.assert_allclose(found.cross, wanted.cross, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-12)
    np.testing.assert_allclose(found.target_mean, wanted.target_mean, rtol=1e-12)


def test_least_squares_to_one_hot_rows_is_that_to_shares() -> None:
    rows, shares, labelled = cells(60)
    ours = moments([(rows, shares, labelled)]).balanced(0.0)
    soft = Moments.from_rows(rows, shares, labelled)
    np.testing.assert_allclose(ours.cross, soft.cross, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.scatter, soft.scatter, rtol=1e-10)


def test_without_a_picture_is_the_refit_without_it() -> None:
    pictures = [cells(30), cells(20), cells(25)]
    rest = moments(pictures) - moments(pictures[1:2])
    refit = moments([pictures[0], pictures[2]])
    for beta in (0.0, 0.5, 1.0):
        a, b = rest.balanced(beta), refit.balanced(beta)
        np.testing.assert_allclose(a.scatter, b.scatter, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(a.cross, b.cross, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(rest.weights(0.5), refit.weights(0.5), rtol=1e-10)


def test_a_class_without_cells_has_no_weight() -> None:
    rows, shares = RNG.normal(size=(10, 2)), np.eye(3)[[0, 1] * 5]
    found = moments([(rows, shares, np.ones(10))])
    assert found.weights(1.0).tolist() == [1.0, 1.0, 1.0]
    assert found.balanced(1.0).target_mean.tolist() == [0.5, 0.5, 0.0]
