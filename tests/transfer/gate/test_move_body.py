"""A fit whose body may move: what is refused, what is decided, what is kept and reported."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.errors import ParameterError, SourceError, UnknownNameError
from headstart.heads import HeadSearch, select_head
from headstart.model import TransferModel
from headstart.reporting import SilentReporter
from headstart.sources import module
from headstart.sources.toy_shift import toy_shift
from headstart.transfer import fit
from headstart.transfer.gate.decision import _keep
from headstart.transfer.gate.head_on_all_items import LeftOutLosses, left_out_losses
from headstart.transfer.gate.headroom import headroom, learning_curve, mismatch
from headstart.tune.contrastive import CONTRASTIVE
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.candidates import ValidatedModel
from headstart.tune.moving.move import Moved
from headstart.tune.side import SIDE
from headstart.tune.training.job import Outcome
from headstart.tune.training.settings import Training
from headstart.types import Block, Dataset, Task


@pytest.fixture
def source():
    body = toy_shift().source.module
    return module(body, lambda row: np.asarray(row, np.float32).reshape(3, 3, 10), name="toy", modality="vector")


def labelled(part):
    task, y = part.labelled()
    return np.stack(part.items).reshape(len(part), -1), [task.labels[k] for k in y]


class Said(SilentReporter):
    """Keeps what it is warned of."""

    def __init__(self):
        self.warnings = []

    def warning(self, text):
        self.warnings.append(text)


MOVED = replace(LP_FT, training=Training(epochs=30, learning_rate=0.02))


def test_a_named_strategy_moves_the_body_and_is_judged_against_the_frozen_features(source, tmp_path):
    data = labelled(toy_shift().train)
    run = fit(data, source=source, strategy=MOVED, out=tmp_path / "run", baselines="fast")
    names = [baseline.name for baseline in run.baselines]
    assert names[0] == "frozen features"
    assert run.evaluation.metrics["accuracy"].value > 0.85
    assert run.baselines[0].evaluation.metrics["accuracy"].value < 0.75
    assert run.record["strategy"]["kept"] != "head"
    assert run.record["strategy"]["candidates"][0]["name"] == "head"
    with (tmp_path / "run" / "logs" / "training.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 30
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Whether the body moved" in page
    assert "Forgetting" in page


@pytest.mark.parametrize(("whole", "kept"), [(0.35, "lp_ft"), (0.25, "head")])
def test_the_head_on_all_items_has_to_be_beaten_too(whole, kept):
    """The moved body is better than the head on the same items; whether that is enough, the head on all items says."""
    noise = np.random.default_rng(0).normal(scale=0.01, size=60)
    task = Task("classification", ("a", "b"))
    valid = Dataset([0] * 60, tuple(map(str, range(60))), "vector", task, np.arange(60) % 2)
    start, best = (
        ValidatedModel(name, SimpleNamespace(), loss + noise, noise) for name, loss in (("head", 0.4), ("lp_ft", 0.3))
    )
    moved = Moved((start, best), Outcome("done", 1, 1, 0.3, 0.4, 1.0, 1.0), valid, None)
    left_out = LeftOutLosses(np.arange(10, 40), whole + noise[::2])
    decision = _keep(moved, "lp_ft", None, left_out, forced=False, reporter=SilentReporter())
    assert decision.record["kept"] == kept
    assert (decision.model is None) == (kept == "head")
    assert decision.record["candidates"][1]["validation_loss"] == pytest.approx((whole + noise[::2]).mean())
    assert _keep(moved, "lp_ft", None, None, forced=False, reporter=SilentReporter()).record["kept"] == "lp_ft"


def test_what_was_asked_for_is_kept_and_warned_of(source):
    still = replace(LP_FT, training=Training(epochs=1, learning_rate=1e-12))
    said = Said()
    run = fit(labelled(toy_shift().train), source=source, strategy=still, baselines="none", reporter=said)
    assert run.record["strategy"]["candidates"][1]["name"] == "head, fitted on all items"
    assert run.record["strategy"]["kept"] != "head"
    assert [line for line in said.warnings if "did not pay" in line and "against their head on all items" in line]


def test_left_out_losses_are_those_of_the_items_that_are_named():
    rng = np.random.default_rng(0)
    task, y = Task("classification", ("a", "b")), np.arange(40) % 2
    x = rng.normal(size=(40, 3)) + y[:, None]
    train = Dataset(list(x), tuple(f"row {k}" for k in range(40)), "vector", task, y)
    head = select_head(x, y, task)
    part = [31, 7, 12]
    found = left_out_losses(head, train, train.take(np.array(part)))
    order = {int(k): float(loss) for k, loss in zip(head.evidence.index, head.evidence.losses, strict=True)}
    assert {part[place]: loss for place, loss in zip(*found, strict=True)} == {k: order[k] for k in part}
    assert len(left_out_losses(replace(head, evidence=None), train, train.take(np.array(part))).places) == 0


def test_a_side_network_is_kept_whole(source):
    strategy = replace(SIDE, training=Training(epochs=8, batch_size=64, learning_rate=0.03))
    run = fit(labelled(toy_shift().train), source=source, strategy=strategy, baselines="none")
    assert run.record["strategy"]["kept"].startswith("side")
    assert len(run.model.source.parts) == 2


def test_few_items_of_a_class_are_judged_by_bodies_that_left_them_out(source):
    strategy = replace(CONTRASTIVE, few=500, training=Training(epochs=8, batch_size=64, learning_rate=0.02))
    run = fit(labelled(toy_shift().train), source=source, strategy=strategy, baselines="none")
    record = run.record["strategy"]
    assert [one["name"] for one in record["candidates"]] == ["head", "contrastive, 50% of the way", "contrastive"]
    assert record["validation_items"] == 192  # all that are not tested on
    assert record["kept"] != "head"


def test_auto_keeps_the_frozen_features_where_nothing_is_left_to_gain(source):
    items = np.random.default_rng(0).normal(scale=0.1, size=(900, 3, 3, 10)).astype(np.float32)
    y = np.arange(900) % 2
    items[..., 0] += 2.0 * y[:, None, None]
    data = (items.reshape(900, -1), ["a" if k else "b" for k in y])
    run = fit(data, source=source, strategy="auto", baselines="none")
    assert run.record["strategy"]["kept"] == "head"
    assert not run.record["strategy"]["forecast"]["go"]
    assert run.model.source.info.name == source.info.name
    assert "cross-validation" in run.record["evaluation"]["how"]


def test_a_source_without_a_body_is_refused_by_name_and_said_by_auto():
    rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 60, axis=0) + np.arange(240).reshape(120, 2) / 1000
    labels = ["left"] * 60 + ["right"] * 60
    with pytest.raises(SourceError, match="no body that can be moved"):
        fit((rows, labels), strategy="lp_ft")
    assert fit((rows, labels), strategy="auto").record["strategy"]["kept"] == "head"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"strategy": "lpft"}, UnknownNameError, "Did you mean 'lp_ft'"),
        ({"strategy": 3}, ParameterError, "Got int instead"),
        ({"strategy": "contrastive", "class_weight": "balanced"}, ParameterError, "each class counts the same already"),
    ],
)
def test_wrong_wishes_are_refused_before_any_work(given, error, words):
    with pytest.raises(error, match=words):
        fit("nowhere", **given)


def test_a_moved_model_is_saved_and_loaded(source, tmp_path):
    shift = toy_shift()
    run = fit(labelled(shift.train), source=source, strategy=MOVED, baselines="none")
    run.model.save(tmp_path / "model")
    loaded = TransferModel.load(tmp_path / "model", source=run.model.source)
    items = labelled(shift.test)[0][:8]
    assert loaded.predict_proba(items) == pytest.approx(run.predict_proba(items), abs=1e-6)


def test_headroom_is_the_left_out_error_with_wilsons_bound():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    head = select_head(x, y, Task("classification", ("a", "b")))
    error, high = headroom(head, y, Task("classification", ("a", "b")))
    wrong = (head.evidence.outputs.argmax(axis=1) != y).mean()
    assert error == pytest.approx(wrong)
    assert high > error


def test_the_floor_of_a_learning_curve_is_that_of_the_power_law(monkeypatch):
    losses = {50: 0.2 + 50**-0.5, 100: 0.2 + 100**-0.5, 200: 0.2 + 200**-0.5}

    class Found:
        def __init__(self, loss):
            self.loss = loss

    where = "headstart.transfer.gate.headroom.select_head"
    monkeypatch.setattr(where, lambda _rows, y, _task, **_: Found(losses[len(y)]))
    x, y = np.zeros((200, 1)), np.arange(200) % 2
    curve = learning_curve(x, y, Task("classification", ("a", "b")), blocks=(), search=HeadSearch(), seed=0)
    assert curve.floor == pytest.approx(0.2)


def test_an_early_block_that_serves_better_is_found():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    early, late = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    early[:, 0] += 4 * y
    found = mismatch(
        np.hstack([early, late]),
        y,
        Task("classification", ("a", "b")),
        blocks=(Block("one", 3), Block("two", 3)),
        seed=0,
    )
    assert (found.block, found.mismatched) == ("one", True)
