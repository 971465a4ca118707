"""Blocks of the record on abstention, reliability and novelty: brute force, and the shape of the blocks."""

import json
from typing import Any

import numpy as np
import pytest

from headstart.evaluate.certainty.abstention import abstention_block, excess_aurc
from headstart.evaluate.certainty.blocks import certainty_blocks
from headstart.evaluate.coverage import CoveragePart
from headstart.heads import HeadSearch, select_head
from headstart.linear.moments import Moments
from headstart.model.certainty import certainty_of
from headstart.model.coverage import ConformalPredictor
from headstart.tasks import task_methods
from headstart.types import Task

TASK = Task("classification", ("a", "b"))


def part(train: int = 400, test: int = 300, *, seed: int = 0, shift: float = 2.0) -> CoveragePart:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, train + test)
    x = rng.normal(size=(train + test, 3)) + shift * y[:, None]
    head = select_head(x[:train], y[:train], TASK, search=HeadSearch(("ridge",)))
    kept = certainty_of(x[:train], y[:train], TASK, head, ids=list(map(str, range(train))))
    moments = Moments.from_rows(head.feature_map(x[:train]), np.eye(2)[y[:train]])
    outputs = task_methods(TASK).outputs(head.scores(x[train:]), head.calibration)
    return CoveragePart(ConformalPredictor(TASK, head, moments, kept), y[train:], outputs, x[train:])


@pytest.mark.parametrize("seed", range(5))
def test_aurc_and_its_excess_are_those_of_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sure, right = rng.permutation(50) / 50, rng.random(50) > 0.3
    area = np.mean([(~right[np.argsort(-sure)][:k]).mean() for k in range(1, 51)])
    best = np.mean([(~np.sort(right)[::-1][:k]).mean() for k in range(1, 51)])
    assert excess_aurc(sure, right) == (pytest.approx(area), pytest.approx(area - best))


def test_the_best_order_has_no_excess() -> None:
    assert excess_aurc(np.linspace(1, 0, 20), np.arange(20) < 15)[1] == pytest.approx(0)


def test_promised_errors_are_counted_on_the_held_out_items() -> None:
    one = part()
    found: dict[str, Any] = abstention_block([one], errors=(0.05,))
    (row,) = found["promised"]
    given = one.outputs.max(axis=1) > row["threshold"]
    assert row["items"] == given.sum() > 0
    assert row["realised"] == pytest.approx((one.outputs.argmax(axis=1) != one.y)[given].mean())
    assert row["low"] <= row["realised"] <= row["high"]
    assert len(found["points"]) <= 100


def test_several_fits_each_have_their_own_threshold() -> None:
    first, second = part(seed=0), part(seed=1)
    both = abstention_block([first, second], errors=(0.05,))["promised"][0]
    single = [abstention_block([one], errors=(0.05,))["promised"][0] for one in (first, second)]
    assert both["items"] == sum(one["items"] for one in single)


def test_the_blocks_are_plain_json_and_bounded() -> None:
    blocks = certainty_blocks([part()])
    assert set(blocks) == {"abstention", "reliability", "novelty"}
    assert len(json.dumps(blocks, allow_nan=False)) < 25_000
    assert blocks["novelty"]["realised"] < 0.05
    assert blocks["reliability"]["error"] < blocks["reliability"]["error_before"]


def test_a_false_alarm_rate_that_cannot_be_promised_is_said() -> None:
    assert "needs 99 training items" in certainty_blocks([part(train=60)])["novelty"]["refused"]
