"""Trainings that share a body and prepared items end as those that have their own."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from headstart.heads import HeadSearch
from headstart.sources.module import module
from headstart.sources.toy_shift import toy_shift
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving import cross_fitted, shared_work
from headstart.tune.moving.all_items import train_network
from headstart.tune.moving.cross_fitted import move_cross_fitted
from headstart.tune.moving.shared_work import SharedWork
from headstart.tune.training.settings import Training

QUICK = replace(LP_FT, training=Training(epochs=2, batch_size=16, learning_rate=0.02, augmentation="none"))


def test_a_training_after_another_one_ends_as_on_its_own():
    shift = toy_shift()
    first, second = shift.train.take(range(40)), shift.train.take(range(20, 60))
    shared, read = SharedWork(shift.source), []
    alone = train_network(QUICK, shift.source, second, seed=3)
    train_network(QUICK, shift.source, first, seed=3, shared=shared)
    shared._source = replace_prepare(shift.source, read)
    after = train_network(QUICK, shift.source, second, seed=3, shared=shared)
    assert len(read) == 20  # the other 20 items were prepared before
    for name, value in alone.setting.network.state().items():
        assert value.equal(after.setting.network.state()[name]), name
        assert alone.before[name].equal(after.before[name]), name


def replace_prepare(source, read):
    class Counting:
        def prepare(self, item):
            read.append(item)
            return source.prepare(item)

    return Counting()


def test_cross_fitting_with_and_without_shared_work_gives_the_same(monkeypatch):
    shift = toy_shift()
    part, search = shift.train.take(range(30)), HeadSearch(("ridge",))
    loads, plain = [], shared_work.trainable
    monkeypatch.setattr(shared_work, "trainable", lambda source: loads.append(1) or plain(source))
    shared = move_cross_fitted(QUICK, shift.source, part, search=search)
    assert len(loads) == 1  # for six trainings

    class Own(SharedWork):
        def body(self):
            return plain(self._source)

        def prepare(self, item):
            return self._source.prepare(item)

    monkeypatch.setattr(cross_fitted, "SharedWork", Own)
    start_rows = cross_fitted._Common.start_rows

    def computed(self, network):
        self._rows = None
        return start_rows(self, network)

    monkeypatch.setattr(cross_fitted._Common, "start_rows", computed)
    own = move_cross_fitted(QUICK, shift.source, part, search=search)
    for one, other in zip(shared.candidates, own.candidates, strict=True):
        assert one.name == other.name
        assert one.scores == pytest.approx(other.scores, abs=1e-5)
        assert one.model.head.weight == pytest.approx(other.model.head.weight, rel=1e-5, abs=1e-7)


def test_a_body_with_other_submodules_is_loaded_again():
    body = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    shared = SharedWork(module(body, np.asarray, name="small", modality="vector"))
    first = shared.body().module
    first[1] = nn.Tanh()
    again = shared.body().module
    assert again is not first
    assert isinstance(again[1], nn.ReLU)
