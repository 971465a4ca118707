"""The engine that a fit was given is used by everything below it: no row is cached, and no other backend runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.evaluate.forgetting import forgetting
from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources.toy_shift import toy_shift
from headstart.transfer.gate.pilot import Trial
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import prepare
from headstart.tune.adversarial import ADVERSARIAL
from headstart.tune.contrastive import CONTRASTIVE
from headstart.tune.distillation.strategy import Distillation
from headstart.tune.joint import JOINT
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.all_items import train_network
from headstart.tune.moving.cross_fitted import move_cross_fitted
from headstart.tune.moving.move import move
from headstart.tune.moving.timing import seconds_per_step
from headstart.tune.pretraining import train_source
from headstart.tune.scratch import SCRATCH
from headstart.tune.side import SIDE
from headstart.tune.training.settings import Training

ENGINE = Engine(cache=False, backend="torch")
ONCE = Training(epochs=1, batch_size=16, learning_rate=0.02)
RIDGE = HeadSearch(("ridge",))


@pytest.fixture
def ran(monkeypatch, own_rows):
    """The backends that frozen bodies ran on; the cache holds no rows at first."""
    found: set[str] = set()
    choose = FrozenBody.choose

    def chosen(body, *args, **options):
        form = choose(body, *args, **options)
        found.add(body.backend)
        return form

    def run(body, batch):
        rows = call(body, batch)
        found.add(body.backend)
        return rows

    call = FrozenBody.__call__
    monkeypatch.setattr(FrozenBody, "choose", chosen)
    monkeypatch.setattr(FrozenBody, "__call__", run)
    return found


def quick(strategy, **settings):
    return replace(strategy, training=ONCE, **settings)


def lp_ft(shift, engine):
    move(quick(LP_FT), shift.source, shift.train.take(range(40)), search=RIDGE, engine=engine)


def lp_ft_by_fit(shift, engine):
    assert quick(LP_FT).fit(shift.source, shift.train.take(range(40)), engine=engine).engine == engine


def contrastive(shift, engine):
    part = shift.train.take(range(20))
    assert CONTRASTIVE.cross_fits(part)
    moved = quick(CONTRASTIVE).move(shift.source, part, search=RIDGE, engine=engine)
    assert {one.model.engine for one in moved.candidates} == {engine}


def contrastive_by_fit(shift, engine):
    assert quick(CONTRASTIVE).fit(shift.source, shift.train.take(range(20)), engine=engine).engine == engine


def cross_fitted(shift, engine):
    move_cross_fitted(quick(LP_FT), shift.source, shift.train.take(range(20)), search=RIDGE, engine=engine)


def all_items(shift, engine):
    train_network(quick(LP_FT), shift.source, shift.train.take(range(40)), engine=engine)


def adversarial(shift, engine):
    assert quick(ADVERSARIAL).fit(shift.source, shift.train.take(range(40)), engine=engine).engine == engine


def timing(shift, engine):
    seconds_per_step(quick(LP_FT), shift.source, shift.train.take(range(40)), seed=0, engine=engine)


def timing_of_the_gate(shift, engine):
    prepared = prepare(shift.train.take(range(40)), shift.source, RunContext(SilentReporter(), engine=engine))
    Trial(quick(LP_FT), prepared, prepared.dataset, 0).cost()


def side(shift, engine):
    move(quick(SIDE), shift.source, shift.train.take(range(40)), search=RIDGE, engine=engine)


def joint(shift, engine):
    strategy = quick(JOINT, source_data=shift.source_data)
    move(strategy, shift.source, shift.train.take(range(40)), search=RIDGE, engine=engine)


def pretraining(shift, engine):
    train_source(
        shift.source, shift.source_data, strategy=replace(SCRATCH, training=replace(ONCE, epochs=3)), engine=engine
    )


def distillation(shift, engine):
    strategy = Distillation((shift.source,), replace(ONCE, epochs=20), answers=True)
    model = strategy.fit(shift.source.untrained(0), shift.train.take(range(120)), engine=engine)
    assert model.engine == engine


def forgotten(shift, engine):
    forgetting(shift.source, shift.source, shift.train.items[:20], engine=engine)


def forgotten_on_source_data(shift, engine):
    forgetting(shift.source, shift.source, (), source_data=shift.source_data, engine=engine)


WAYS = [
    lp_ft, lp_ft_by_fit, contrastive, contrastive_by_fit, cross_fitted, all_items, adversarial, timing,
    timing_of_the_gate, side, joint, pretraining, distillation, forgotten, forgotten_on_source_data,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_only_the_given_backend_runs_and_no_row_is_cached(way, ran, own_rows):
    way(toy_shift(), ENGINE)
    assert ran == {"torch"}
    assert not (own_rows / "features").exists()


def test_rows_are_cached_by_default(ran, own_rows):
    """Else the test above could not fail."""
    forgotten(toy_shift(), Engine())
    assert any((own_rows / "features").iterdir())
