"""The choice of λ and head where every λ has the same loss: separable rows without a left-out mistake."""

from typing import cast

import numpy as np
import pytest

from headstart.heads import HeadSearch, select_head
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.feature_map import FeatureMap
from headstart.heads.lda import LDA
from headstart.heads.problem import Problem
from headstart.heads.registry import SpectralHead
from headstart.heads.ridge import RIDGE
from headstart.linear.leave_out import leave_one_out
from headstart.linear.spectrum import Spectrum
from headstart.types import Task

SOLVED = cast("list[SpectralHead]", [LDA, RIDGE])


def separable(n: int = 24, d: int = 60, far: float = 40.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    rows = rng.normal(size=(n, d))
    rows[:, 0] += far * y
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), y


@pytest.mark.parametrize("groups", [None, np.arange(24) // 4])
def test_of_equal_losses_the_least_left_out_squared_error_decides(groups: np.ndarray | None) -> None:
    rows, y = separable()
    problem = Problem(rows, y, Task("classification", ("a", "b")), (), groups, 0)
    found, tried = spectral_contenders(problem, [FeatureMap("rows", ((0, 60),), "none")], SOLVED)
    losses = np.array([one.loss for one in tried if one.head == "ridge"])
    same = np.isclose(losses, losses.min(), rtol=1e-9)
    assert same.sum() > 3  # the kind: no mistake at several λ
    assert losses.min() == pytest.approx(np.log(2) / 24)
    if groups is None:
        spectrum = Spectrum.from_rows(rows, np.eye(2)[y])
        lambdas = [one.lam for one in tried if one.head == "ridge"]
        press = [
            ((np.eye(2)[y] - one.predictions) ** 2).mean()
            for one in leave_one_out(spectrum, rows, np.eye(2)[y], lambdas)
        ]
        expected = min(np.flatnonzero(same), key=lambda k: press[k])
        assert {one.candidate.lam for one in found} == {lambdas[expected]}
    assert len({one.candidate.lam for one in found}) == 1


def test_a_head_on_separable_rows_has_scores_of_the_size_of_its_targets() -> None:
    rows, y = separable()
    task = Task("classification", ("a", "b"))
    head = select_head(rows, y, task)
    assert head.head == "ridge"
    assert np.abs(head.scores(rows)).max() < 2
    assert select_head(rows, y, task, search=HeadSearch(("lda",))).loss == pytest.approx(head.loss, rel=1e-9)


def test_rounding_of_the_rows_changes_neither_head_nor_penalty() -> None:
    rows, y = separable()
    task, first = Task("classification", ("a", "b")), None
    for seed in range(5):
        noise = 1 + 1e-14 * np.random.default_rng(seed).normal(size=rows.shape)
        head = select_head(rows * noise, y, task)
        first = first or head
        assert head.head == first.head
        assert head.lam == pytest.approx(first.lam, rel=1e-6)


def test_losses_that_differ_decide_as_before() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 200)
    rows = rng.normal(size=(200, 5)) + y[:, None]
    problem = Problem(rows, y, Task("classification", ("a", "b")), (), None, 0)
    found, tried = spectral_contenders(problem, [FeatureMap("rows", ((0, 5),), "none")], SOLVED)
    for one in found:
        assert one.candidate.loss == min(other.loss for other in tried if other.head == one.candidate.head)


@pytest.mark.parametrize("classes", [2, 3])
def test_heads_that_are_calibrated_together_have_the_losses_of_each_alone(classes: int) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2  # with three classes, one of them has no rows
    x = rng.normal(size=(40, 6)) + y[:, None]
    problem = Problem(x, y, Task("classification", tuple("abc"[:classes])), (), None, 0)
    maps = [FeatureMap("rows", ((0, 6),), "none")]
    _, both = spectral_contenders(problem, maps, [RIDGE, LDA])
    for head in (RIDGE, LDA):
        _, alone = spectral_contenders(problem, maps, [head])
        losses = {one.lam: one.loss for one in both if one.head == head.name}
        shared = [one for one in alone if one.lam in losses]
        assert len(shared) >= 17
        np.testing.assert_allclose([losses[one.lam] for one in shared], [one.loss for one in shared], rtol=1e-12)
