"""The public conformance checks over the registries, and proof that they can fail."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
import pytest

from headstart.checks import check_source_caches, checks_for
from headstart.engine.capabilities import Runtime
from headstart.heads import HEADS
from headstart.heads.registry import ESTIMATORS
from headstart.heads.ridge import RidgeHead
from headstart.scores import SCORES
from headstart.sources import open_source
from headstart.sources.toy import ToySource
from headstart.tasks import TASKS
from headstart.tune import STRATEGIES

REGISTRIES = {"task": TASKS, "head": HEADS, "score": SCORES, "strategy": STRATEGIES}
# heads that tests/stories/heads runs too, and that take a second or more here; one of their kind is left
SLOW = {"attention", *ESTIMATORS} - {"nearest_mean"}
CASES = [
    pytest.param(
        check, name, marks=pytest.mark.slow if kind == "head" and name in SLOW else (), id=f"{check.__name__}-{name}"
    )
    for kind, registry in REGISTRIES.items()
    for check in checks_for(kind)
    for name in registry
]


@pytest.mark.parametrize(("check", "name"), CASES)
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
class Restless(ToySource):
    """A source that never finds its rows again."""

    def choose(self, engine, count, few):  # noqa: ARG002 (the contract of a source)
        return secrets.token_hex(20)


@dataclass(frozen=True)
class Mistaken(ToySource):
    """A source whose key says nothing of its layers."""

    def choose(self, engine, count, few):
        return ToySource().choose(engine, count, few)


@dataclass(frozen=True)
class Numbered(ToySource):
    """A source whose key is no str."""

    def choose(self, engine, count, few):  # noqa: ARG002 (the contract of a source)
        return 7


@dataclass(frozen=True)
class Renamed(ToySource):
    """A source whose key is not the one that it has when it is opened again."""

    def choose(self, engine, count, few):
        return f"of this object only: {super().choose(engine, count, few)}"


@dataclass(frozen=True)
class Drifting(ToySource):
    """A source on OpenVINO whose rows depend on their neighbours."""

    runtime = Runtime("openvino", "bf16")

    def choose(self, engine, count, few):
        return ToySource(layers=self.layers).choose(engine, count, few)

    def forward(self, prepared):
        return super().forward(prepared) + np.arange(len(prepared), dtype=np.float32)[:, None]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Restless, "the same choice gives another key"),
        (Mistaken, "other layers need another key"),
        (Numbered, "must give a str or None"),
        (Renamed, "opened again"),
        (Drifting, "second forward"),
    ],
)
def test_keys_that_find_wrong_rows_are_caught(kind, words):
    with pytest.raises(AssertionError, match=words):
        check_source_caches(kind(), TEXTS)


@dataclass(frozen=True)
class Peeking(RidgeHead):
    """A head whose left-out scores have seen the labels."""

    def left_out_scores(self, spectrum, left_out, targets, groups):  # noqa: ARG002 (the contract of a head)
        return left_out.fitted


def test_a_head_that_peeks_is_caught(monkeypatch):
    monkeypatch.setitem(HEADS._entries, "ridge", Peeking())
    with pytest.raises(AssertionError, match="differ from those of a refit"):
        checks_for("head")[0]("ridge")
