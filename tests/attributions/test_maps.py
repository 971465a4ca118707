"""Maps as pictures: sizes, colours, what the body did not see, and axes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from headstart.attributions import PixelMap, TimeFrequencyMap
from headstart.attributions.kinds import cell_sums
from headstart.attributions.maps import map_html, overlay

GREY = np.full((40, 80, 3), 120, np.uint8)


def test_evidence_for_is_blue_and_against_is_orange():
    found = overlay(np.array([[1.0, -1.0]]), GREY)
    assert found[20, 5, 2] > found[20, 5, 0]
    assert found[20, 75, 0] > found[20, 75, 2]


def test_what_the_body_did_not_see_is_dimmed():
    found = overlay(np.zeros((2, 2)), GREY, (0.25, 0.0, 0.75, 1.0))
    assert found[0, 0, 0] < found[0, 40, 0] == 120


@pytest.mark.parametrize("box", [(-0.2, -0.5, 1.2, 1.5), (0.0, 0.0, 1.0, 1.0), (0.9, 0.9, 1.4, 1.4)])
def test_a_margin_around_the_picture_is_cut_off(box):
    assert overlay(np.eye(3), GREY, box).shape == GREY.shape


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.full((1, 1), 1e300)])
def test_no_values_break_the_picture(values):
    assert "figure" in map_html(PixelMap(values, GREY, (1, 1)), "score")


def test_a_spectrogram_has_axes_and_a_legend():
    shown = TimeFrequencyMap(np.eye(4), np.eye(4), 3.0, np.array([100.0, 500.0, 2000.0, 8000.0]))
    page = map_html(shown, "score")
    assert {"0 s", "1 s", "3 s", "2 kHz", "100 Hz"} <= set(re.findall(r">([^<>]+)</text>", page))
    assert "speaks against it" in page
    assert "no evidence" in map_html(TimeFrequencyMap(np.eye(4), np.eye(4), 3.0, np.empty(0), signed=False), "score")


def test_a_map_of_times_alone_is_drawn_over_all_frequencies():
    shown = TimeFrequencyMap(np.ones((1, 5)), np.eye(8), 1.0, np.arange(1, 9) * 100.0)
    assert shown.largest(1)[0][0] == "0.00 to 0.20 s"
    assert "<svg" in map_html(shown, "score")


def test_cells_sum_to_the_map():
    values = np.random.default_rng(0).normal(size=(10, 7))
    assert cell_sums(values, (3, 2)).sum() == pytest.approx(values.sum())
