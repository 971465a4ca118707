"""A fit whose body may move: what is refused, what is decided, what is kept and reported."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError, SourceError, UnknownNameError
from headstart.model import TransferModel
from headstart.reporting import SilentReporter
from headstart.sources import module
from headstart.sources.toy_shift import toy_shift
from headstart.transfer import fit
from headstart.transfer.gate.move_body import check_strategy
from headstart.transfer.gate.strategy_choice import REPLAYING
from headstart.tune import MOVING, STRATEGIES
from headstart.tune.contrastive import CONTRASTIVE
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.contract import ReplaysSource
from headstart.tune.side import SIDE
from headstart.tune.training.settings import Training


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
    assert "Fine-tuning" in page
    assert "Forgetting" in page


def test_what_was_asked_for_is_kept_and_warned_of(source):
    still = replace(LP_FT, training=Training(epochs=1, learning_rate=1e-12))
    said = Said()
    run = fit(labelled(toy_shift().train), source=source, strategy=still, baselines="none", reporter=said)
    assert run.record["strategy"]["candidates"][1]["name"] == "head, fitted on all items"
    assert run.record["strategy"]["kept"] != "head"
    assert [line for line in said.warnings if "is kept, but it " in line and "against their head on all items" in line]


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
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        fit((rows, labels), strategy="lp_ft")
    assert fit((rows, labels), strategy="auto").record["strategy"]["kept"] == "head"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"strategy": "lpft"}, UnknownNameError, "Did you mean 'lp_ft'"),
        ({"strategy": 3}, ParameterError, "Got int instead"),
        ({"strategy": "contrastive", "class_weight": "balanced"}, ParameterError, "each class already counts the same"),
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


def test_a_verdict_does_not_contradict_itself():
    """Kind: "lowers the loss ... did not pay", and an interval with the sign of the opposite word."""
    from headstart.transfer.gate.keeping import _change

    assert _change(0.2, 0.1, 0.3) == "lowers the validation loss by 0.2000 [+0.1000, +0.3000]"
    assert _change(0.2, -0.1, 0.5).endswith("0.2000 [-0.1000, +0.5000], which is not certain,")
    assert _change(-0.2, -0.5, 0.1) == "raises the validation loss by 0.2000 [-0.1000, +0.5000]"


def test_strategies_with_and_without_source_data():
    """The names that need source data are those of the registry that replay it."""
    assert {name for name in MOVING if isinstance(STRATEGIES[name], ReplaysSource)} == REPLAYING
    assert check_strategy("joint", None, ["photos"]) is None
    assert check_strategy(replace(STRATEGIES["joint"], source_data=toy_shift().source_data)) is None
    with pytest.raises(DataError, match="'joint' also needs items of the source task"):
        check_strategy(STRATEGIES["joint"])
