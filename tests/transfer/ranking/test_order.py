"""The order of a ranking and its tie set."""

from __future__ import annotations

import numpy as np

from headstart.evaluate.evaluation import Metric
from headstart.transfer.ranking.measure import Measured
from headstart.transfer.ranking.order import Known, order_sources, prior_ranks


def measured(losses: np.ndarray, neighbours: float) -> Measured:
    loss = Metric(float(losses.mean()), 0.0, 1.0)
    return Measured(len(losses), np.arange(len(losses)), losses, loss, loss, "ridge", "", neighbours, None, {}, ())


def test_nobody_outside_of_the_tie_set_is_first():
    rng = np.random.default_rng(0)
    best = rng.uniform(0.1, 0.3, 200)
    near, far = best + rng.normal(0.002, 0.1, 200), best + 0.5
    found = [measured(far, 0.01), measured(best, 0.3), measured(near, 0.2)]
    known = [Known(0.99, "t"), Known(0.1, "t"), Known(0.5, "t")]
    order = order_sources(found, known, None, 0)
    assert order.tied == (False, True, True)
    assert order.places[0] == 2  # neighbours and prior speak for it
    assert order.by_prior
    assert order.differences[0].low > 0.4


def test_the_tie_set_is_resampled_by_groups():
    losses, groups = np.zeros(100), np.repeat(np.arange(4), 25)
    shifted = np.repeat([0.3, 0.2, 0.25, -0.2], 25)  # clear over items, not over four groups
    found = [measured(losses, 0.1), measured(losses + shifted, 0.1)]
    assert order_sources(found, [Known()] * 2, None, 0).tied == (True, False)
    assert order_sources(found, [Known()] * 2, groups, 0).tied == (True, True)


def test_published_accuracies_are_compared_within_a_source_task_only():
    ranks = np.array([1.0, 2.0, 3.0, 4.0])
    assert prior_ranks(ranks, [Known(0.7, "a"), Known(0.9, "b"), Known(), Known(0.8)]) is None
    known = [Known(0.7, "a"), Known(0.9, "b"), Known(0.8, "a"), Known(0.8, "a")]
    assert prior_ranks(ranks, known).tolist() == [4.0, 2.0, 2.0, 2.0]
