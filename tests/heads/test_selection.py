"""The choice of features, head and λ against refits and scikit-learn."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from headstart.checks import toy_task
from headstart.errors import ParameterError, UnknownNameError
from headstart.heads import Candidate, FeatureMap, HeadSearch, candidate_maps, problem, select_head
from headstart.heads.contenders import spectral as spectral_contenders
from headstart.heads.problem import TargetRows, rows_for_choice
from headstart.heads.spectral.spectra import solved_maps
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.rows import RowView
from headstart.tasks import TASKS
from headstart.types import Block, Task

BLOCKS = (Block("first", 2), Block("last", 4))


def test_regression_head_is_ridge_at_the_chosen_lambda():
    x, y, task = toy_task("regression")
    head = select_head(x, y, task, search=HeadSearch(("ridge",)))
    mapped = head.feature_map(x).astype(np.float64)
    reference = Ridge(alpha=head.lam, tol=1e-14).fit(mapped, y)
    np.testing.assert_allclose(head.scores(x)[:, 0], np.ravel(reference.predict(mapped)), rtol=0, atol=1e-9)


def test_lda_head_agrees_with_sklearn_when_the_penalty_vanishes():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    x = rng.normal(size=(300, 5)) + y[:, None] * 0.3
    from headstart.heads.lda import LDA
    from headstart.linear.calibration import softmax
    from headstart.linear.spectrum import Spectrum

    weight, bias = LDA.coefficients(Spectrum.from_rows(x, np.eye(3)[y]), 1e-10)
    expected = LinearDiscriminantAnalysis().fit(x, y).predict_proba(x)
    np.testing.assert_allclose(softmax(x @ weight + bias), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_loss_of_the_choice_is_the_loss_of_brute_force_refits(kind):
    """The chosen λ, refitted without each row in turn, gives the left-out loss that the choice reports."""
    x, y, task = toy_task(kind, n=30)
    x = x.astype(np.float64)
    head = select_head(x, y, task, search=HeadSearch(("ridge",)), blocks=(Block("only", 6),))
    assert head.feature_map.name == "last layer"
    mapped, methods = head.feature_map(x), TASKS[kind]
    targets = methods.targets(y, task.num_outputs)
    scores = np.empty_like(targets)
    for i in range(len(x)):
        rest = np.delete(np.arange(len(x)), i)
        mean, centre = mapped[rest].mean(axis=0), targets[rest].mean(axis=0)
        centred = mapped[rest] - mean
        gram = centred.T @ centred + head.lam * np.eye(6)
        scores[i] = centre + (mapped[i] - mean) @ np.linalg.solve(gram, centred.T @ (targets[rest] - centre))
    outputs = methods.outputs(scores, head.calibration)
    assert methods.loss(outputs, y).mean() == pytest.approx(head.loss, rel=1e-9)


def test_groups_are_left_out_together():
    """Rows that are copies of each other look easy unless the copies leave with them."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 30)), 3, axis=0)
    y = np.repeat(rng.integers(0, 2, 40), 3)
    task = Task("classification", ("a", "b"))
    alone = select_head(x, y, task)
    together = select_head(x, y, task, groups=np.repeat(np.arange(40), 3))
    assert alone.loss < 0.4
    assert together.loss > 0.55


def test_all_blocks_win_when_the_knowledge_sits_early():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    x = rng.normal(size=(200, 6))
    x[:, 0] += 4 * y
    task = Task("classification", ("a", "b"))
    assert select_head(x, y, task, blocks=BLOCKS).feature_map.name == "all 2 blocks"
    x[:, [0, 5]] = x[:, [5, 0]]
    x[:, :2] = rng.normal(size=(200, 2)) * 100
    assert select_head(x, y, task, blocks=BLOCKS).feature_map.name == "last layer"


def test_feature_map_scales_each_block_and_survives_zero_rows():
    rows = np.array([[3.0, 4.0, 0.0, 0.0, 0.0, 0.0], [0.0, 2.0, 1.0, 1.0, 1.0, 1.0]])
    feature_map = candidate_maps(rows, BLOCKS)[1]
    mapped = feature_map(rows)
    unit = np.array([[0.6, 0.8, 0, 0, 0, 0], [0, 1, 0.5, 0.5, 0.5, 0.5]])
    np.testing.assert_allclose(mapped * feature_map.scale, unit)
    assert mapped[:, :2].var(axis=0).sum() == pytest.approx(1)
    assert mapped[:, 2:].var(axis=0).sum() == pytest.approx(1)


def test_standardised_rows_do_not_divide_by_zero():
    rows = np.array([[1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_allclose(candidate_maps(rows, ())[1](rows), [[-1, 0], [1, 0]])


def test_choice_on_a_sample_of_many_rows_keeps_chunks_of_groups(monkeypatch):
    monkeypatch.setattr(problem, "MAX_ROWS_FOR_CHOICE", 40)
    groups = np.repeat(np.arange(30), 3)
    rows = rows_for_choice(90, groups, 0)
    assert 40 <= len(rows) < 43
    assert all(np.isin(np.flatnonzero(groups == g), rows).all() for g in np.unique(groups[rows]))
    x, y, task = toy_task("classification")
    assert select_head(x, y, task, groups=groups).loss < 0.5


@pytest.mark.parametrize("n", [20, 9000])
def test_standardising_by_moments_is_standardising_rows(n):
    """The second feature map of plain rows has no pass of its own."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(n, 6)) * [1, 2, 3, 4, 5, 0] + [2000, -1, 0, 0, 1e6, 7]).astype(np.float32)
    y = rng.integers(0, 3, n)
    task = Task("classification", ("a", "b", "c"))
    found = {}
    for feature_map, spectrum, _ in solved_maps(x, TargetRows(y, task), candidate_maps(x, ())):
        found[feature_map.name] = feature_map, spectrum
    feature_map, spectrum = found["standardised rows"]
    np.testing.assert_allclose(feature_map.shift, x.mean(axis=0, dtype=np.float64), rtol=1e-13)
    direct = Spectrum.from_rows(feature_map(x), np.eye(3)[y])
    np.testing.assert_allclose(spectrum.values, direct.values, rtol=1e-9)
    left, right = (ridge_coefficients(each, 1.0)[0] for each in (spectrum, direct))
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-9 * np.abs(right).max())


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """Neither the rows, nor a number for each row and class, are ever in memory."""
    rng, peaks = np.random.default_rng(0), []
    task = Task("classification", tuple(map(str, range(50))))
    for n in (10_000, 40_000):
        np.save(tmp_path / "rows.npy", rng.normal(size=(n, 16)).astype(np.float32))
        rows, y = np.load(tmp_path / "rows.npy", mmap_mode="r"), rng.integers(0, 50, n)
        tracemalloc.start()
        select_head(rows, y, task, search=HeadSearch(("ridge",)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    one_hot = 8 * 50 * 30_000
    assert peaks[1] - peaks[0] < 0.2 * one_hot


def test_targets_are_made_as_they_are_sliced():
    task = Task("multilabel", ("a", "b"))
    y = np.array([[0, 1], [1, 1], [1, 0]])
    targets = TargetRows(y, task)
    assert (len(targets), targets.shape) == (3, (3, 2))
    np.testing.assert_array_equal(targets[np.array([2, 0])], y[[2, 0]])


def test_a_few_huge_groups_are_all_used():
    """One group alone would choose head and calibration on what it happens to hold."""
    groups = np.repeat(np.arange(5), 2000)
    assert len(rows_for_choice(10_000, groups, 0)) == 10_000


def test_a_view_of_rows_gives_the_same_head_as_the_rows():
    x, y, task = toy_task("classification")
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(
        select_head(RowView(x, order), y[order], task).weight, select_head(x[order], y[order], task).weight, atol=1e-12
    )


def test_unknown_and_unfit_heads_are_refused():
    x, y, task = toy_task("regression")
    with pytest.raises(UnknownNameError, match="Did you mean 'ridge'"):
        select_head(x, y, task, search=HeadSearch(("rigde",)))
    with pytest.raises(ParameterError, match=r"must be one of .*'ridge'"):
        select_head(x, y, task, search=HeadSearch(("lda",)))


def test_feature_map_keeps_the_precision_of_rows():
    whole = FeatureMap("rows", ((0, 2),), "unit_norm")
    assert whole(np.ones((1, 2), np.float32)).dtype == np.float32


@pytest.mark.parametrize("lowest", [0.03, 0.2, 1.7])
def test_the_last_penalty_is_where_a_parabola_is_lowest(lowest):
    tried, drawn = [], []
    for lam in spectral_contenders._penalties(10.0 ** np.arange(-3, 3), tried):
        drawn.append(lam)
        tried.append(Candidate("rows", "ridge", lam, 1 + np.log(lam / lowest) ** 2))
    assert len(drawn) == 7
    assert drawn[-1] == pytest.approx(lowest)


def test_no_further_penalty_where_the_best_is_the_first_or_the_last():
    tried, drawn = [], []
    for lam in spectral_contenders._penalties([1.0, 10.0, 100.0], tried):
        drawn.append(lam)
        tried.append(Candidate("rows", "ridge", lam, 1 / lam))
    assert drawn == [1.0, 10.0, 100.0]


def test_many_penalties_are_calibrated_in_parts_with_the_same_result(monkeypatch):
    x, y, task = toy_task("classification")
    whole = select_head(x, y, task)
    monkeypatch.setattr(spectral_contenders, "BATCH", 5 * y.size)
    parts = select_head(x, y, task)
    assert [(one.lam, one.loss) for one in parts.candidates] == [(one.lam, one.loss) for one in whole.candidates]


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e25, 1e38])
def test_unit_norm_holds_for_rows_of_any_size(size):
    """Squares of float32 rows leave the range of float32 beyond 1e19, as those of a diverging body do."""
    rows = (size * np.random.default_rng(0).uniform(-1, 1, size=(5, 4))).astype(np.float32)
    mapped = FeatureMap("rows", ((0, 4),), "unit_norm")(rows)
    assert mapped.dtype == np.float32
    assert np.linalg.norm(mapped, axis=1) == pytest.approx(np.ones(5), rel=1e-5)
    assert mapped == pytest.approx(rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1)[:, None])


def test_a_row_of_weight_three_counts_like_three_equal_rows():
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(60, 3)), rng.integers(1, 4, 60)
    y, task = (x[:, 0] + rng.normal(size=60) > 0).astype(int), Task("classification", ("a", "b"))
    repeated = np.repeat(np.arange(60), weights)
    ridge = HeadSearch(("ridge",))
    found = select_head(x, y, task, search=ridge, weights=weights.astype(float))
    expected = select_head(x[repeated], y[repeated], task, groups=repeated, search=ridge)
    np.testing.assert_allclose(found.weight, expected.weight, atol=1e-12)
    assert found.lam == pytest.approx(expected.lam)
