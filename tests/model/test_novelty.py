"""Novelty: left-out scores against refits by brute force, the promised false-alarm rate, and what is refused."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import betabinom

from headstart.errors import DataError, ParameterError
from headstart.heads import HeadSearch, select_head
from headstart.linear.moments import Moments
from headstart.model.certainty import certainty_of, certainty_of_scores
from headstart.model.novelty import NoveltyDetector, checked_rate, more_than_chance
from headstart.tasks import task_methods
from headstart.types import Task

TASK = Task("classification", ("a", "b"))


def detector(
    x: np.ndarray, y: np.ndarray, *, groups: Any = None, search: HeadSearch = HeadSearch(("ridge",)), task: Task = TASK
) -> NoveltyDetector:
    head = select_head(x, y, task, groups=groups, search=search)
    mapped = head.feature_map(x)
    moments = Moments.from_rows(mapped, task_methods(task).targets(y, task.num_outputs))
    kept = certainty_of(x, y, task, head, ids=list(map(str, range(len(x)))), groups=groups, search=search)
    return NoveltyDetector(task, head, moments, kept)


def drawn(n: int = 40, d: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, (x[:, 0] + rng.normal(size=n) > 0).astype(np.int64)


def leverage_from(rest: np.ndarray, row: np.ndarray, lam: float) -> float:
    centred = rest - rest.mean(axis=0)
    gram = centred.T @ centred + lam * np.eye(rest.shape[1])
    apart = row - rest.mean(axis=0)
    return float(apart @ np.linalg.solve(gram, apart))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_left_out_scores_of_training_rows_are_those_of_refits(size: int) -> None:
    x, y = drawn()
    groups = None if size == 1 else np.arange(40) // size
    found = detector(x, y, groups=groups)
    own = found._reference
    mapped = np.asarray(found.head.feature_map(x), dtype=np.float64)
    unit = mapped / np.linalg.norm(mapped, axis=1, keepdims=True)
    codes = np.arange(40) if groups is None else groups
    for i in range(0, 40, 7):
        others = codes != codes[i]
        assert own["leverage"][i] == pytest.approx(leverage_from(mapped[others], mapped[i], found.head.lam), rel=1e-6)
        assert own["knn"][i] == pytest.approx(1 - (unit[others] @ unit[i]).max(), abs=1e-6)


def test_scores_of_new_rows_are_those_of_the_fit() -> None:
    x, y = drawn()
    found = detector(x, y)
    new = np.random.default_rng(1).normal(size=(5, 3)) * 3
    mapped, fresh = np.asarray(found.head.feature_map(x), float), np.asarray(found.head.feature_map(new), float)
    expected = [leverage_from(mapped, row, found.head.lam) for row in fresh]
    assert found.scores(new)["leverage"] == pytest.approx(expected, rel=1e-8)


def test_items_like_the_training_items_are_flagged_at_most_as_often_as_promised() -> None:
    """Realised false-alarm rate over 60 fits, against the beta-binomial law of exchangeable scores."""
    flagged, rate = [], 0.05
    for seed in range(60):
        x, y = drawn(239, 4, seed)
        found = detector(x[:99], y[:99])
        flagged.append(int((found.p_values(x[99:]) <= rate).sum()))
    law = betabinom(140, 5, 95)
    assert abs(np.mean(flagged) - law.mean()) < 4 * law.std() / np.sqrt(60)


def test_an_item_far_from_all_is_flagged_however_sure_the_answer_is() -> None:
    """Regression: ranks of three scores saturate at 1/(n+1), and a sure answer outweighed them."""
    x, y = drawn(400, 4)
    found = detector(x, y)
    far = np.full((1, 4), 20.0)
    assert found.p_values(far)[0] == pytest.approx(1 / 401)
    assert found.p_values(np.zeros((1, 4)))[0] > 0.1


def test_each_group_weighs_as_one_item() -> None:
    x, y = drawn(120)
    found = detector(x, y, groups=np.arange(120) // 4)
    assert found.units == 30
    assert found.p_values(np.full((1, 3), 50.0))[0] == pytest.approx(1 / 31)
    with pytest.raises(DataError, match=r"needs 99 groups of training items to compare with. Got 30"):
        found.check(0.01)
    found.check(0.05)


def test_too_few_items_for_the_rate_are_said() -> None:
    x, y = drawn(40)
    with pytest.raises(DataError, match=r"needs 99 training items .* allow at least 0.025: give --false-alarm"):
        detector(x, y).check(0.01)
    for bad in (0, 1, 1.5, True):
        with pytest.raises(ParameterError, match="between 0 and 1"):
            checked_rate(bad)


def test_a_regression_has_leverage_and_neighbours() -> None:
    x = np.random.default_rng(0).normal(size=(150, 3))
    found = detector(x, x[:, :1] * 2, task=Task("regression", ("y",)))
    assert found.names == ("leverage", "knn")
    assert found.p_values(np.full((1, 3), 30.0))[0] < 0.01


def test_a_model_that_kept_scores_alone_compares_probabilities() -> None:
    x, y = drawn()
    head = select_head(x, y, TASK)
    kept = certainty_of_scores(head.scores(x), y, ids=list(map(str, y)), how="validation")
    assert NoveltyDetector(TASK, head, None, kept).names == ("max_prob",)
    values = certainty_of_scores(x[:, :1], x[:, :1], ids=list(map(str, y)), how="validation")
    with pytest.raises(DataError, match="nothing says how unlike"):
        NoveltyDetector(Task("regression", ("v",)), head, None, values).p_values(x)


def test_chance_is_a_beta_binomial_tail() -> None:
    for flagged, items, units in ((1, 1, 99), (1, 10, 500), (3, 40, 200), (4, 40, 1000), (2, 100, 5000)):
        tail = betabinom(items, int(0.01 * (units + 1)), units + 1 - int(0.01 * (units + 1))).sf(flagged - 1)
        assert more_than_chance(flagged, items, units) == (tail <= 0.05)
    assert not more_than_chance(0, 10, 1000)
    assert not more_than_chance(3, 10, 50)  # 50 items allow no rate of 1%
