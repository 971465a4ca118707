"""Fusing sources: banded ridge, stacking, group selection, and the choice between one source and several."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from headstart.heads import FeatureMap, HeadSearch, select_head
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.feature_map import candidate_maps
from headstart.heads.fusion.banded_ridge import banded_map, kernel_left_out, learn_bands
from headstart.heads.fusion.head2toe import FRACTIONS, relevance, selected_map
from headstart.heads.fusion.late_fusion import fit_stack, stacked
from headstart.heads.fusion.maps import concatenated_maps, join_maps, scaled_map, single_maps, spans_of
from headstart.heads.lda import LDA
from headstart.heads.problem import Problem
from headstart.heads.ridge import RIDGE
from headstart.linear.calibration import log_loss, softmax
from headstart.tasks import task_methods
from headstart.types import Block, Task

CLASSES = Task("classification", ("x", "y", "z"))
BLOCKS = (Block("a/last", 6, "a"), Block("b/last", 6, "b"), Block("n/last", 20, "n"))


def make_rows(seed=0, n=150, strength=(0.8, 0.8, 0.0)):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    parts = []
    for block, pull in zip(BLOCKS, strength, strict=True):
        parts.append(rng.normal(size=(n, block.width)) + pull * rng.normal(size=(3, block.width))[y])
    return np.hstack(parts).astype(np.float32), y


def make_problem(task=CLASSES, groups=None, **kwargs):
    rows, y = make_rows(**kwargs)
    if task.kind == "regression":
        y = rows[:, :1] + rows[:, 6:7] + np.random.default_rng(1).normal(size=(len(rows), 1)) / 2
    if task.kind == "multilabel":
        y = np.stack([y == 0, y != 1], axis=1).astype(float)
    return Problem(rows, y, task, BLOCKS, groups, 0)


@pytest.mark.parametrize("grouped", [False, True])
def test_kernel_left_out_agrees_with_refits(grouped):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(14, 30)), rng.normal(size=(14, 2))
    x -= x.mean(axis=0)
    groups = np.arange(14) // 3 if grouped else None
    for lam, found in zip([0.3, 20.0], kernel_left_out(x @ x.T, y, [0.3, 20.0], groups), strict=True):
        for part in np.unique(np.arange(14) if groups is None else groups):
            out = np.arange(14) == part if groups is None else groups == part
            refit = Ridge(alpha=lam, solver="cholesky").fit(x[~out], y[~out])
            assert np.allclose(refit.predict(x[out]), found[out], atol=1e-8, rtol=0)


def test_a_band_of_noise_gets_no_weight():
    found = banded_map(make_problem(), "banded")
    inside = {start for start, _ in found.blocks}
    assert {0, 6} <= inside
    assert 12 not in inside  # twenty columns of noise


def test_learn_bands_finds_the_lowest_point():
    target = np.array([0.7, 0.3, 0.0])
    kernels = [np.eye(3)[[k]].T @ np.eye(3)[[k]] for k in range(3)]

    def losses(kernel):
        return np.full(5, ((np.diag(kernel) - target) ** 2).sum())

    found = learn_bands(kernels, losses)
    assert found.weights == pytest.approx(target, abs=0.08)
    assert found.weights[2] == 0
    assert np.array_equal(found.weights, learn_bands(kernels, losses).weights)


def test_banded_columns_are_scaled_by_the_root_of_their_weight():
    problem = make_problem(strength=(1.2, 0.4, 0.0))
    found = banded_map(problem, "banded")
    mapped = np.asarray(found(problem.rows), np.float64)
    widths = np.cumsum([stop - start for start, stop in found.blocks])[:-1]
    total = [part.var(axis=0).sum() for part in np.split(mapped, widths, axis=1)]
    assert sum(total) == pytest.approx(1.0, abs=1e-4)  # the weights of blocks of variance one


def members_of(problem):
    heads = [RIDGE, LDA] if problem.task.kind == "classification" else [RIDGE]
    found = []
    for maps in single_maps(problem.rows, problem.blocks).values():
        contenders, _ = spectral_contenders(problem, maps, heads)
        found.append(min(contenders, key=lambda one: one.candidate.loss))
    return found


def logits_of(outputs, task):
    if task.kind == "regression":
        return outputs
    return np.log(outputs) if task.kind == "classification" else np.log(outputs) - np.log1p(-outputs)


@pytest.mark.parametrize(
    "task", [CLASSES, Task("multilabel", ("p", "q")), Task("regression", ("v",))], ids=lambda task: task.kind
)
def test_a_stack_is_one_linear_head(task):
    problem = make_problem(task)
    members = members_of(problem)
    stack = stacked(problem, members, "both")
    head = stack.fitted(())
    methods = task_methods(task)
    logits = []
    for member in members:
        fitted = member.fitted(())
        logits.append(logits_of(methods.outputs(fitted.scores(problem.rows), fitted.calibration), task))
    left = np.stack([logits_of(one.evidence.outputs, task) for one in members])
    weights = fit_stack(left, problem.y, task)
    kept = weights > 1e-3 * weights.max()
    centre = problem.truth.mean(axis=0) if task.kind == "regression" else 0.0
    wanted = np.tensordot(weights[kept], np.stack(logits)[kept] - centre, axes=1) + centre
    scores = head.scores(problem.rows)
    if task.kind == "classification":  # scores are up to a constant of each row
        wanted, scores = softmax(wanted), softmax(scores)
    assert np.abs(wanted - scores).max() < 1e-10
    assert head.weight.shape == (head.feature_map.num_features, task.num_outputs)


def test_weights_of_a_stack_are_those_of_least_loss():
    problem = make_problem()
    logits = np.stack([np.log(one.evidence.outputs) for one in members_of(problem)])
    weights = fit_stack(logits, problem.y, CLASSES)
    lowest = log_loss(np.tensordot(weights, logits, axes=1), problem.y)
    for step in 1e-3 * np.vstack([np.eye(3), -np.eye(3)]):
        moved = np.maximum(weights + step, 0)
        assert log_loss(np.tensordot(moved, logits, axes=1), problem.y) >= lowest - 1e-9


def test_the_loss_of_a_stack_is_of_weights_fitted_without_the_row():
    """On labels of noise a stack of many heads must not look better than chance."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=90)
    problem = Problem(rng.normal(size=(90, 32)), y, CLASSES, BLOCKS, None, 0)
    assert stacked(problem, members_of(problem), "noise").candidate.loss > np.log(3) - 0.03


def test_fusion_is_used_where_it_helps_and_not_elsewhere():
    rows, y = make_rows(n=300)
    fused = select_head(rows, y, CLASSES, blocks=BLOCKS)
    alone = min(select_head(rows[:, a:b], y, CLASSES, blocks=(Block("l", b - a),)).loss for a, b in ((0, 6), (6, 12)))
    assert fused.loss < alone
    assert fused.notes[0].startswith("Fusing helps here")
    rows, y = make_rows(strength=(0.8, 0.0, 0.0))
    single = select_head(rows, y, CLASSES, blocks=BLOCKS)
    assert single.notes[0].startswith("Fusing does not help here")
    assert single.feature_map.blocks == ((0, 6),)


def test_without_fusion_the_best_single_source_is_used():
    rows, y = make_rows(n=300, strength=(0.6, 1.0, 0.0))
    head = select_head(rows, y, CLASSES, blocks=BLOCKS, search=HeadSearch(fusion="none"))
    assert head.feature_map.blocks == ((6, 12),)
    assert head.notes[0].startswith("Fusing was not tried: 'b' alone")


@pytest.mark.parametrize("fusion", ["concat", "banded", "stack", "select", "attention"])
def test_every_way_to_fuse_predicts(fusion):
    rows, y = make_rows(n=240)
    head = select_head(rows, y, CLASSES, blocks=BLOCKS, search=HeadSearch(fusion=fusion))
    assert (head.scores(rows).argmax(axis=1) == y).mean() > 0.6
    assert len({candidate.features for candidate in head.candidates}) > 3


def test_fusion_leaves_groups_out_together():
    rows, y = make_rows(n=120)
    doubled, groups = np.repeat(rows, 2, axis=0), np.repeat(np.arange(120), 2)
    search = HeadSearch(fusion="stack")
    together = select_head(doubled, np.repeat(y, 2), CLASSES, blocks=BLOCKS, groups=groups, search=search)
    apart = select_head(doubled, np.repeat(y, 2), CLASSES, blocks=BLOCKS, search=search)
    assert apart.loss < together.loss - 0.05


def test_candidates_of_one_source_are_what_they_were():
    rows, _ = make_rows()
    blocks = (Block("first", 12), Block("last", 20))
    assert [one.name for one in candidate_maps(rows, blocks)] == ["last layer", "all 2 blocks"]
    names = [one.name for one in candidate_maps(rows, blocks, "best")]
    assert names == ["last layer", "layer first", "all 2 blocks"]
    assert [one.name for one in candidate_maps(rows, blocks, "last")] == ["last layer"]
    assert [one.name for one in candidate_maps(rows, blocks, "all")] == ["all 2 blocks"]


def test_an_early_layer_is_chosen_where_it_knows_more():
    rows, y = make_rows(strength=(1.0, 0.0, 0.0))
    blocks = (Block("first", 6), Block("last", 26))
    head = select_head(rows, y, CLASSES, blocks=blocks, search=HeadSearch(layers="best"))
    assert head.feature_map.name == "layer first"
    assert head.feature_map.num_inputs == 32


def test_selected_features_are_the_relevant_ones():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    rows = rng.normal(size=(200, 300))
    rows[:, 250] += 3 * y
    blocks = (Block("first", 100), Block("last", 200))
    head = select_head(
        rows, y, Task("classification", ("n", "p")), blocks=blocks, search=HeadSearch(("ridge",), layers="select")
    )
    assert head.feature_map.name.startswith("selected of 2 blocks")
    assert 250 in head.feature_map.columns
    assert head.feature_map.num_features < 300
    assert head.weight.shape == (head.feature_map.num_features, 2)


def test_the_loss_of_a_selection_is_of_features_chosen_without_the_row():
    """With labels of noise and many features, a selection on all rows would look far better than chance."""
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(80, 2000)), rng.integers(2, size=80)
    blocks = (Block("first", 1000), Block("last", 1000))
    head = select_head(
        rows, y, Task("classification", ("n", "p")), blocks=blocks, search=HeadSearch(("ridge",), layers="select")
    )
    losses = {one.features: one.loss for one in head.candidates if one.features.startswith("selected")}
    assert len(losses) == len(FRACTIONS)
    assert min(losses.values()) > np.log(2) - 0.03


def test_selected_map_keeps_shift_and_scale_of_its_columns():
    whole = FeatureMap("w", ((0, 4),), "none", np.arange(4.0), np.arange(1.0, 5.0))
    half = selected_map(whole, relevance(np.array([[1.0], [0.0], [3.0], [0.5]])), 0.5, "half")
    rows = np.random.default_rng(0).normal(size=(3, 4))
    assert np.array_equal(half(rows), whole(rows)[:, [0, 2]])


def test_joined_maps_give_the_columns_side_by_side():
    rows, _ = make_rows()
    one = FeatureMap("one", ((0, 6),), "unit_norm", columns=np.array([1, 3]))
    two = scaled_map("two", spans_of([Block("n", 6, "a"), Block("m", 26, "b", numbers=True)])[1:], rows)
    three = FeatureMap("three", ((6, 12),), "none")
    joined = join_maps([one, two, three], "all")
    assert np.allclose(joined(rows), np.hstack([one(rows), two(rows), three(rows)]))


def test_quantities_are_standardised_beside_features_of_unit_norm():
    rows, _ = make_rows()
    blocks = (Block("a/last", 12, "a"), Block("columns", 20, "columns", numbers=True))
    mapped = concatenated_maps(rows * 1000, blocks)[0](rows * 1000)
    assert mapped[:, 12:].mean(axis=0) == pytest.approx(np.zeros(20), abs=1e-6)
    assert mapped[:, 12:].var(axis=0).sum() == pytest.approx(1)
    assert mapped[:, :12].var(axis=0).sum() == pytest.approx(1)


@pytest.mark.parametrize("way", ["concat", "banded", "stack", "select", "attention"])
def test_a_named_way_to_fuse_is_used_whatever_is_better(way):
    """Kind: an option that is silently disobeyed."""
    rows, y = make_rows(strength=(0.8, 0.0, 0.0))
    head = select_head(rows, y, CLASSES, blocks=BLOCKS, search=HeadSearch(fusion=way))
    assert head.notes[0].startswith(f"Fused by {way} as asked")
    assert "It does not help here" in head.notes[0]
    assert "by 'a' alone" in head.notes[0]
    assert not head.feature_map.name.endswith("layer of a")
    if way in ("concat", "attention"):
        assert {start // 6 for start, _ in head.feature_map.blocks} == {0, 1, 2}


def test_layers_hold_for_what_is_fused():
    blocks = (Block("a/stem", 3, "a"), Block("a/last", 3, "a"), Block("b/last", 6, "b"), Block("n/last", 20, "n"))
    rows, y = make_rows()
    for layers, expected in (("last", "last layers of a + b + n"), ("all", "all 4 blocks of a + b + n")):
        search = HeadSearch(fusion="concat", layers=layers)
        assert select_head(rows, y, CLASSES, blocks=blocks, search=search).feature_map.name == expected
    tried = select_head(rows, y, CLASSES, blocks=blocks, search=HeadSearch(layers="last")).candidates
    assert not any("banded" in one.features or "all" in one.features for one in tried)
