"""Which strategies are trained after their pilots."""

from types import SimpleNamespace

import numpy as np

from headstart.transfer.gate.forecast import Tried, _chosen, _together
from headstart.transfer.gate.pilot import Pilot
from headstart.transfer.gate.time_plan import TimePlan


def ran(name, gain):
    pilot = Pilot(50, gain, gain - 0.05, gain + 0.05, 30.0)
    return Tried(SimpleNamespace(name=name), TimePlan(100.0, 20.0, 5)), pilot


def test_time_and_pilots_decide_how_many_strategies_are_trained():
    both = [ran("lora", 0.2), ran("lp_ft", 0.1)]
    assert [len(_chosen(both, 0.0, left)[0]) for left in (70.0, 80.0, 240.0, 250.0)] == [0, 1, 1, 2]
    assert [one.trial.name for one in _chosen([both[0], ran("lp_ft", 0.04)], 0.0, 900.0)[0]] == ["lora"]
    chosen, why = _chosen([ran("lora", 0.04), ran("lp_ft", -0.1)], 0.0, 900.0)
    assert not chosen
    assert "it may not pay (lora; lp_ft by -0.1000)" in why


def test_two_pilots_have_wider_bounds_than_one():
    random = np.random.default_rng(0)
    before = random.normal(size=60)
    pilots = [
        Pilot(60, 0.0, 0.0, 0.0, 1.0, losses=(before, before + 0.1 * random.normal(size=60) - 0.05)) for _ in range(2)
    ]
    one, other = _together(pilots)
    alone = _together([pilots[0], pilots[0]])[0]
    assert one.gain == alone.gain != other.gain
    assert one.high - one.low > alone.high - alone.low
