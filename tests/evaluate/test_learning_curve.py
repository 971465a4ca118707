"""Learning curves from moments: equal to brute-force refits, honest on degenerate data, and plain JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

import headstart
from headstart.errors import DataError, ParameterError
from headstart.evaluate.curves.forecast import LabelGain
from headstart.evaluate.curves.measure import JudgedItems, Subject, errors_at, solved_on
from headstart.evaluate.curves.subsamples import nested_orders
from headstart.evaluate.learning_curve import LearningCurve, _short, learning_curve
from headstart.heads import HEADS, FeatureMap
from headstart.types import Task

PRICE = Task("regression", ("price",))
TWO = Task("classification", ("a", "b"))


def planted(n: int, d: int, k: int, seed: int = 0, apart: float = 4.8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    return rng.normal(size=(n, d)) + apart * rng.normal(size=(k, d))[y] / np.sqrt(d), y


@pytest.mark.parametrize("d", [5, 60])
def test_a_point_equals_brute_force_refits_of_each_subsample(d):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, d))
    y = x[:, :1] - x[:, 1:2] + rng.normal(size=(80, 1))
    subject = Subject(x[:60], y[:60], PRICE, FeatureMap("rows", ((0, d),), "none"), HEADS["ridge"])
    orders = nested_orders(y[:60], PRICE, None, 4, seed=0)
    found = errors_at(subject, JudgedItems(x[60:], y[60:]), orders, 30, np.ones(1))
    refits = []
    for order in orders:
        part = order.prefix(30)
        lam = solved_on(subject, part).candidate.lam
        refits.append(
            (Ridge(lam, solver="cholesky").fit(x[part], y[part]).predict(x[60:]).reshape(-1, 1) - y[60:]) ** 2
        )
    assert found.errors == pytest.approx(np.mean(refits, axis=0), rel=1e-9)
    assert found.spread[0] == pytest.approx(np.var([one.mean() for one in refits], ddof=1), rel=1e-9)


def test_the_penalty_of_a_subsample_is_that_of_its_own_least_leave_one_out_loss():
    x, y = np.random.default_rng(1).normal(size=(40, 30)), np.random.default_rng(2).normal(size=(40, 1))
    y += x[:, :1]
    subject = Subject(x, y, PRICE, FeatureMap("rows", ((0, 30),), "none"), HEADS["ridge"])
    chosen = solved_on(subject, np.arange(20)).candidate

    def brute(lam: float) -> float:
        rest = [np.delete(np.arange(20), i) for i in range(20)]
        left = [Ridge(lam, solver="cholesky").fit(x[part], y[part]).predict(x[[i]])[0] for i, part in enumerate(rest)]
        return float(np.mean((np.ravel(left) - y[:20, 0]) ** 2) / y[:20].var())

    assert chosen.loss == pytest.approx(brute(chosen.lam), rel=1e-9)
    assert chosen.loss <= min(brute(chosen.lam * factor) for factor in (0.1, 10.0)) + 1e-12


def test_a_training_item_is_judged_by_the_fits_without_it():
    x, y = planted(80, 6, 2)
    subject = Subject(x, y, TWO, FeatureMap("rows", ((0, 6),), "none"), HEADS["lda"])
    orders = nested_orders(y, TWO, None, 2, seed=0)
    found = errors_at(subject, JudgedItems(x, y, np.arange(80)), orders, 40)
    for order, other in (orders, orders[::-1]):
        seen, unseen = order.prefix(40), other.prefix(40)
        solution = solved_on(subject, seen).solve()
        wrong = (x[unseen] @ solution.weight + solution.bias).argmax(axis=1) != y[unseen]
        assert found.errors[unseen, 0] == pytest.approx(wrong * 1.0)


def test_the_curve_falls_as_that_of_scikit_learn_does():
    x, y = planted(2000, 20, 4)
    task = Task("classification", tuple("abcd"))
    curve = learning_curve(x[:400], y[:400], task, held_out=(x[400:], y[400:]))
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    for size, error in zip(curve.sizes, curve.errors, strict=True):
        draws = [np.random.default_rng(i).permutation(400)[: round(size)] for i in range(8)]
        theirs = np.mean([(lda.fit(x[part], y[part]).predict(x[400:]) != y[400:]).mean() for part in draws])
        assert error == pytest.approx(theirs, abs=0.04)
    assert curve.errors[0] > curve.errors[-1]


def test_a_forecast_holds_what_twice_as_many_labels_really_bring():
    x, y = planted(4000, 120, 6, seed=5, apart=2.0)
    task = Task("classification", tuple("abcdef"))
    held = (x[800:], y[800:])
    half = learning_curve(x[:400], y[:400], task, held_out=held)
    full = learning_curve(x[:800], y[:800], task, held_out=held, draws=2)
    twice = half.forecasts[-1]
    assert twice.more == 400
    assert twice.low <= half.errors[-1] - full.errors[-1] <= twice.high
    assert half.forecast.low > 0
    assert "200 more labels would bring +" in half.sentence
    assert " points (accuracy ." in half.sentence


def test_labels_without_any_signal_are_not_promised_to_help():
    rng = np.random.default_rng(0)
    curve = learning_curve(rng.normal(size=(300, 20)), rng.integers(0, 2, 300), TWO)
    assert curve.forecast.low <= 0
    assert "unlikely to help" in curve.sentence or "not shown to help" in curve.sentence
    assert curve.helped_most is None


def test_a_saturated_curve_says_that_more_labels_are_unlikely_to_help():
    x, y = planted(3000, 3, 2)
    curve = learning_curve(x, y, TWO, held_out=(x, y))
    assert "unlikely to help" in curve.sentence


def test_a_target_that_is_still_learning_gains_more_than_one_that_is_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 60))
    noise = rng.normal(size=(2000, 2))
    y = np.stack([0.1 * x[:, 0] + noise[:, 0], x @ rng.normal(size=60) / 4 + noise[:, 1]], axis=1)
    task = Task("regression", ("hardly predictable", "still learning"))
    curve = learning_curve(x[:200], y[:200], task, held_out=(x[200:], y[200:]))
    assert list(curve.per_class) == list(task.labels)
    assert curve.per_class["still learning"].gain > curve.per_class["hardly predictable"].gain + 0.02


def test_the_class_with_the_largest_sure_gain_is_named():
    x, y = planted(120, 6, 2)
    curve = learning_curve(x, y, TWO)
    gains = {"a": LabelGain(120, 0.2, 0.03, 0.01, 0.05), "b": LabelGain(120, 0.3, 0.09, -0.01, 0.19)}
    assert replace(curve, per_class=gains).helped_most == "a"
    assert replace(curve, per_class=gains).sentence.endswith("With 120 more, 'a' gains most: +3.0 ± 2.0 points.")
    assert replace(curve, per_class={"b": gains["b"]} | {"a": gains["b"]}).helped_most is None


def test_perfect_scores_promise_nothing():
    y = np.arange(120) % 2
    curve = learning_curve(np.eye(2)[y] * 50 + np.random.default_rng(0).normal(size=(120, 2)), y, TWO)
    assert curve.errors[-1] == 0
    assert curve.forecast.gain < 0.005
    assert curve.forecast.low <= 0 <= curve.forecast.high


def test_two_classes_of_three_items_have_no_curve():
    with pytest.raises(DataError, match="two sizes"):
        learning_curve(np.random.default_rng(0).normal(size=(6, 4)), np.array([0, 0, 0, 1, 1, 1]), TWO)


def test_one_group_has_no_curve():
    x, y = planted(80, 4, 2)
    with pytest.raises(DataError, match="1 groups"):
        learning_curve(x, y, TWO, groups=["same"] * 80, held_out=(x, y))


def test_groups_stay_together_in_subsamples_and_in_intervals():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(24), 10)
    x, y = planted(240, 8, 2)
    shift = rng.normal(scale=2.0, size=(24, 8))[groups]
    together = learning_curve(x + shift, y, TWO, groups=groups)
    apart = learning_curve(x + shift, y, TWO)
    assert all(abs(size - 10 * round(size / 10)) < 1e-9 for size in together.sizes[:-1])
    assert together.errors[-1] > apart.errors[-1]  # items of a group predict each other


def test_regression_and_several_labels_have_their_own_measures():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    y = x @ rng.normal(size=(30, 2)) + rng.normal(scale=3.0, size=(200, 2))
    values = learning_curve(x, y, Task("regression", ("u", "v")))
    assert values.measure == "R²"
    assert list(values.per_class) == ["u", "v"]
    assert "(R² ." in values.sentence
    several = learning_curve(x, (y > 0).astype(float), Task("multilabel", ("u", "v")))
    assert several.measure == "share of correct labels"
    assert 0 < several.errors[-1] < several.errors[0] < 0.5


def test_a_curve_is_plain_json_and_comes_back_equal():
    x, y = planted(120, 6, 2)
    curve = learning_curve(x, y, TWO)
    assert LearningCurve.from_dict(json.loads(json.dumps(curve.to_dict()))) == curve


def test_two_runs_agree_and_a_smaller_time_leaves_out_the_dear_sizes():
    x, y = planted(600, 40, 3)
    task = Task("classification", tuple("abc"))
    assert learning_curve(x, y, task, seconds=0.3) == learning_curve(x, y, task, seconds=0.3)
    assert sum(learning_curve(x, y, task, seconds=0.1).draws) < sum(learning_curve(x, y, task, seconds=0.5).draws)


def test_what_is_out_of_range_is_refused():
    x, y = planted(40, 4, 2)
    with pytest.raises(ParameterError, match="draws"):
        learning_curve(x, y, TWO, draws=1)
    with pytest.raises(ParameterError, match="head"):
        learning_curve(x, y, TWO, head="knn")


def test_a_fit_measures_its_curve_and_keeps_it_in_the_record():
    x, y = planted(160, 6, 2)
    run = headstart.fit((x, np.array(["a", "b"])[y].tolist()), baselines="none", verbose=False)
    curve = run.learning_curve
    assert curve is not None
    assert 1 - curve.errors[-1] == pytest.approx(run.evaluation.metrics["accuracy"].value)
    assert run.record["learning_curve"]["sentence"] == curve.sentence
    assert curve.sizes[-1] == pytest.approx(144)  # nine of ten folds


def test_a_fit_of_few_items_goes_on_without_a_curve():
    x, y = planted(12, 3, 2)
    run = headstart.fit((x, np.array(["a", "b"])[y].tolist()), baselines="none", verbose=False)
    assert run.learning_curve is None
    assert "learning_curve" not in run.record


def test_a_head_without_a_closed_form_is_represented_by_one_that_has_it():
    x, y = planted(120, 6, 2)
    labels = np.array(["a", "b"])[y].tolist()
    run = headstart.fit((x, labels), heads=("knn",), baselines="none", verbose=False)
    assert run.model.head.head == "knn"
    assert run.learning_curve is not None
    assert run.learning_curve.head == "lda"


def test_judged_items_of_one_group_have_no_known_noise():
    """Kind: with a single group the covariance was 0/0, and the forecast "+nan ± nan points"."""
    x, y = np.random.default_rng(0).normal(size=(120, 3)), np.arange(120) % 2
    x[:, 0] += y
    one, held_out = np.zeros(20, np.int64), (x[100:], y[100:])
    with pytest.raises(DataError, match="two groups"):
        learning_curve(x[:100], y[:100], TWO, held_out=held_out, groups=np.arange(100), held_out_groups=one)


def test_a_group_of_most_items_leaves_out_the_sizes_that_hold_nothing_else():
    """Kind: a fit with one site of 200 rows and nine of ten ended in an error of leave-one-group-out."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(290, 4)), np.arange(290) % 2
    x[:, 0] += y
    sites = np.repeat(np.arange(10), [200] + [10] * 9)
    data = pd.DataFrame(x).assign(label=np.array(["a", "b"])[y], site=[f"s{site}" for site in sites])
    run = headstart.fit(data, label="label", group_col="site", baselines="none", verbose=False)
    assert run.learning_curve is None or np.isfinite(run.learning_curve.errors).all()


def test_figures_keep_their_digits():
    """Kind: -10.500 was printed as -1.500."""
    assert [_short(value) for value in (0.5, -0.25, 10.5, -10.5)] == [".500", "-.250", "10.500", "-10.500"]


def test_a_wide_interval_around_zero_is_no_sign_that_labels_do_not_help():
    """Kind: "unlikely to help: -2.7 ± 27.3 points"."""
    x, y = planted(3000, 3, 2)
    curve = learning_curve(x, y, TWO, held_out=(x, y))
    wide = [replace(one, gain=0.027, low=-0.246, high=0.3) for one in curve.forecasts]
    assert "not shown to help" in replace(curve, forecasts=tuple(wide)).sentence


def test_no_fall_is_forecast():
    """Kind: "200 more labels are not shown to help: -7.7 ± 22.7 points (accuracy 1.000 → .923)"."""
    x, y = planted(3000, 3, 2)
    curve = learning_curve(x, y, TWO, held_out=(x, y))
    wide = [replace(one, gain=-0.027, low=-0.3, high=0.246) for one in curve.forecasts]
    said = replace(curve, forecasts=tuple(wide)).sentence
    assert said.endswith("more labels of this kind would bring cannot be told: -2.7 ± 27.3 points.")
