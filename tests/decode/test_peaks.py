"""Peaks of maps."""

from __future__ import annotations

import numpy as np

from headstart.decode.peaks import peaks


def test_peaks_are_those_of_brute_force() -> None:
    heat = np.random.default_rng(0).random((7, 9, 2))
    wanted = set()
    for y, x, c in np.ndindex(*heat.shape):
        around = heat[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2, c]
        if heat[y, x, c] >= around.max() and heat[y, x, c] > 0.5:
            wanted.add((y, x, c))
    found = peaks(heat, least=0.5)
    assert set(map(tuple, found.tolist())) == wanted
    values = heat[tuple(found.T)]
    assert (np.diff(values) <= 0).all()


def test_no_peak_below_the_least_and_no_more_than_the_most() -> None:
    heat = np.zeros((4, 4, 1))
    assert len(peaks(heat, least=0.0)) == 0
    heat[0, 0], heat[3, 3] = 0.4, 0.8
    assert peaks(heat, least=0.1, most=1).tolist() == [[3, 3, 0]]
