"""REINFORCE: its gradient, and that it learns."""

from __future__ import annotations

import numpy as np

from headstart.search.controller import Controller, policy_gradient
from headstart.search.space import Gene, Space

SPACE = Space(tuple(Gene(str(k), (0, 1, 2, 3)) for k in range(5)))  # 1,024 points


def objective(logits, point, advantage, *, active, entropy):
    total = 0.0
    for k in active:
        share = np.exp(logits[k]) / np.exp(logits[k]).sum()
        total += advantage * np.log(share[point[k]]) - entropy * share @ np.log(share)
    return total


def test_the_gradient_is_that_of_numerical_differentiation():
    rng, step = np.random.default_rng(0), 1e-6
    logits, point, active = [rng.normal(size=size) for size in (2, 3, 4)], (1, 0, 2), [0, 2]
    found = policy_gradient(logits, point, -0.7, active=active, entropy=0.3)
    for k, one in enumerate(logits):
        for j in range(len(one)):
            ends = []
            for sign in (1, -1):
                moved = [other.copy() for other in logits]
                moved[k][j] += sign * step
                ends.append(objective(moved, point, -0.7, active=active, entropy=0.3))
            assert abs((ends[0] - ends[1]) / (2 * step) - found[k][j]) < 1e-8
    assert not found[1].any()  # it has no effect at this point


def test_its_reward_beats_random_draws_on_tables_over_20_seeds():
    gains, best = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alone, pairs = rng.normal(size=(5, 4)), 0.5 * rng.normal(size=(5, 4, 4))

        def loss(point, alone=alone, pairs=pairs):
            value = sum(alone[k, point[k]] + pairs[k, point[k], point[(k + 1) % 5]] for k in range(5))
            return float(np.log1p(np.exp(-0.6 * value)))

        controller, tried = Controller(SPACE, seed), []
        for _ in range(200):
            point = controller.propose()
            tried.append(loss(point))
            controller.observe(point, tried[-1])
        drawn = [loss(SPACE.sample(rng)) for _ in range(200)]
        gains.append(np.exp(-np.array(tried)).mean() - np.exp(-np.array(drawn)).mean())
        best.append(min(drawn) - min(tried))
    assert np.mean(gains) > 0.1
    assert (np.array(gains) > 0).mean() >= 0.9
    assert np.mean(best) > 0


def test_a_point_that_cannot_be_fitted_has_no_reward():
    controller = Controller(SPACE, 0, baseline=0.5)
    before = controller.shares(0)[1]
    controller.observe((1, 1, 1, 1, 1), float("inf"))
    assert controller.shares(0)[1] < before
