"""The supernet, its discretisation, and what is reported of it."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import UsageError
from headstart.heads.cells.forward import apply_cell, apply_operation, numpy_library, torch_library
from headstart.heads.cells.plan import MATRICES, OPERATIONS, CellPlan
from headstart.heads.problem import Problem
from headstart.search import darts
from headstart.search.darts import EDGES, PER_EDGE, discretised, mixed_cell
from headstart.search.driving.journal import Journal
from headstart.search.driving.loop import SearchBudget, TrialLoss, run_search
from headstart.search.head_space import head_space
from headstart.search.registry import SEARCH_METHODS, Bench
from headstart.types import Task


def parameters(width: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(len(OPERATIONS)), len(EDGES))
    matrices = rng.normal(size=(len(EDGES), PER_EDGE, width, width))
    return shares, rng.normal(size=(4, 2, width)), matrices, rng.normal(size=(len(EDGES), PER_EDGE, width))


def test_the_mixed_cell_is_the_sum_over_every_edge_and_operation():
    shares, x, matrices, biases = parameters()
    states = {0: x}
    for node in (1, 2, 3):
        states[node] = np.zeros_like(x)
        for edge, (read, into) in enumerate(EDGES):
            if into != node:
                continue
            place = 0
            for share, operation in zip(shares[edge], OPERATIONS, strict=True):
                for i in range(len(x)):  # item by item
                    own = slice(place, place + MATRICES[operation])
                    made = apply_operation(
                        operation, states[read][i : i + 1], matrices[edge][own], biases[edge][own], numpy_library()
                    )
                    states[node][i] += share * made[0]
                place += MATRICES[operation]
    expected = ((states[1] + states[2] + states[3]) / 3).mean(axis=1)
    np.testing.assert_allclose(mixed_cell(shares, x, matrices, biases, numpy_library()), expected, atol=1e-12)


def test_torch_computes_the_same_cell_as_numpy():
    import torch

    shares, x, matrices, biases = parameters(seed=1)
    given = [torch.from_numpy(one) for one in (shares, x, matrices, biases)]
    np.testing.assert_allclose(
        mixed_cell(*given, torch_library()).numpy(),
        mixed_cell(shares, x, matrices, biases, numpy_library()),
        atol=1e-12,
    )
    plan = CellPlan.parse("0:gate 1:attention 0:relu")
    own = matrices[0][: plan.matrices], biases[0][: plan.matrices]
    theirs = apply_cell(plan, given[1], *(torch.from_numpy(one) for one in own), torch_library()).numpy()
    np.testing.assert_allclose(theirs, apply_cell(plan, x, *own, numpy_library()), atol=1e-12)


def test_each_node_keeps_its_strongest_edge_with_its_strongest_operation():
    alphas = np.full((len(EDGES), len(OPERATIONS)), -50.0)
    for edge, operation in (
        (EDGES.index((0, 1)), "relu"),
        (EDGES.index((1, 2)), "gate"),
        (EDGES.index((1, 3)), "skip"),
    ):
        alphas[edge, OPERATIONS.index(operation)] = 50.0
    assert str(discretised(alphas)) == "0:relu 1:gate 1:skip"


def circle(groups=None):
    x, task = np.random.default_rng(0).normal(size=(60, 2)), Task("classification", ("in", "out"))
    return Problem(x, (np.linalg.norm(x, axis=1) > 1.2).astype(int), task, (), groups, 0)


def one_loss(_point):
    return TrialLoss(1.0)


def supernets(monkeypatch, losses):
    """Let training give one cell each time; returns the losses of the supernets that were trained."""
    trained = []

    def same(*_):
        trained.append(losses[len(trained) % len(losses)])
        return {"cell": "0:relu", "loss": trained[-1], "discretised": 2 * trained[-1], "alphas": []}

    monkeypatch.setattr(darts, "_trained", same)
    monkeypatch.setattr(darts, "WIDTHS", (64,))
    return trained


def test_supernets_that_end_in_known_cells_are_bounded_and_each_counts_once(monkeypatch):
    trained = supernets(monkeypatch, [0.1, 0.3])
    space = head_space((), circle().task, n=60, d=2)
    found = run_search(space, SEARCH_METHODS["darts"], one_loss, SearchBudget(50), problem=circle())
    assert (len(found.trials), found.ended) == (1, "the method had nothing new to propose")
    assert len(trained) == 1 + darts.MOST_REPEATS
    (finding,) = found.findings
    assert finding.startswith(f"the {len(trained)} supernets had a loss of {np.mean(trained):.4f}")


def test_a_supernet_whose_cell_is_not_tried_has_no_gap(monkeypatch):
    supernets(monkeypatch, [0.1, 0.3])
    running = SEARCH_METHODS["darts"].start(head_space((), circle().task, n=60, d=2), Bench(circle()), 0)
    running.propose()  # passed over
    running.observe(running.propose(), 1.0)
    assert running.findings()[0].startswith("the supernet had a loss of 0.3000")


@pytest.mark.parametrize("groups", [None, np.arange(60) // 4, np.repeat([0, 1, 2], [40, 15, 5]), np.zeros(60, int)])
def test_a_group_stands_in_one_half(groups):
    order, half = darts._halves(circle(groups), np.random.default_rng(1))
    assert sorted(order) == list(range(60))
    assert 0 < half < 60
    if groups is not None and len(set(groups)) > 1:
        assert not set(groups[order[:half]]) & set(groups[order[half:]])


@pytest.mark.parametrize(
    "value",
    [
        None, {}, [], {"cell": 1, "loss": 0.1, "discretised": 0.1}, {"cell": "0:tanh", "loss": 0.1, "discretised": 0.1},
        {"cell": "0:skip", "loss": 0.1, "discretised": 0.1}, {"cell": "0:relu", "loss": "0.1", "discretised": 0.1},
        {"cell": "0:relu", "loss": True, "discretised": 0.1}, {"cell": "0:relu", "discretised": 0.1},
        {"cell": "9:relu", "loss": 0.1, "discretised": 0.1}, {"cell": "x:relu", "loss": 0.1, "discretised": 0.1},
    ],
)  # fmt: skip
def test_a_remembered_supernet_is_checked(value, tmp_path):
    path = tmp_path / "a.jsonl"
    Journal(path, {}).remember("darts 0", lambda: value)
    problem = circle()
    with pytest.raises(UsageError, match="is no journal of a search"):
        run_search(
            head_space((), problem.task, n=60, d=2), SEARCH_METHODS["darts"], one_loss,
            SearchBudget(1), journal=Journal(path, {}), problem=problem,
        )  # fmt: skip


def test_the_discretisation_gap_is_reported_and_supernets_are_trained_once(monkeypatch):
    monkeypatch.setattr("headstart.search.darts.STEPS", 5)
    x, task = np.random.default_rng(0).normal(size=(60, 2)), Task("classification", ("in", "out"))
    problem = Problem(x, (np.linalg.norm(x, axis=1) > 1.2).astype(int), task, (), None, 0)
    space, journal = head_space((), task, n=60, d=2), Journal(None, {})
    found = run_search(
        space,
        SEARCH_METHODS["darts"],
        lambda point: TrialLoss(1.0 + 0 * len(point)),
        SearchBudget(2),
        journal=journal,
        problem=problem,
    )
    assert len(found.trials) == 2
    (finding,) = found.findings
    assert finding.startswith("the 2 supernets had a loss of ")
    assert "on the half of the rows that weighted the operations" in finding
    assert sum(key.startswith("darts ") for key in journal.memory) >= 2
