"""All measures together: false alarms at the stated rate, and what is found."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.evaluate.shift.pooled import pooled_rows
from headstart.evaluate.shift.two_sample import two_sample_tests


@pytest.mark.parametrize("size", [1, 3])
def test_false_alarms_come_at_the_stated_rate(size):
    """Skewed rows of unequal samples, single or in groups of three that are nearly alike."""
    found = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        rows = np.repeat(rng.exponential(size=(75 // size, 4)), size, axis=0) + 0.1 * rng.normal(size=(75, 4))
        groups = None if size == 1 else (np.arange(51) // size, np.arange(24) // size)
        pooled = pooled_rows(rows[:51], rows[51:], groups=groups)
        found.append(two_sample_tests(pooled, rows[:, :2], permutations=59, seed=seed)[1])
    assert np.mean(np.array(found) <= 0.05) < 0.11  # 0.05 + 3 standard errors


@pytest.mark.parametrize(
    ("measure", "change"),
    [
        ("mmd", lambda rows: rows + 0.8),
        ("classifier", lambda rows: rows + 0.8),
        ("frechet", lambda rows: rows * 2.5),
        ("outputs", lambda rows: rows + 0.8),
    ],
)
def test_each_measure_finds_what_it_is_made_for(measure, change):
    rows = np.random.default_rng(0).normal(size=(120, 4))
    new = change(rows[70:])
    outputs = np.concatenate([rows[:70], new])[:, :2]
    tests, together = two_sample_tests(pooled_rows(rows[:70], new), outputs, permutations=99)
    by_name = {test.name: test for test in tests}
    assert by_name[measure].p_value == 0.01
    assert together <= 0.03
    assert by_name[measure].value != pytest.approx(by_name[measure].expected)


def test_rows_of_different_widths_are_refused():
    with pytest.raises(ParameterError, match=r"rows of one width.*\(3, 2\) and \(3, 3\)"):
        pooled_rows(np.zeros((3, 2)), np.zeros((3, 3)))
