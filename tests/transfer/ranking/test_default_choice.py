"""The default source of a fit: what is compared, on which items, what is said and recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest
from planted_bodies import Planted, plant
from sklearn.base import clone

import headstart
from headstart.engine.options import Engine
from headstart.reporting import SilentReporter
from headstart.transfer.ranking.choice import choosing_part
from headstart.transfer.ranking.default_choice import choose_default
from headstart.transfer.stages.context import Clock, RunContext
from headstart.types import Dataset, Task

PLAIN = Engine(cache=False)
TASK = Task("classification", ("a", "b"))


def sounds(n):
    rng = np.random.default_rng(0)
    waves = rng.uniform(0.0, 0.4, (n, 400)).astype(np.float32)
    waves[1::2, 0] = 0.9
    return [(wave, 400) for wave in waves], ["ab"[k % 2] for k in range(n)]


@pytest.fixture
def bodies(monkeypatch, three_folds):
    photo, speech = Planted("headstart:photo", "audio", 3.0), Planted("headstart:speech", "audio", 0.1)
    plant(monkeypatch, photo, speech)
    return photo, speech


class Heard(SilentReporter):
    def __init__(self):
        self.lines = []

    def line(self, label, text):
        self.lines.append((label, text))


def test_labelled_sounds_are_compared_and_the_winner_encodes_each_item_once(bodies, tmp_path):
    heard, (items, labels) = Heard(), sounds(600)
    run = headstart.fit(
        (items, labels), baselines="none", engine=PLAIN, out=tmp_path / "run", reporter=heard, modality="audio"
    )
    photo, speech = bodies
    assert run.model.source is speech
    assert len(speech.seen) == 600
    assert len(photo.seen) <= 200
    record = run.record["source_choice"]
    assert (record["chosen"], record["how"]) == ("headstart:speech", "comparison")
    assert record["seconds"] > 0
    assert "cross-validation evaluates too: choosing the best of several sources" in record["chosen_on"]
    for name in ("manifest.json", "metrics.json"):
        assert json.loads((tmp_path / "run" / name).read_text())["source_choice"] == record
    said = [text for label, text in heard.lines if label == "source chosen"]
    assert len(said) == 1
    assert "headstart:photo" in said[0]
    assert "leave-one-out loss" in said[0]
    assert "Source chosen" in (tmp_path / "run" / "README.md").read_text()
    assert "Source chosen" in (tmp_path / "run" / "report.html").read_text()


def test_held_out_sounds_have_no_say(bodies):
    items, labels = sounds(1200)
    run = headstart.fit((items, labels), baselines="none", engine=PLAIN, verbose=False, modality="audio")
    assert "no held-out item was used" in run.record["source_choice"]["chosen_on"]
    held_out = [k for k, part in enumerate(run.tables.splits["part"]) if part == "test"]
    encoded = bodies[0].seen
    texts = {bodies[0].prepare(items[k]) for k in held_out}
    assert encoded
    assert not texts & set(encoded)


def test_the_same_data_give_the_same_choice(bodies):
    items, labels = sounds(80)
    records = []
    for _ in range(2):
        run = headstart.fit((items, labels), baselines="none", engine=PLAIN, verbose=False, modality="audio")
        records.append({key: run.record["source_choice"][key] for key in ("chosen", "why", "sources")})
    assert records[0] == records[1]


def test_a_named_source_is_neither_compared_nor_recorded_as_chosen(bodies):
    items, labels = sounds(40)
    run = headstart.fit(
        (items, labels), source="headstart:photo", baselines="none", engine=PLAIN, verbose=False, modality="audio"
    )
    assert "source_choice" not in run.record
    assert bodies[1].seen == []


def test_an_estimator_chooses_when_it_is_fitted(bodies):
    items, labels = sounds(40)
    estimator = clone(headstart.TransferClassifier(cache=False))
    assert estimator.source is None
    estimator.fit(items, labels)
    assert estimator.model_.source is bodies[1]
    assert estimator.source is None
    assert clone(estimator).source is None


def test_labels_are_audited_by_the_source_that_suits_the_items(bodies):
    heard, (items, labels) = Heard(), sounds(60)
    headstart.audit_labels((items, labels), engine=PLAIN, reporter=heard, modality="audio")
    assert [text[:16] for label, text in heard.lines if label == "source chosen"] == ["headstart:speech"]


def test_sounds_without_labels_take_the_fixed_default(bodies):
    items, _ = sounds(4)
    encoder = headstart.TransferEncoder(cache=False).fit(items)
    assert encoder.source_ is bodies[1]


def test_too_few_items_take_the_fixed_default_which_is_said(bodies):
    """Kind: a dozen items, on which a comparison would be noise and opening a second body would take longest."""
    items, _ = sounds(12)
    data = Dataset(items, tuple(map(str, range(12))), "audio", task=TASK, y=np.arange(12) % 2)
    found = choose_default(data, np.arange(12), RunContext(Heard(), PLAIN), part=part_of(data))
    assert found.source is bodies[1]
    assert bodies[0].seen == []
    assert "12 items are too few to compare" in found.record["why"]


def test_if_nothing_can_be_compared_the_fixed_default_is_taken_and_said(bodies):
    items, _ = sounds(40)
    data = Dataset(items, tuple(map(str, range(40))), "audio", task=TASK, y=np.arange(40) % 2)
    heard = Heard()
    context = RunContext(heard, PLAIN)
    found = choose_default(data, np.zeros(40, np.int64), context, part=part_of(data))
    assert found.source is bodies[1]
    assert "could not be compared" in found.record["why"]


@pytest.mark.parametrize(
    ("photo", "speech", "chosen", "begins"),
    [
        (0.1, 3.0, "headstart:photo", "it reads sounds as log-mel spectrograms; on 60 items "),
        (3.0, 0.1, "headstart:speech", "the default for sounds; on 60 items "),
    ],
)
def test_the_reason_is_that_of_the_winner(monkeypatch, photo, speech, chosen, begins):
    """Kind: a candidate that is not the fixed default wins; the record used to begin with the default's reason."""
    plant(monkeypatch, Planted("headstart:photo", "audio", photo), Planted("headstart:speech", "audio", speech))
    items, _ = sounds(60)
    data = Dataset(items, tuple(map(str, range(60))), "audio", task=TASK, y=np.arange(60) % 2)
    found = choose_default(data, np.arange(60), RunContext(Heard(), PLAIN), part=part_of(data))
    assert found.record["chosen"] == chosen
    assert found.record["why"].startswith(begins)


def test_without_time_to_compare_the_fixed_default_is_taken_and_said(bodies):
    items, _ = sounds(40)
    data = Dataset(items, tuple(map(str, range(40))), "audio", task=TASK, y=np.arange(40) % 2)
    context = RunContext(Heard(), PLAIN, 0, Clock.start(0.0))
    found = choose_default(data, np.arange(40), context, part=part_of(data))
    assert found.source is bodies[1]
    why = "the default for sounds; they could not be compared (the time limit was reached)"
    assert found.record["why"] == why


def part_of(data):
    from headstart.transfer.ranking.run import RankingItems

    return RankingItems(np.arange(len(data)), "all items")


def test_items_of_folds_are_said_to_be_used_twice():
    """Kind: 1,000 items or more in many classes, which the fit cross-validates once it knows the source's width."""
    names = tuple(map(str, range(1500)))
    task = Task("classification", names[:100])
    data = Dataset([""] * 1500, names, "text", task=task, y=np.arange(1500) % 100)
    found = choosing_part(data, np.arange(1500), 0)
    assert len(found.rows) == 1200
    assert "if the fit is cross-validated" in found.how


def test_a_fifth_that_fine_tuning_holds_out_has_no_say():
    """Kind: few items with a strategy that holds out a fifth: the choice used to see it."""
    data = Dataset([""] * 100, tuple(map(str, range(100))), "text", task=TASK, y=np.arange(100) % 2)
    assert len(choosing_part(data, np.arange(100), 0).rows) == 100
    once = choosing_part(data, np.arange(100), 0, once=True)
    assert len(once.rows) == 80
    assert "no held-out item was used" in once.how


def test_several_tasks_share_the_source_that_the_first_one_chose(bodies, tmp_path):
    """Kind: a comparison for each label column could give two bodies, and a prediction would run both."""
    import soundfile

    waves, labels = sounds(40)
    paths = [str(tmp_path / f"{k}.wav") for k in range(40)]
    for path, (wave, rate) in zip(paths, waves, strict=True):
        soundfile.write(path, wave, rate)
    heard = Heard()
    table = {"sound": paths, "kind": labels, "other": ["xy"[k % 3 == 0] for k in range(40)]}
    out = tmp_path / "run"
    done = headstart.fit_tasks(
        table, ["kind", "other"], item="sound", baselines="none", engine=PLAIN, reporter=heard, out=out
    )
    assert {run.model.source.info.name for run in done.runs.values()} == {"headstart:speech"}
    assert [label for label, _ in heard.lines].count("source chosen") == 1
    assert any("serves the other tasks too" in text for _, text in heard.lines)
    first, second = (done.runs[column].record["source_choice"] for column in ("kind", "other"))
    assert "chosen_for" not in first
    assert (second["chosen_for"], second["seconds"]) == ("kind", 0.0)
    assert {key: second[key] for key in ("chosen", "how", "why", "sources")} == {
        key: first[key] for key in ("chosen", "how", "why", "sources")
    }
    assert second["chosen_on"] == (
        f"the labels of the column 'kind': {first['chosen_on']}; items that are held out here may be among them"
    )
    assert json.loads((out / "other" / "metrics.json").read_text())["source_choice"] == second
    assert "chosen on the labels of the column" in (out / "other" / "report.html").read_text()
    assert (
        headstart.fit((waves, labels), modality="audio", baselines="none", engine=PLAIN, verbose=False).record[
            "source_choice"
        ]["seconds"]
        > 0
    )  # a later fit chooses anew
