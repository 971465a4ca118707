"""Keys that the parts of names give, and the patterns that capture them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from headstart.data.grouping.name_keys import name_keys


def partition(values):
    """Codes in the order of first appearance: equal for two ways to name the same groups."""
    first = {}
    return [first.setdefault(value, len(first)) for value in np.asarray(values).tolist()]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        (lambda g, k: f"{k % 3}/{k % 3}_{'abcdef'[g] * 3}_{k}.wav", "speaker in the middle"),
        (lambda g, k: f"phon_R01_S{g:02}_{k}.wav", "subject behind a letter"),
        (lambda g, k: f"clip{g}_{k:04}.jpg", "frames of a video"),
        (lambda g, k: f"{g:02}a{k:02}F{'ab'[k % 2]}.wav", "speaker at the start, as EmoDB"),
        (lambda g, k: f"patient-{g} scan {k}.png", "spaces and dashes"),
        (lambda g, k: f"x/y/subject{g}/{k:03}.png", "a folder"),
        (lambda g, k: f"录音{g}号_{k}.wav", "letters of another script"),
        (lambda g, k: f"site{g % 2}_pat{g // 2}_{k}.png", "two parts together"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_groups_of_names_are_among_the_keys_and_patterns_capture_them(name, group):
    groups = np.arange(60) % 6
    names = [name(g, k) for k, g in enumerate(groups)]
    keys = name_keys(names, {})
    assert any(partition(key.codes) == partition(groups) for key in keys), group
    for key in keys:
        captured = [re.search(key.pattern, one).group(1) for one in names]
        assert partition(captured) == partition(key.codes), key.pattern
        assert "--group-pattern" in key.option


def test_numbers_of_rows_and_unique_parts_are_no_keys():
    assert name_keys([str(k) for k in range(20)], {}) == []
    assert name_keys([f"{k}.jpg" for k in range(20)], {}) == []


def test_columns_are_keys_as_they_are_and_in_parts():
    names = [f"R{k}_S{k // 4}" for k in range(20)]
    keys = name_keys([str(k) for k in range(20)], {"site": ["x", "y"] * 10, "name": names})
    assert [key.option for key in keys] == ["--group-col site", r"--group-col name --group-pattern 'S(\d+)'"]
