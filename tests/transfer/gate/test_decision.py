"""Which of two models is kept."""

from types import SimpleNamespace

import numpy as np
import pytest

from headstart.reporting import SilentReporter
from headstart.transfer.gate.decision import _keep
from headstart.transfer.gate.head_on_all_items import LeaveOneOutLosses
from headstart.tune.moving.candidates import Moved, ValidatedModel
from headstart.tune.training.job import Outcome
from headstart.types import Dataset, Task


@pytest.mark.parametrize(("whole", "kept"), [(0.35, "lp_ft"), (0.25, "head")])
def test_the_head_on_all_items_has_to_be_beaten_too(whole, kept):
    """The fine-tuned body beats the head on the same items; whether that is enough, the head on all items decides."""
    noise = np.random.default_rng(0).normal(scale=0.01, size=60)
    task = Task("classification", ("a", "b"))
    valid = Dataset([0] * 60, tuple(map(str, range(60))), "vector", task, np.arange(60) % 2)
    start, best = (
        ValidatedModel(name, SimpleNamespace(), loss + noise, noise) for name, loss in (("head", 0.4), ("lp_ft", 0.3))
    )
    moved = Moved((start, best), Outcome("done", 1, 1, 0.3, 0.4, 1.0, 1.0), valid, None)
    left_out = LeaveOneOutLosses(np.arange(10, 40), whole + noise[::2])
    decision = _keep(moved, "lp_ft", None, left_out, forced=False, reporter=SilentReporter())
    assert decision.record["kept"] == kept
    assert (decision.model is None) == (kept == "head")
    assert decision.record["candidates"][1]["validation_loss"] == pytest.approx((whole + noise[::2]).mean())
    assert _keep(moved, "lp_ft", None, None, forced=False, reporter=SilentReporter()).record["kept"] == "lp_ft"
