"""All measures of `drift` on cheap features: the stated rate of false alarms, and what each kind of shift is called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError
from headstart.transfer.drifting.compare_samples import DriftOptions, compare_samples
from headstart.transfer.drifting.sample import Sample
from headstart.types import Task

TASK = Task("classification", ("a", "b"))


def sample(rng, n, share=0.5, moved=0.0, outliers=0):
    """Two classes around ±1.5, with the outputs of the best model of the unmoved rows."""
    y = (rng.random(n) < share).astype(np.intp)
    rows = rng.normal(size=(n, 3)) + np.outer(3 * y - 1.5, [1, 0, 0])
    chance = 1 / (1 + np.exp(-3 * (rows[:, 0] + moved)))
    rows[:, 1] += moved
    rows[:outliers] += 12
    return Sample(rows, np.column_stack([1 - chance, chance]), y)


def test_a_clean_sample_gives_a_false_alarm_at_the_stated_rate():
    quick, found = DriftOptions(permutations=59, columns=("p", "q", "r")), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        reference = replace(sample(rng, 120), y=None)  # without labels, shares are not estimated
        drift = compare_samples(reference, sample(rng, 60), TASK, quick)
        assert set(drift.p_values) == {"items", "columns", "far"}
        found.append(drift.p_value)
    assert np.mean(np.array(found) <= 0.05) < 0.14  # 0.05 + 3 standard errors; three tests at 0.05 would be near it
    assert np.mean(found) > 0.4


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ({"share": 0.9}, "label shift"),
        ({"moved": 1.5}, "covariate shift"),
        ({"outliers": 4}, "far items"),
        ({}, "none"),
    ],
)
def test_each_kind_of_shift_has_its_name_and_its_advice(new, verdict):
    rng = np.random.default_rng(7)
    drift = compare_samples(sample(rng, 300), sample(rng, 120, **new), TASK, DriftOptions(permutations=299))
    assert drift.verdict == verdict
    advice = {"label shift": "--priors", "covariate shift": "label 20", "far items": "items lie far", "none": "nothing"}
    assert advice[verdict] in drift.sentence
    assert drift.to_dict()["labels_to_collect"] == (0 if verdict == "none" else 20)


def test_estimated_shares_hold_the_truth():
    rng = np.random.default_rng(1)
    found = compare_samples(sample(rng, 300), sample(rng, 200, share=0.8), TASK, DriftOptions(permutations=99))
    shift = found.label_shift
    assert shift.em.low[1] < 0.8 < shift.em.high[1]


def test_groups_on_one_side_only_leave_one_item_of_each():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 5)
    rows = np.repeat(rng.normal(size=(40, 3)), 5, axis=0)
    reference = Sample(rows + 0.1 * rng.normal(size=rows.shape), units=groups, named=True)
    new = Sample(rng.normal(size=(60, 3)))
    drift = compare_samples(reference, new, TASK, DriftOptions(permutations=99))
    assert "--group-col" in drift.notes[0]
    few = Sample(rows[:25], units=groups[:25], named=True)
    with pytest.raises(DataError, match=r"at least 10 .*Got 5"):
        compare_samples(new, few, TASK, DriftOptions(permutations=99))


def test_groups_on_both_sides_are_compared_one_by_one():
    rng = np.random.default_rng(3)

    def grouped(count, moved=None):
        centres = rng.normal(size=(count, 3))
        if moved is not None:
            centres[moved] += 9
        rows = np.repeat(centres, 4, axis=0) + 0.3 * rng.normal(size=(4 * count, 3))
        return Sample(rows, units=np.repeat(np.arange(count), 4), named=True)

    names = [f"site {k}" for k in np.repeat(np.arange(10), 4)]
    drift = compare_samples(grouped(60), grouped(10, 7), TASK, DriftOptions(permutations=99, groups=names))
    assert "far" not in drift.p_values
    assert drift.groups[0].name == "site 7"
    assert drift.groups[0].p_value == pytest.approx(1 / 61)
