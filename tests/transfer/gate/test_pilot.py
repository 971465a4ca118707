"""A pilot encodes no more than its verdict needs."""

import numpy as np
import pytest

from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources.toy_shift import toy_shift
from headstart.tasks import task_methods
from headstart.transfer.gate import pilot
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import prepare
from headstart.tune.bitfit import BITFIT
from headstart.tune.moving import move as moving


def test_few_items_validate_a_pilot_and_no_head_is_solved_again(monkeypatch):
    shift, made = toy_shift(), []
    prepared = prepare(shift.train.take(range(80)), shift.source, RunContext(SilentReporter()))
    monkeypatch.setattr(pilot, "VALIDATING", 12)
    plain = moving.move

    def move(*given, **named):
        made.append(plain(*given, **named))
        return made[0]

    monkeypatch.setattr(moving, "move", move)
    found = pilot.Trial(BITFIT, prepared, prepared.dataset, 0).pilot(HeadSearch(("ridge",)), seconds=None)
    [moved] = made
    assert len(moved.valid) == 12
    assert len(moved.candidates) == 5
    assert not [one.name for one in moved.candidates if "solved again" in one.name]
    # the gain is that of all 20 items of the fourth quarter, none of which chose anything
    ids = {*moved.valid.ids}
    test = [k for k in range(80) if prepared.dataset.ids[k] not in ids]
    losses, methods = found.losses, task_methods(prepared.dataset.task)
    assert losses[0].shape == losses[1].shape == (20,)
    assert found.gain == pytest.approx(np.mean(losses[0] - losses[1]))
    for model, own in ((moved.start.model, losses[0]), (moved.best.model, losses[1])):
        part = prepared.dataset.take(test)
        everywhere = methods.loss(model.predict_proba(part.items), part.y)
        assert all(np.isclose(everywhere, one, atol=0.02).any() for one in own)
