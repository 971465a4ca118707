"""Regularised evolution."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.search.driving.loop import SearchBudget, TrialLoss, run_search
from headstart.search.evolution import Evolution
from headstart.search.registry import SEARCH_METHODS
from headstart.search.space import Gene, Space

SPACE = Space(tuple(Gene(str(k), tuple(range(6))) for k in range(4)))  # 1,296 points


def table(seed: int) -> dict[tuple[int, ...], float]:
    """A loss for each point, with an effect of each gene and of neighbouring pairs."""
    rng = np.random.default_rng(seed)
    alone, pairs = rng.normal(size=(4, 6)), 0.5 * rng.normal(size=(3, 6, 6))
    return {
        point: float(
            sum(alone[k, point[k]] for k in range(4)) + sum(pairs[k, point[k], point[k + 1]] for k in range(3))
        )
        for point in SPACE
    }


@pytest.mark.parametrize("seed", range(3))
def test_evolution_reaches_the_optimum_of_a_table(seed):
    losses = table(seed)
    found = run_search(SPACE, SEARCH_METHODS["evolution"], lambda p: TrialLoss(losses[p]), SearchBudget(400), seed=seed)
    assert found.best.loss == min(losses.values())


def test_the_oldest_member_dies_however_good_it_is():
    running = Evolution(SPACE, 0, population=2, tournament=2, members=[((0, 0, 0, 0), -9.0), ((5, 5, 5, 5), 1.0)])
    running.observe((4, 4, 4, 4), 2.0)
    children = [running.propose() for _ in range(30)]
    assert all(sum(a != b for a, b in zip(child, (5, 5, 5, 5), strict=True)) == 1 for child in children[:10])


def test_equal_seeds_propose_equal_points():
    def proposed(seed: int) -> list[tuple[int, ...]]:
        losses = table(0)
        run = run_search(
            SPACE, SEARCH_METHODS["evolution"], lambda p: TrialLoss(losses[p]), SearchBudget(60), seed=seed
        )
        return [trial.point for trial in run.trials]

    assert proposed(3) == proposed(3) != proposed(4)


def test_a_short_search_has_children_too():
    losses = table(0)
    known = [((1, 1, 1, 1), -1e9)]  # a default that nothing beats: each tournament of all members has it as its winner
    found = run_search(
        SPACE, SEARCH_METHODS["evolution"], lambda p: TrialLoss(losses[p]), SearchBudget(20), seed=1, known=known
    )
    near = [sum(gene != 1 for gene in trial.point) == 1 for trial in found.trials]
    assert sum(near[:7]) < 3
    assert sum(near[7:]) >= 5
