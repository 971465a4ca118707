"""Who is judged by whom: folds where a held-out fifth would say too little of each class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.transfer.stages.judge import affordable_folds, make_plan
from headstart.types import Dataset, Task


def dataset(n, classes, modality="image"):
    task = Task("classification", tuple(map(str, range(classes))))
    return Dataset([""] * n, tuple(map(str, range(n))), modality, task=task, y=np.arange(n) % classes)


def test_many_classes_with_few_items_are_judged_in_folds():
    plan = make_plan(dataset(1500, 75), np.arange(1500), seed=0, widths=[384])
    assert len(plan.parts) == 10
    assert plan.how == (
        "10-fold cross-validation of 1500 items, with the choice made inside each fold; a held-out fifth would have "
        "4.0 items per class"
    )
    assert len(plan.evaluated) == 1500


@pytest.mark.parametrize("few", [dataset(1500, 10), dataset(1500, 30)])
def test_few_classes_are_judged_on_a_fifth(few):
    assert len(make_plan(few, np.arange(1500), seed=0, widths=[384]).parts) == 1


def test_folds_stop_where_they_cost_more_than_encoding():
    many = dataset(3000, 150, "text")
    folds = [affordable_folds(many, [384] * blocks) for blocks in (1, 2, 5, 7)]
    assert folds[0] == 10
    assert folds == sorted(folds, reverse=True)
    assert folds[-1] == 0
    assert len(make_plan(many, np.arange(3000), seed=0, widths=[384] * 7).parts) == 1


def test_given_splits_times_and_single_trainings_come_first():
    data = dataset(1500, 75)
    given = replace(data, split=np.array(["train"] * 1200 + ["test"] * 300))
    timed = replace(data, times=np.arange(1500.0))
    for one, once in ((given, False), (timed, False), (data, True)):
        assert len(make_plan(one, np.arange(1500), seed=0, once=once, widths=[384]).parts) == 1


def test_other_tasks_have_no_classes_to_be_few():
    values = replace(dataset(1500, 75), task=Task("regression", ("v",)), y=np.arange(1500.0)[:, None])
    assert affordable_folds(values, [384]) == 0


@pytest.mark.slow
def test_a_fit_says_how_many_classes_were_judged():
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 60
    rows = rng.normal(size=(1200, 8)) + 3 * rng.normal(size=(60, 8))[y]
    run = headstart.fit((rows, [f"class {k:02}" for k in y]), baselines="none")
    assert run.record["evaluation"]["how"].startswith("10-fold cross-validation of 1200 items")
    assert run.evaluation.n == 1200


def test_few_groups_are_left_out_one_by_one_whatever_the_folds_cost():
    data = replace(dataset(90, 3), groups=np.array([f"p{k % 15}" for k in range(90)]))
    assert make_plan(data, np.arange(90) % 15, seed=0, widths=[4]).how.startswith("leave-one-group-out over 15 groups")
