"""Settings that depend on the body, found before any item is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.errors import ParameterError
from headstart.sources.toy_shift import toy_shift
from headstart.transfer.gate.move_body import check_body, check_strategy
from headstart.tune import MOVING, STRATEGIES
from headstart.tune.moving.contract import BringsBody
from headstart.tune.moving.rehearsal import check_training_of
from headstart.tune.training.chosen import with_chosen


class Unreadable(list):
    """Items that nobody may read."""

    def __getitem__(self, k):
        raise AssertionError("an item was read")

    __iter__ = __getitem__


SHIFT = toy_shift()
DATA = replace(SHIFT.train.take(range(40)), items=Unreadable([None] * 40))
WRONG = [
    ({"freeze": "layer7"}, "names nothing"), ({"freeze": 4}, "more blocks than the body has: 3"),
    ({"unfreeze": 4}, "more blocks"), ({"freeze": 3}, "leaves nothing"), ({"unfreeze": "head"}, "names nothing"),
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(MOVING) - {"dora", "side"}))
def test_a_wrong_part_is_found_without_reading_an_item(name):
    """Kind: it was found when the training began, after all items had been encoded."""
    short = isinstance(STRATEGIES[name], BringsBody) or name in ("norm_only", "bitfit", "ssf")
    for chosen, sentence in WRONG[: 1 if short else None]:
        with pytest.raises(ParameterError, match=sentence):
            check_training_of(with_chosen(STRATEGIES[name], chosen), SHIFT.source, chosen, DATA)


def test_a_setting_that_this_training_ignores_is_refused():
    """Kind: mixup of texts, early stopping without a validation loss."""
    few = SHIFT.train.take(range(20))
    cases = [
        ("contrastive", {"patience": 1}, "judged by cross-fitting"),
        ("lp_ft", {"augmentation": "light"}, "numbers"),
    ]
    for name, chosen, sentence in cases:
        with pytest.raises(ParameterError, match=sentence):
            check_training_of(with_chosen(STRATEGIES[name], chosen), SHIFT.source, chosen, few)
    stopping = {"patience": 1}
    check_training_of(with_chosen(STRATEGIES["contrastive"], stopping), SHIFT.source, stopping, few, named=False)


def test_settings_of_auto_are_accepted_and_checked():
    """Kind: any setting with ``auto`` ended in an unexpected error."""
    check_strategy("auto", training={"epochs": 3, "freeze": 1})
    check_body("auto", SHIFT.source, {"epochs": 3, "freeze": 1}, DATA)
    with pytest.raises(ParameterError, match="freeze='layer7' names nothing"):
        check_body("auto", SHIFT.source, {"freeze": "layer7"}, DATA)
