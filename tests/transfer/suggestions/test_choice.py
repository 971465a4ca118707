"""The choice: what is undecided and new comes first, copies and crowded groups are skipped, every task works."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.errors import DataError, ParameterError
from headstart.linear.optimal_design import VarianceFactor, greedy_design
from headstart.transfer.suggestions.choice import Pool, suggest_rows


@pytest.fixture(scope="module")
def run() -> headstart.Run:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6)) + 3 * np.eye(6)[np.arange(80) % 2]
    return headstart.fit((x, np.array(["ant", "bee"])[np.arange(80) % 2].tolist()), baselines="none", verbose=False)


@pytest.fixture
def pool() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(size=(200, 6)) + 3 * np.eye(6)[np.arange(200) % 2]


def test_the_choice_is_the_greedy_design_weighted_by_doubt(run, pool):
    model, outputs = run.model, run.model.outputs(pool)
    ordered = np.sort(outputs, axis=1)
    trust = 80 / (80 + 5 * 2)
    need = 1 - trust + trust * (1 - ordered[:, 1] + ordered[:, 0])
    phi = VarianceFactor.of(model.moments, model.head.lam)(model.head.feature_map(pool))
    expected = greedy_design(phi, 10, weights=need, preference=need)
    found = suggest_rows(model, pool, 10)
    assert found.index.tolist() == expected.index.tolist()
    assert [one.gain for one in found] == pytest.approx(expected.reduction / expected.before)
    assert found.share == pytest.approx(expected.share)


def test_undecided_items_come_before_decided_ones(run, pool):
    margin = np.abs(np.diff(run.model.outputs(pool), axis=1))[:, 0]
    assert margin[suggest_rows(run.model, pool, 4).index].max() < 0.5 < np.quantile(margin, 0.05)


def test_copies_of_a_suggested_item_are_skipped_and_counted(run, pool):
    first = suggest_rows(run.model, pool, 1).index[0]
    crowded = np.vstack([pool, np.repeat(pool[[first]], 5, axis=0)])
    found = suggest_rows(run.model, crowded, 10)
    assert sum(i == first or i >= 200 for i in found.index) == 1
    assert found.near_chosen == 5
    assert "skipped 5 near duplicates of suggested items" in found.sentence


def test_clusters_of_the_audit_give_one_item_each(run, pool):
    names = [str(i) for i in range(200)]
    clusters = np.arange(200) // 20
    about = Pool(names, [""] * 200, clusters=clusters)
    found = suggest_rows(run.model, pool, 10, pool=about)
    assert sorted(clusters[found.index]) == list(range(10))
    short = suggest_rows(run.model, pool, 12, pool=about)
    assert len(short) == 10
    assert any("Only 10 items are left" in note for note in short.notes)


def test_a_group_gives_at_most_twice_its_share(run, pool):
    groups = np.array(["many"] * 170 + ["a"] * 10 + ["b"] * 10 + ["c"] * 10)
    found = suggest_rows(run.model, pool, 12, pool=Pool([str(i) for i in range(200)], [""] * 200, groups=groups))
    assert (groups[found.index] == "many").sum() == 6  # twice 12 / 4


def test_items_near_to_training_items_are_closed(run, pool):
    closed = np.arange(200) < 190
    found = suggest_rows(run.model, pool, 5, pool=Pool([str(i) for i in range(200)], [""] * 200, closed=closed))
    assert (found.index >= 190).all()
    assert found.near_training == 190
    with pytest.raises(DataError, match=r"only 10 to choose from \(190 are near duplicates of training items\)"):
        suggest_rows(run.model, pool, 11, pool=Pool([str(i) for i in range(200)], [""] * 200, closed=closed))


def test_copies_of_training_items_are_found_by_the_rows_that_the_model_keeps(run, pool):
    training = run.model.certainty.rows[:4]
    found = suggest_rows(run.model, np.vstack([training, pool]), 5)
    assert found.near_training == 4
    assert (found.index >= 4).all()


def test_copies_are_found_in_blocks_of_training_items(run, pool, monkeypatch):
    """Kind: memory is bounded by blocks, and the answer is that of one block."""
    from headstart.transfer.suggestions import choice

    rows = np.vstack([run.model.certainty.rows[-3:], pool])
    whole = suggest_rows(run.model, rows, 5)
    monkeypatch.setattr(choice, "BLOCK", 7)
    found = suggest_rows(run.model, rows, 5)
    assert (found.near_training, found.index.tolist()) == (3, whole.index.tolist())


def test_what_the_model_has_never_seen_the_like_of_is_called_novel(run, pool):
    leverage = run.model.certainty.leverage
    far = pool[:3] + 40 * np.eye(6)[2:5]
    found = suggest_rows(run.model, np.vstack([pool, far]), 20)
    novel = {one.index for one in found if one.novel}
    assert {200, 201, 202} <= novel
    assert all("unlike the training items" in one.why for one in found if one.novel)
    phi = VarianceFactor.of(run.model.moments, run.model.head.lam)(run.model.head.feature_map(np.vstack([pool, far])))
    edge = np.quantile(leverage / (1 - leverage), 0.95)
    assert all(one.novel == ((phi[one.index] ** 2).sum() > edge) for one in found)


def test_every_item_of_the_pool_belongs_to_one_suggestion(run, pool):
    found = suggest_rows(run.model, pool, 6)
    assert sum(one.similar for one in found) == 200
    assert all(f"stands for about {one.similar} items" in one.why for one in found if one.similar > 1)


def test_a_large_pool_is_reduced_to_the_best_first_steps(run, monkeypatch):
    pool = np.random.default_rng(2).normal(size=(3000, 6)) * 2
    whole = suggest_rows(run.model, pool, 5)
    monkeypatch.setattr("headstart.transfer.suggestions.choice.MOST_CANDIDATES", 300)
    assert suggest_rows(run.model, pool, 5).index.tolist() == whole.index.tolist()
    assert suggest_rows(run.model, pool, 5, seed=1).index.tolist() != []


def test_a_regression_counts_the_variance_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) * [1, 1, 0.05]
    run = headstart.fit((x, (x[:, 0] + rng.normal(size=60) / 10).tolist()), baselines="none", verbose=False)
    pool = np.vstack([x[:50] + 0.01, [[0.0, 0.0, 4.0], [0.0, 0.0, -4.0]]])
    found = suggest_rows(run.model, pool, 2)
    assert set(found.index) <= {50, 51}  # where no training item is
    assert found.items[0].probability is None


def test_several_labels_name_the_ones_in_doubt():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    labels = [["sea"] * int(row[0] > 0) + ["sun"] * int(row[1] > 0) or ["none"] for row in x]
    run = headstart.fit((x, labels), baselines="none", verbose=False)
    found = suggest_rows(run.model, rng.normal(size=(50, 4)), 5)
    assert isinstance(found.items[0].prediction, list)
    assert any("unsure about" in one.why for one in found)


def test_a_head_without_moments_covers_the_pool_and_says_so():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) + 2 * np.eye(3)[np.arange(60) % 2]
    labels = np.array(["a", "b"])[np.arange(60) % 2].tolist()
    run = headstart.fit((x, labels), heads=("knn",), baselines="none", verbose=False)
    found = suggest_rows(run.model, rng.normal(size=(40, 3)), 4)
    assert len(found) == 4
    assert any("keeps no moments" in note for note in found.notes)


def test_the_reasons_name_the_two_answers(run):
    middle = np.full((1, 6), 0.0)
    middle[0, :2] = 1.5
    (one,) = suggest_rows(run.model, np.vstack([middle, 3 * np.eye(6)[[0, 1]]]), 1).items
    assert one.index == 0
    assert "ant (0." in one.why
    assert " or " in one.why


def test_more_items_than_there_are_cannot_be_suggested(run, pool):
    with pytest.raises(DataError, match="300 items were asked for, but there are only 200"):
        suggest_rows(run.model, pool, 300)
    with pytest.raises(ParameterError, match="n"):
        suggest_rows(run.model, pool, 0)
