"""Averages of several trainings: against the plain mean, and the greedy order against brute force."""

import itertools

import numpy as np
import pytest
import torch

from headstart.errors import ParameterError
from headstart.sources.toy_shift import toy_shift
from headstart.transfer.gate.strategy_choice import moving_strategy
from headstart.tune.soup import SOUP, ModelSoup, greedy_soup, uniform_soup
from headstart.tune.training.chosen import with_chosen
from headstart.tune.training.settings import Training


def states(count, seed=0):
    random = np.random.default_rng(seed)
    return [{"w": torch.from_numpy(random.normal(size=3)), "count": torch.tensor(k)} for k in range(count)]


def test_the_uniform_soup_is_the_plain_mean():
    made = states(4)
    found = uniform_soup(made)
    np.testing.assert_allclose(found["w"].numpy(), np.mean([one["w"].numpy() for one in made], axis=0))
    assert found["count"] == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_greedy_soup_takes_what_a_literal_reading_of_the_paper_takes(seed):
    """Algorithm 1 of Wortsman et al. 2022: ingredients sorted by decreasing accuracy, each kept if it does not hurt."""
    made, aim = states(5, seed), np.random.default_rng([seed, 1]).normal(size=3) / 4

    def loss(_, state):
        return float(((state["w"].numpy() - aim) ** 2).sum())

    taken, soup = greedy_soup(made, loss)
    ingredients = []
    for candidate in sorted(made, key=lambda one: loss((), one)):
        mean = {"w": sum(one["w"] for one in [*ingredients, candidate]) / (len(ingredients) + 1)}
        so_far = {"w": sum((one["w"] for one in ingredients), torch.zeros(3)) / max(len(ingredients), 1)}
        if not ingredients or loss((), mean) <= loss((), so_far):
            ingredients.append(candidate)
    assert [made[k]["count"] for k in taken] == [one["count"] for one in ingredients]
    assert loss((), soup) <= min(loss((), one) for one in made)  # never worse than the best run
    every = [s for n in range(1, 6) for s in itertools.combinations(range(5), n)]
    assert loss((), soup) >= min(loss((), uniform_soup([made[k] for k in s])) for s in every) - 1e-12


def test_runs_of_other_structures_are_refused_in_one_sentence():
    with pytest.raises(ParameterError, match=r"'w' of shape \(3,\) in the first run and \(2,\) in run 2"):
        uniform_soup([{"w": torch.zeros(3)}, {"w": torch.zeros(2)}])
    with pytest.raises(ParameterError, match="name another strategy, such as 'lp_ft'"):
        ModelSoup(of="scratch")
    with pytest.raises(ParameterError, match=r"must be one of .*lora.* Got 'soup'"):
        ModelSoup(of="soup")
    adapters, shift = ModelSoup(Training(epochs=1, learning_rate=0.02), of="adapters", runs=2), toy_shift()
    with pytest.raises(ParameterError, match="that only some of the runs have"):
        adapters.move(shift.source, shift.train.take(range(60)))


def test_a_soup_is_a_candidate_whose_name_says_so():
    chosen = {"runs": 2, "of": "lora", "epochs": 3, "learning_rate": 0.02}
    soup = with_chosen(moving_strategy("soup"), chosen)
    assert (soup.of, soup.runs, SOUP.of) == ("lora", 2, "lp_ft")
    shift = toy_shift()
    moved = soup.move(shift.source, shift.train.take(range(100)), seed=4)
    names = [one.name for one in moved.candidates]
    assert names[:4] == ["head", "lora, seed 4", "lora, seed 5", "soup of lora, seeds 4 and 5"]
    assert names[4].endswith(", head solved again")
    assert len({len(one.losses) for one in moved.candidates}) == 1
    assert moved.best.model.source.info.name == f"module:toy ({moved.best.name})"
