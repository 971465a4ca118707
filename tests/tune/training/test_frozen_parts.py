"""Which parameters of the body are trained where some are to stay frozen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.errors import ParameterError
from headstart.heads import HeadSearch
from headstart.sources.toy_shift import toy_shift
from headstart.tune import STRATEGIES
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.move import move
from headstart.tune.moving.plan import plan_of
from headstart.tune.moving.toy import toy_setting
from headstart.tune.training.chosen import with_chosen
from headstart.tune.training.frozen_parts import trained_groups
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

BLOCKS = [["body.stem.weight"], ["body.layer.0.a.weight", "body.layer.0.a.bias"], ["body.layer.1.a.weight"]]
GROUPS = (*(ParameterGroup(tuple(names), rate=float(k)) for k, names in enumerate(BLOCKS)), ParameterGroup(("head.w",)))


def trained(groups=GROUPS, **settings):
    return [name for group in trained_groups(groups, BLOCKS, Training(**settings)) for name in group.names]


def test_by_number_and_by_name():
    assert trained() == [name for group in GROUPS for name in group.names]
    assert trained(freeze=2) == trained(unfreeze=1) == trained(unfreeze="layer.1") == [BLOCKS[2][0], "head.w"]
    assert trained(freeze="layer.0") == [BLOCKS[0][0], BLOCKS[2][0], "head.w"]
    assert trained(freeze=2, unfreeze="stem") == [BLOCKS[0][0], BLOCKS[2][0], "head.w"]
    assert [group.rate for group in trained_groups(GROUPS, BLOCKS, Training(freeze=1))] == [1.0, 2.0, 1.0]


def test_inserted_modules_belong_to_the_block_of_their_layer():
    inserted = [f"body.layer.{k}.a.parametrizations.weight.0.up" for k in (0, 1)] + ["body.layer.1.lora.default.weight"]
    assert trained([ParameterGroup(tuple(inserted))], freeze=2) == inserted[1:]


def test_a_name_is_that_of_a_part_and_not_the_beginning_of_others():
    """Kind: ``layer.1`` also froze layers 10 and 11."""
    names = [f"body.layer.{k}.weight" for k in (1, 2, 10, 11)]
    for part in ("layer.1", "layer.1.", "layer.1.weight"):
        assert trained([ParameterGroup(tuple(names))], freeze=part) == names[1:]
        assert trained([ParameterGroup(tuple(names))], unfreeze=part) == names[:1]
    with pytest.raises(ParameterError, match=r"no trained parameter has this name, or begins with 'lay\.'"):
        trained([ParameterGroup(tuple(names))], freeze="lay")


def test_a_parameter_of_no_block_is_not_counted_as_of_the_first():
    """Kind: the block of an unknown owner was the first one, without a word."""
    names = ("body.layer.1.a.weight", "body.elsewhere.up")
    with pytest.raises(ParameterError, match=r"'body\.elsewhere\.up' belongs to no block of the body"):
        trained([ParameterGroup(names)], freeze=1)
    assert trained([ParameterGroup(names)], freeze="elsewhere") == [names[0]]


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"freeze": "layer.9"}, "freeze='layer.9' names nothing that is trained.*'stem'.*'layer.0'"),
    ({"freeze": 3}, "leaves nothing of the body to train: it has 3 blocks"),
    ({"freeze": 3, "unfreeze": "what"}, "unfreeze='what' names nothing"),
])  # fmt: skip
def test_impossible_wishes_are_one_sentence(settings, sentence):
    with pytest.raises(ParameterError, match=sentence):
        trained(**settings)


@pytest.mark.parametrize("name", ["lora", "bitfit", "ssf", "gradual", "adapters"])
def test_all_that_a_strategy_trains_can_be_frozen_block_by_block(name):
    strategy = with_chosen(STRATEGIES[name], {"freeze": 2, **({"rank": 2} if name == "lora" else {})})
    plan = plan_of(strategy, toy_setting(strategy))
    body = [one for group in plan.groups for one in group.names if one.startswith("body.")]
    assert body
    assert all(one.startswith("body.blocks.2.") for one in body)


def test_frozen_weights_stay_bit_for_bit_and_others_are_trained():
    shift = toy_shift()
    settings = Training(epochs=12, batch_size=64, freeze=1, augmentation="none", learning_rate=0.05)
    moved = move(replace(LP_FT, training=settings), shift.source, shift.train.take(range(160)),
                 valid=shift.test.take(range(60)), search=HeadSearch(("ridge",)))  # fmt: skip
    assert moved.outcome.kept_epoch > 0
    before, after = shift.source.trainable().module.state_dict(), moved.network.body.state_dict()
    same = {name: before[name].equal(after[name]) for name in before if name.endswith("weight")}
    assert same["blocks.0.0.weight"]
    assert not same["blocks.2.0.weight"]
