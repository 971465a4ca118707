"""Architectures as candidates: exact leave-one-out, and heads that are saved and fitted again as they were chosen."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.heads import HEADS, HeadSearch, select_head
from headstart.heads.architecture import Architecture
from headstart.heads.architectures.contender import architecture_contender, map_of
from headstart.heads.problem import Problem
from headstart.types import Block, Task

TASK = Task("classification", ("a", "b", "c"))
BLOCKS = (Block("stem", 5), Block("mid", 7), Block("last", 6))


@pytest.fixture(scope="module")
def problem() -> Problem:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    rows = rng.normal(size=(90, 18)) + 1.2 * rng.normal(size=(3, 18))[y]
    return Problem(rows, y, TASK, BLOCKS, None, 0)


ARCHITECTURES = [
    Architecture((2,), head="lda"),
    Architecture((0, 2), gamma=2.0, head="ridge"),
    Architecture((0, 1, 2), scaling="standardised", head="logistic"),
    Architecture((1, 2), head="knn", projection=4),
    Architecture((0, 2), head="ridge", random_features=64),
    Architecture((0, 2), head="lda", projection=4, random_features=32, bandwidth=2.0),
    Architecture((0, 1, 2), head="cell", cell="0:relu 1:attention", width=8),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_a_selected_architecture_predicts_on_other_rows(problem, architecture):
    search = HeadSearch(architecture=architecture)
    head = select_head(problem.rows, problem.y, TASK, blocks=BLOCKS, search=search)
    scores = head.scores(problem.rows)
    assert scores.shape == (90, 3)
    assert (scores.argmax(axis=1) == problem.y).mean() > 0.6
    assert np.isfinite(head.loss)
    assert len(head.evidence.losses) == 90


def test_the_loss_of_ridge_on_random_features_is_that_of_refits_without_each_row(problem):
    """Features are drawn without labels: with given rows as they are, leave-one-out is exact."""
    from headstart.heads.random_features import RandomFeatures

    some = problem.rows[:30, 5:9].astype(np.float64)
    y = problem.y[:30]
    head = RandomFeatures("ridge", features=16, seed=1)
    left_out = head.left_out_scores(some, y)
    mapped, onehot, lam = head.transform(some), np.eye(3)[y], head.inner_.lam_
    for i in range(30):
        rest = np.arange(30) != i
        mean, target = mapped[rest].mean(axis=0), onehot[rest].mean(axis=0)
        centred = mapped[rest] - mean
        weight = np.linalg.solve(centred.T @ centred + lam * np.eye(16), centred.T @ (onehot[rest] - target))
        np.testing.assert_allclose(left_out[i], (mapped[i] - mean) @ weight + target, atol=1e-8)


def test_groups_are_left_out_together(problem):
    groups = np.repeat(np.arange(9), 10)
    grouped = Problem(problem.rows, problem.y, TASK, BLOCKS, groups, 0)
    for architecture in (ARCHITECTURES[4], ARCHITECTURES[3]):
        alone = architecture_contender(problem, architecture)[0].evidence.scores
        together = architecture_contender(grouped, architecture)[0].evidence.scores
        assert not np.allclose(alone, together)


def test_the_default_and_its_architecture_are_the_same_head(problem):
    default = select_head(problem.rows, problem.y, TASK, blocks=BLOCKS, search=HeadSearch(("lda",), layers="all"))
    search = HeadSearch(architecture=Architecture((0, 1, 2), head="lda"))
    found = select_head(problem.rows, problem.y, TASK, blocks=BLOCKS, search=search)
    np.testing.assert_allclose(found.weight, default.weight, rtol=1e-9)


def test_a_block_that_is_missing_is_refused(problem):
    with pytest.raises(ParameterError, match="reads block 7 of a source with 3 blocks"):
        map_of(problem, Architecture((7,)))


def test_weights_of_rows_need_a_closed_form(problem):
    weighted = Problem(problem.rows, problem.y, TASK, BLOCKS, None, 0, np.ones(90))
    with pytest.raises(ParameterError, match="Class weights work only with heads"):
        architecture_contender(weighted, Architecture((2,), head="knn"))


@pytest.mark.parametrize("name", ["cell", "random_features"])
def test_a_refit_keeps_the_structure_of_a_fitted_head(problem, name):
    architecture = ARCHITECTURES[6] if name == "cell" else ARCHITECTURES[5]
    fitted = architecture_contender(problem, architecture)[0].fitted(()).estimator
    again = HEADS[name].like(fitted).make(TASK, n=90, d=18, seed=0)
    structure = {"cell", "widths", "width", "decay", "head", "projection", "features", "bandwidth"}
    own, other = (one.get_params() for one in (fitted, again))
    assert {key: own[key] for key in own.keys() & structure} == {key: other[key] for key in other.keys() & structure}
