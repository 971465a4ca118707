"""`rank`: the order, the tie set, what is encoded, what is refused, and what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rank_sources import Blurred, labelled_rows

import headstart
from headstart.engine.options import Engine
from headstart.errors import ParameterError, SourceError, UnknownNameError
from headstart.sources.toy import ToySource
from headstart.transfer.ranking import contestant

PLAIN = Engine(cache=False)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


def test_the_order_is_that_of_the_planted_worth_and_the_reference_stands_last():
    sources = [Blurred("poor", 2.0), Blurred("good", 0.1), Blurred("fair", 0.6)]
    ranking = headstart.rank(labelled_rows(), sources)
    assert [(s.rank, s.source, s.state) for s in ranking.standings] == [
        (1, "good", "ranked"), (2, "fair", "ranked"), (3, "poor", "ranked"), (None, "good (untrained)", "reference"),
    ]  # fmt: skip
    assert ranking.tie_set == ("good",)
    losses = [s.measured.loss.value for s in ranking.standings]
    assert losses == sorted(losses)
    assert ranking.first.measured.merit.low < 1.0 <= ranking.first.measured.merit.high
    assert "good has the lowest leave-one-out loss" in ranking.why
    assert any("No published accuracy" in note for note in ranking.notes)


def test_sources_that_cannot_be_told_apart_are_a_tie_set_of_which_the_cheapest_is_named():
    slow, quick = Blurred("large", 0.4, parameters=90_000_000), Blurred("small", 0.4, parameters=3_000_000)
    ranking = headstart.rank(labelled_rows(60), [slow, quick, Blurred("poor", 5.0, parameters=1_000)], engine=PLAIN)
    assert set(ranking.tie_set) == {"large", "small"}
    standings = tuple(replace(s, speed=None) for s in ranking.ranked)  # then by size
    cheap = replace(ranking, standings=standings).cheapest
    assert cheap.source == "small"


def test_published_accuracy_decides_within_the_tie_set_only():
    def ranked(*accuracies, task="ImageNet-1k"):
        noise = (0.40, 0.41, 5.0)
        sources = [
            Blurred(f"s{k}", noise[k], accuracy=accuracy, source_task=task) for k, accuracy in enumerate(accuracies)
        ]
        return headstart.rank(labelled_rows(80), sources, untrained=False, engine=PLAIN)

    without = ranked(None, None, None)
    second = without.ranked[1].source
    told = ranked(*(0.9 if f"s{k}" == second else 0.5 if k < 2 else 0.99 for k in range(3)))
    assert told.ranked[-1].source == "s2"  # the best published one is still the worst here
    assert any("third of the evidence" in note for note in told.notes)


def test_a_clearly_worse_source_stops_early_and_the_samples_grow_without_encoding_anything_twice():
    rows, labels = labelled_rows(1600)
    good, worse = Blurred("good", 0.1), Blurred("worse", 9.0)
    ranking = headstart.rank((rows, labels), [good, worse], untrained=False, engine=PLAIN)
    assert [s.state for s in ranking.standings] == ["ranked", "stopped"]
    assert "clearly worse after 200 items" in ranking.standings[1].reason
    assert ranking.standings[1].measured.items == 200
    assert len(worse.seen) == 200
    assert sorted(good.seen) == sorted(rows[:, -1].astype(float))


def test_the_held_out_part_is_not_looked_at():
    rows, labels = labelled_rows(90)
    frame = pd.DataFrame(rows, columns=[f"x{k}" for k in range(rows.shape[1])]).assign(label=labels)
    frame["split"] = ["train", "val", "test"] * 30
    source = Blurred("good", 0.2)
    ranking = headstart.rank(frame, [source], label="label", untrained=False, engine=PLAIN)
    kept = rows[frame["split"] != "test", -1]
    assert set(source.seen) == set(kept.astype(float))
    assert ranking.items == 60
    assert "held-out part was not used" in ranking.how


def test_a_source_that_fails_is_set_aside_with_its_reason_and_the_others_go_on():
    broken = Blurred("broken", fails=RuntimeError)
    ranking = headstart.rank(labelled_rows(), [broken, Blurred("good")], untrained=False)
    assert [(s.source, s.state) for s in ranking.standings] == [("good", "ranked"), ("broken", "failed")]
    assert "RuntimeError: the body is broken" in ranking.standings[1].reason


def test_where_every_source_fails_there_is_one_clear_error():
    sources = [Blurred("one", fails=RuntimeError), Blurred("two", fails=ValueError), ToySource()]
    with pytest.raises(SourceError, match=r"None of the 3 sources.*one: RuntimeError.*toy: it encodes text items"):
        headstart.rank(labelled_rows(), sources)


def test_unknown_names_are_refused_before_any_work():
    for sources in (["toy", "nonsense"], ["vector", "timmm:resnet18"]):
        with pytest.raises(UnknownNameError, match=r"nonsense|timmm"):
            headstart.rank("no such data", sources)
    with pytest.raises(SourceError, match="nowhere"):
        headstart.rank("no such data", ["toy", "local:nowhere"])
    with pytest.raises(UnknownNameError, match="logmee"):
        headstart.rank("no such data", ["toy"], scores=["logmee"])
    with pytest.raises(ParameterError, match="license"):
        headstart.rank("no such data", ["toy"], license="free")


def test_limits_keep_sources_out_and_say_why():
    sources = [
        Blurred("large", parameters=50_000_000),
        Blurred("closed", parameters=5, license="cc-by-nc-4.0"),
        Blurred("unstated", parameters=5, license=None),
        Blurred("fine", parameters=5),
    ]
    ranking = headstart.rank(
        labelled_rows(), sources, max_params=10_000_000, license="permissive", untrained=False, engine=PLAIN
    )
    states = {s.source: (s.state, s.reason) for s in ranking.standings}
    assert states["fine"] == ("ranked", "")
    assert states["large"][0] == states["closed"][0] == states["unstated"][0] == "excluded"
    assert "50.0 M parameters" in states["large"][1]
    assert "cc-by-nc-4.0" in states["closed"][1]
    assert "no licence" in states["unstated"][1]
    assert not any(source.seen for source in sources[:3])


def test_nothing_is_solved_again_for_the_same_rows_and_labels(monkeypatch):
    data = ([f"{word} {k} {k * k}" for k in range(20) for word in ("good film", "bad day")], ["+", "-"] * 20)
    first = headstart.rank(data, ["toy"], scores=["logme"], profile=True)

    def never(*_):
        raise AssertionError("it was solved again")

    monkeypatch.setattr(contestant, "measure", never)
    again = headstart.rank(data, ["toy"], scores=["logme"], profile=True)
    one, other = (r.to_dict() | {"seconds": 0} for r in (first, again))
    assert one == other
    with pytest.raises(AssertionError, match="again"):
        headstart.rank((data[0], [*data[1][2:], "-", "-"]), ["toy"])


def test_the_speed_of_an_earlier_encoding_is_shown_for_rows_from_the_store():
    words = [f"{word} {k}" for k in range(20) for word in ("good", "bad")]
    data = (words, ["+", "-"] * 20)
    fresh, again = (headstart.rank(data, ["toy"], untrained=False).first for _ in range(2))
    assert fresh.speed is not None
    assert again.speed == fresh.speed
    assert again.cost == pytest.approx(40 / fresh.speed.items_per_second)


def test_losses_are_compared_on_the_items_that_both_sources_could_encode():
    rows, labels = labelled_rows(80)
    picky = Blurred("picky", 0.3, bad_item=float(rows[5, -1]))
    ranking = headstart.rank((rows, labels), [picky, Blurred("other", 0.35)], untrained=False, engine=PLAIN)
    items = {s.source: s.measured.items for s in ranking.ranked}
    assert items == {"picky": 79, "other": 80}
    assert any("1 of the items could not be encoded by picky" in note for note in ranking.notes)


def test_other_tasks_are_ranked_by_left_out_loss_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    regression = headstart.rank((x, x[:, 0] * 2 + rng.normal(size=60) / 9), ["vector"])
    assert regression.merit == "R²"
    assert regression.first.measured.merit.value > 0.9
    assert regression.first.measured.neighbours is None
    frame = pd.DataFrame(x, columns=list("abcd"))
    frame["warm"], frame["wet"] = (x[:, 0] > 0).astype(int), (x[:, 1] > 0).astype(int)
    several = headstart.rank(frame, ["vector"], label=["warm", "wet"])
    assert several.merit == "label accuracy"
    assert several.first.measured.merit.value > 0.8


def test_with_no_time_one_source_is_measured_and_the_others_are_said_to_be_late():
    sources = [Blurred("small", parameters=1), Blurred("large", parameters=2)]
    ranking = headstart.rank(labelled_rows(), sources, time_limit=1e-9, engine=PLAIN)
    assert [(s.source, s.state) for s in ranking.standings] == [("small", "ranked"), ("large", "stopped")]
    assert "time limit" in ranking.standings[1].reason


def test_the_profile_finds_the_block_that_knows_most():
    source = Blurred("early bird", 3.0, early=0.1)
    ranking = headstart.rank(labelled_rows(), [source], profile=True, untrained=False)
    early, last = ranking.first.measured.profile
    assert (early.block, last.block) == ("early", "last")
    assert early.loss < last.loss
    assert early.merit > last.merit


def test_a_body_that_is_no_better_than_its_random_twin_is_said_to_be_so():
    ranking = headstart.rank(labelled_rows(), [Blurred("useless", 60.0)])
    assert any("useless (untrained), a body with random weights, is tied with it" in note for note in ranking.notes)
    assert any("what useless has learnt" in note for note in ranking.notes)
    several = headstart.rank(labelled_rows(), [Blurred("useless", 60.0), Blurred("futile", 60.0)])
    assert any("is tied with the best" in note for note in several.notes)


def test_one_source_is_measured_and_not_ranked():
    """Kind: a ranking of one, which spoke of an order, a tie set and the only one of several sources."""
    ranking = headstart.rank(labelled_rows(), [Blurred("good", 0.1)], untrained=False, engine=PLAIN)
    assert ranking.why.startswith("good is the only candidate, so it was measured but not compared: leave-one-out loss")
    assert not ranking.has_ties
    assert ranking.notes == ()
    assert "Figures of good on 120 items" in repr(ranking)
    assert ", tie" not in repr(ranking)
    failed = headstart.rank(labelled_rows(), [Blurred("good", 0.1), Blurred("bad", fails=ValueError)], untrained=False)
    assert failed.why.startswith("good is the only source that was measured on all items")


@pytest.mark.slow
def test_on_ray_the_ranking_is_that_of_one_machine():
    pytest.importorskip("ray")
    words = [f"{word} number {k} of {k * k}" for k in range(40) for word in ("good film", "bad day")]
    sources = ["toy", ToySource(seed=3), ToySource(layers=("letters",))]
    data = (words, ["+", "-"] * 40)
    here = headstart.rank(data, sources, untrained=False, engine=PLAIN)
    there = headstart.rank(data, sources, untrained=False, engine=Engine(cache=False, ray="auto", workers=2))
    assert [s.source for s in there.ranked] == [s.source for s in here.ranked]
    assert there.tie_set == here.tie_set
    for one, other in zip(here.ranked, there.ranked, strict=True):
        np.testing.assert_allclose(one.measured.losses, other.measured.losses, rtol=1e-9, atol=1e-12)
