"""The choice between one source and several, and between the ways to fuse them."""

import numpy as np
import pytest
from fused_rows import BLOCKS, CLASSES, make_rows

from headstart.heads import HeadSearch, select_head
from headstart.heads.feature_map import candidate_maps
from headstart.types import Block


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


@pytest.mark.parametrize("way", ["concat", "banded", "stack", "select", "attention"])
def test_a_named_way_to_fuse_is_used_whatever_is_better(way):
    """Kind: an option that is silently disobeyed."""
    rows, y = make_rows(strength=(0.8, 0.0, 0.0))
    head = select_head(rows, y, CLASSES, blocks=BLOCKS, search=HeadSearch(fusion=way))
    assert head.notes[0].startswith(f"Fused by {way} as requested")
    assert "It does not help here" in head.notes[0]
    assert "with 'a' alone" in head.notes[0]
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
