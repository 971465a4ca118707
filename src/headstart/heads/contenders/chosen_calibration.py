"""The calibration of the chosen head: vector scaling in place of one temperature, where left-out scores show a gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.heads.fitted import FittedHead
from headstart.heads.problem import Problem
from headstart.linear.calibration import softmax
from headstart.linear.calibration_choice import VECTOR, choose_calibration
from headstart.tasks.classification import CLASSIFICATION

__all__ = ["with_chosen_calibration"]

OWN = ("ordinal",)  # heads whose scores are log-probabilities of a model of their own


def with_chosen_calibration(problem: Problem, head: FittedHead) -> FittedHead:
    """The head with the better calibration; its evidence is then that of parameters from other folds.

    Args:
        problem: rows and labels.
        head: the chosen head, calibrated by a temperature.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> found = with_chosen_calibration(problem, select_head(problem.rows, problem.y, problem.task))
        >>> found.calibration_choice.chosen
        'temperature'
    """
    evidence = head.evidence
    if problem.task.kind != "classification" or head.head in OWN or evidence is None:
        return head
    y, weights = problem.y[evidence.index], problem.chosen_weights
    found = choose_calibration(
        evidence.scores, y, temperature=float(head.calibration["temperature"][0]), groups=problem.chosen_groups,
        sample_weight=weights,
    )  # fmt: skip
    if found.chosen != VECTOR:
        return replace(head, calibration_choice=found)
    outputs = softmax(found.logits)
    losses = CLASSIFICATION.loss(outputs, y)
    losses = losses if weights is None else losses * weights / weights.mean()
    return replace(
        head,
        calibration={**head.calibration, "factor": found.factor, "offset": found.offset},
        evidence=replace(evidence, outputs=outputs, losses=losses),
        loss=float(np.mean(losses)),
        calibration_choice=found,
    )
