"""What counts as a difference, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParityError
from headstart.export.checking.parity import Gap, Parity, difference
from headstart.types import Task

BINARY = Task("classification", ("ant", "bee"))


def parity(gap, tolerance=0.01):
    return Parity(4, "items given", gap, gap, "fp32", "fp32", tolerance, {}, 0.1)


def test_a_flip_within_a_tie_is_no_flip():
    reference = np.array([[0.5004, 0.4996], [0.52, 0.48]])
    found = difference(reference, reference[:, ::-1], BINARY)
    assert (found.flips, found.ties) == (1, 1)


def test_a_label_that_crosses_its_threshold_is_a_flip():
    task = Task("multilabel", ("beach", "sea"))
    reference = np.array([[0.51, 0.1], [0.4999, 0.1]])
    found = difference(reference, np.array([[0.49, 0.1], [0.5001, 0.1]]), task)
    assert (found.flips, found.ties) == (1, 1)


def test_values_are_compared_in_standard_deviations():
    reference = np.array([[100.0], [300.0]])
    found = difference(reference, reference + 10, Task("regression", ("price",)))
    assert found.largest == pytest.approx(0.1)


@pytest.mark.parametrize("gap", [Gap(0.02, 0.0, 0, 0), Gap(0.001, 0.0, 1, 0), Gap(float("nan"), 0.0, 0, 0)])
def test_too_large_a_difference_a_flip_and_a_nan_are_refused(gap):
    with pytest.raises(ParityError, match="nothing was written"):
        parity(gap).check("onnx")


def test_ties_and_small_differences_pass():
    parity(Gap(0.0099, 0.0, 0, 3)).check("onnx")


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (3, 2)])
def test_answers_of_another_shape_are_refused_though_they_could_be_broadcast(shape):
    with pytest.raises(ParityError, match="shape"):
        difference(np.full((2, 2), 0.5), np.full(shape, 0.5), BINARY)
