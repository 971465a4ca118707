"""Late fusion: the outputs of one head a source, weighted."""

import numpy as np
import pytest
from fused_rows import BLOCKS, CLASSES, make_problem

from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.fusion.late_fusion import fit_stack, stack_contender
from headstart.heads.fusion.maps import single_maps
from headstart.heads.lda import LDA
from headstart.heads.problem import Problem
from headstart.heads.ridge import RIDGE
from headstart.linear.calibration import log_loss, softmax
from headstart.tasks import task_methods
from headstart.types import Task


def members_of(problem):
    heads = [RIDGE, LDA] if problem.task.kind == "classification" else [RIDGE]
    found = []
    for maps in single_maps(problem.rows, problem.blocks).values():
        contenders, _ = spectral_contenders(problem, maps, heads)
        found.append(min(contenders, key=lambda one: one.candidate.loss))
    return found


def logits_of(outputs, task):
    if task.kind == "regression":
        return outputs
    return np.log(outputs) if task.kind == "classification" else np.log(outputs) - np.log1p(-outputs)


@pytest.mark.parametrize(
    "task", [CLASSES, Task("multilabel", ("p", "q")), Task("regression", ("v",))], ids=lambda task: task.kind
)
def test_a_stack_is_one_linear_head(task):
    problem = make_problem(task)
    members = members_of(problem)
    stack = stack_contender(problem, members, "both")
    head = stack.fitted(())
    methods = task_methods(task)
    logits = []
    for member in members:
        fitted = member.fitted(())
        logits.append(logits_of(methods.outputs(fitted.scores(problem.rows), fitted.calibration), task))
    left = np.stack([logits_of(one.evidence.outputs, task) for one in members])
    weights = fit_stack(left, problem.y, task)
    kept = weights > 1e-3 * weights.max()
    centre = problem.chosen_targets.mean(axis=0) if task.kind == "regression" else 0.0
    wanted = np.tensordot(weights[kept], np.stack(logits)[kept] - centre, axes=1) + centre
    scores = head.scores(problem.rows)
    if task.kind == "classification":  # scores are up to a constant of each row
        wanted, scores = softmax(wanted), softmax(scores)
    assert np.abs(wanted - scores).max() < 1e-10
    assert head.weight.shape == (head.feature_map.num_features, task.num_outputs)


def test_weights_of_a_stack_are_those_of_least_loss():
    problem = make_problem()
    logits = np.stack([np.log(one.evidence.outputs) for one in members_of(problem)])
    weights = fit_stack(logits, problem.y, CLASSES)
    lowest = log_loss(np.tensordot(weights, logits, axes=1), problem.y)
    for step in 1e-3 * np.vstack([np.eye(3), -np.eye(3)]):
        moved = np.maximum(weights + step, 0)
        assert log_loss(np.tensordot(moved, logits, axes=1), problem.y) >= lowest - 1e-9


def test_the_loss_of_a_stack_is_of_weights_fitted_without_the_row():
    """On labels of noise a stack of many heads must not look better than chance."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=90)
    problem = Problem(rng.normal(size=(90, 32)), y, CLASSES, BLOCKS, None, 0)
    assert stack_contender(problem, members_of(problem), "noise").candidate.loss > np.log(3) - 0.03
