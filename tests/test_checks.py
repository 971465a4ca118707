"""The public conformance checks over the registries, and proof that they can fail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from headstart.checks import checks_for
from headstart.heads import HEADS
from headstart.heads.ridge import RidgeHead
from headstart.sources import open_source
from headstart.sources.toy import ToySource
from headstart.tasks import TASKS
from headstart.tune import STRATEGIES

REGISTRIES = {"task": TASKS, "head": HEADS, "strategy": STRATEGIES}
CASES = [(check, name) for kind, registry in REGISTRIES.items() for check in checks_for(kind) for name in registry]


@pytest.mark.parametrize(("check", "name"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_every_registered_entry(check, name):
    check(name)


TEXTS = ["where is my parcel", "refund please", "the lamp is broken", "close my account now", "a"]
ROWS = np.random.default_rng(0).normal(size=(5, 3))


@pytest.mark.parametrize(("name", "items"), [("toy", TEXTS), ("vector", ROWS), ("headstart:text", TEXTS)])
@pytest.mark.parametrize("check", checks_for("source"), ids=lambda check: check.__name__)
def test_sources_that_come_with_the_install(check, name, items):
    check(open_source(name), items)


@dataclass(frozen=True)
class Forgetful(ToySource):
    """A source whose rows are not those that it promised."""

    def encode(self, items):
        return np.random.default_rng().normal(size=(len(items), 96)).astype(np.float32)


def test_a_source_that_does_not_repeat_itself_is_caught():
    with pytest.raises(AssertionError, match="encoding twice"):
        checks_for("source")[0](Forgetful(), TEXTS)


@dataclass(frozen=True)
class Peeking(RidgeHead):
    """A head whose left-out scores have seen the labels."""

    def left_out_scores(self, spectrum, left_out, targets, groups):  # noqa: ARG002 (the contract of a head)
        return left_out.fitted


def test_a_head_that_peeks_is_caught(monkeypatch):
    monkeypatch.setitem(HEADS._entries, "ridge", Peeking())
    with pytest.raises(AssertionError, match="not those of a refit"):
        checks_for("head")[0]("ridge")
