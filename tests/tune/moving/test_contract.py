"""What a strategy has to have, and what it may have."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import headstart
from headstart.checks import check_strategy_solves
from headstart.errors import ParameterError
from headstart.sources import module
from headstart.sources.toy_shift import toy_shift
from headstart.transfer.gate.strategy_choice import is_cross_fitted, sized
from headstart.tune import MOVING, STRATEGIES, MovingStrategy, Strategy, fit
from headstart.tune.distillation.strategy import Distillation
from headstart.tune.frozen import FROZEN
from headstart.tune.moving.contract import BringsBody, CrossFits, MovesItself, ReplaysSource, with_settings
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, body_groups, head_group
from headstart.tune.training.settings import Training

QUICK = Training(epochs=8, batch_size=48, learning_rate=0.03, augmentation="none")


@dataclass(frozen=True)
class LastBlock:
    """All that a strategy needs."""

    training: Training = QUICK
    name: str = "last_block"

    def plan(self, setting):
        return Plan((*body_groups(setting.network, first=0), head_group(setting.network)))


FILE = """
from dataclasses import dataclass
from headstart.tune.moving.plan import Plan, body_groups, head_group
from headstart.tune.training.settings import Training

@dataclass(frozen=True)
class Everything:
    training: Training = Training(epochs=8, batch_size=48, learning_rate=0.03, augmentation="none")
    name: str = "everything"

    def plan(self, setting):
        return Plan((*body_groups(setting.network), head_group(setting.network)))

EVERYTHING = Everything()
"""


@pytest.fixture
def source():
    body = toy_shift().source.module
    return module(body, lambda row: np.asarray(row, np.float32).reshape(3, 3, 10), name="toy", modality="vector")


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """A strategy of a package of its own: one file, and one line that names it as an entry point."""
    (tmp_path / "a_new_strategy.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("everything", "a_new_strategy:EVERYTHING", "headstart.strategies")
    monkeypatch.setattr("headstart.registry.entry_points", lambda group: [point] if group == point.group else [])
    monkeypatch.setattr(STRATEGIES, "_entries", dict(STRATEGIES._entries))
    monkeypatch.setattr(STRATEGIES, "_third_party_read", False)
    return "everything"


def labelled(part):
    return np.stack(part.items).reshape(len(part), -1), [part.task.labels[k] for k in part.y]


def test_a_strategy_with_a_plan_alone_is_one_and_has_no_further_capability():
    strategy, part = LastBlock(), toy_shift().train
    assert isinstance(strategy, MovingStrategy)
    assert not isinstance(strategy, Strategy)
    assert not any(isinstance(strategy, one) for one in (BringsBody, CrossFits, MovesItself, ReplaysSource))
    assert not is_cross_fitted(strategy, part)
    assert sized(strategy, part).training.epochs == 15


def test_a_strategy_with_a_plan_alone_is_fitted_like_any_other():
    shift, strategy = toy_shift(), LastBlock()
    model = fit(strategy, shift.source, shift.train, seed=3)
    same = fit_moved(strategy, shift.source, shift.train, seed=3)
    assert np.array_equal(model.head.weight, same.head.weight)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) > 0.85


def test_a_strategy_with_a_plan_alone_is_given_to_a_whole_fit(source):
    run = headstart.fit(
        labelled(toy_shift().train), source=source, strategy=LastBlock(), baselines="none", verbose=False
    )
    assert run.record["strategy"]["name"] == "last_block"
    assert run.record["strategy"]["kept"].startswith("last_block")


def test_a_new_strategy_is_one_file_and_one_line_of_the_registry(registered, source):
    assert registered in STRATEGIES
    check_strategy_solves(registered)
    data = labelled(toy_shift().train)
    run = headstart.fit(data, source=source, strategy=registered, baselines="none", verbose=False)
    assert run.record["strategy"]["kept"].startswith("everything")


def test_the_first_party_strategies_can_be_fitted_by_themselves():
    found = [STRATEGIES[name] for name in MOVING]
    assert all(isinstance(one, MovingStrategy) and isinstance(one, Strategy) for one in found)
    assert {one.name for one in found} == set(MOVING)
    own = {one.name for one in found if type(one).fit is not fit_moved}
    assert own == {"adversarial", "contrastive", "soup"}  # these judge in a way of their own


@pytest.mark.parametrize("strategy", [FROZEN, Distillation()])
def test_a_strategy_without_a_plan_is_refused_before_any_work(strategy, source):
    with pytest.raises(ParameterError, match=f"The strategy '{strategy.name}' has no plan .* its own fit"):
        headstart.fit(labelled(toy_shift().train), source=source, strategy=strategy, verbose=False)


def test_something_else_than_a_strategy_is_refused(source):
    with pytest.raises(ParameterError, match=r"must be a name or a strategy of headstart\.tune\. Got int instead"):
        headstart.fit(labelled(toy_shift().train), source=source, strategy=3, verbose=False)


def test_other_settings_leave_the_strategy_as_it_is():
    strategy = LastBlock()
    changed = with_settings(strategy, training=Training(epochs=1))
    assert (changed.training.epochs, strategy.training.epochs, changed.name) == (1, 8, "last_block")
