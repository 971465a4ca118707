"""`search` from data to a run: the decision on the outer split, saving, resuming, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.errors import ParameterError, UnknownNameError, UsageError
from headstart.search.head_space import head_space
from headstart.transfer.search import search

RNG = np.random.default_rng(0)
CIRCLE = RNG.normal(size=(300, 2))
INSIDE = np.where(np.linalg.norm(CIRCLE, axis=1) < 1.2, "in", "out").tolist()
LINE = np.where(CIRCLE[:, 0] + 0.7 * RNG.normal(size=300) > 0, "right", "left").tolist()


def without_cells(*given, **named):
    """The space of heads without its slow values."""
    space = head_space(*given, **named)
    small = {"head": ("ridge", "lda", "knn"), "random_features": (0, 64, 128)}
    return replace(space, genes=tuple(replace(one, values=small.get(one.name, one.values)) for one in space.genes))


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headstart.transfer.searching.heads.head_space", without_cells)
        yield


@pytest.fixture(scope="module")
def circle(tmp_path_factory):
    place = tmp_path_factory.mktemp("search") / "run"
    return search((CIRCLE, INSIDE), tries=10, seed=1, out=place, baselines="none", verbose=False), place


def test_a_winner_that_is_better_on_the_outer_split_is_saved(circle):
    run, place = circle
    block = run.record["search"]
    assert block["decision"]["replaces_default"]
    assert block["decision"]["loss_difference"][2] < 0
    assert block["tries"] == 10 == len((place / "logs" / "search.csv").read_text().splitlines()) - 1
    assert not place.with_name("run.search.jsonl").exists()
    loaded = headstart.load(place)
    np.testing.assert_allclose(loaded.predict_proba(CIRCLE[:20]), run.predict_proba(CIRCLE[:20]), atol=1e-6)


def test_the_search_never_sees_the_outer_split(circle):
    run, _ = circle
    block, splits = run.record["search"], run.tables.splits["part"]
    assert block["items"] == (splits == "train").sum() == 240
    assert block["decision"]["items"] == (splits == "test").sum() == 60
    assert run.evaluation.n == 60


def test_labels_that_are_linear_keep_the_default():
    run = search((CIRCLE, LINE), tries=6, seed=0, baselines="none", verbose=False)
    block, default = run.record["search"], headstart.fit((CIRCLE, LINE), verbose=False, baselines="none")
    assert not block["decision"]["replaces_default"]
    assert not block["decision"]["caution"]
    assert run.model.head.head == default.model.head.head in ("ridge", "lda")
    assert "default" in block["decision"]["sentence"]


def test_an_interrupted_search_goes_on(tmp_path, monkeypatch):
    from headstart.search.driving.losses import HeadLosses

    options = {"tries": 7, "seed": 3, "method": "evolution", "baselines": "none", "verbose": False}
    whole = search((CIRCLE, INSIDE), out=tmp_path / "whole", **options)
    calls, measure = [], HeadLosses.__call__

    def killed(self, point):
        calls.append(point)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return measure(self, point)

    monkeypatch.setattr(HeadLosses, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        search((CIRCLE, INSIDE), out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match=r"journal of another search \(method evolution instead of random\)"):
        search((CIRCLE, INSIDE), out=tmp_path / "run", **(options | {"method": "random"}))
    monkeypatch.setattr(HeadLosses, "__call__", measure)
    again = search((CIRCLE, INSIDE), out=tmp_path / "run", **options)
    assert again.record["search"]["resumed"] == 3
    for key in ("best", "decision", "tries", "default"):
        assert json.dumps(again.record["search"][key]) == json.dumps(whole.record["search"][key])
    np.testing.assert_array_equal(again.predict_proba(CIRCLE), whole.predict_proba(CIRCLE))


def test_an_updated_model_keeps_its_architecture(circle):
    _, place = circle
    model = headstart.load(place)
    rng = np.random.default_rng(5)
    new = rng.normal(size=(30, 2))
    updated = headstart.update(model, (new, np.where(np.linalg.norm(new, axis=1) < 1.2, "in", "out").tolist()))
    own, other = model.head, updated.model.head
    assert own.head == other.head == "random_features"
    assert own.estimator.get_params() == {**other.estimator.get_params(), "seed": 1}


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"method": "evolutoin"}, UnknownNameError, "Did you mean 'evolution'"),
        ({"method": "body"}, ParameterError, "A search of the body itself is not offered"),
        ({"source": "auto"}, ParameterError, "rank the sources first"),
        ({"tries": 0}, ParameterError, "tries"),
        ({"baselines": "some"}, ParameterError, "baselines"),
        ({"space": "body"}, ParameterError, "space"),
        ({"space": "tuning", "method": "darts"}, ParameterError, "cannot search fine-tunings"),
        ({"generation": 0}, ParameterError, "generation"),
    ],
)
def test_wrong_options_are_refused_before_any_work(options, error, says):
    with pytest.raises(error, match=says):
        search("no-such-file.csv", **options)


def test_annotated_items_are_refused(tmp_path):
    path = tmp_path / "words.conll"
    path.write_text("Ada B-PER\nlives O\n\nBonn B-LOC\nis O\n\n" * 5)
    with pytest.raises(headstart.errors.DataError, match="A search goes through heads of whole items"):
        search(path, tries=1, verbose=False)


def test_the_header_tells_problems_apart():
    from headstart.data import read
    from headstart.reporting import SilentReporter
    from headstart.transfer.searching.heads import search_header
    from headstart.transfer.searching.items import prepare_search
    from headstart.transfer.stages.context import RunContext

    items = prepare_search(read((CIRCLE, INSIDE)), None, RunContext(SilentReporter()))
    first = search_header(items, "random", 0)
    assert search_header(items, "random", 0) == first
    assert first["headstart"] == headstart.__version__
    source, default = items.prepared.source, items.default

    class Other:
        info = replace(source.info, sha256="0" * 64)

    changed = {
        "groups": replace(items, default=replace(default, groups=np.arange(300) // 3)),
        "body": replace(items, prepared=replace(items.prepared, source=Other())),
        "label texts": replace(items, search=replace(items.search, prior=np.ones((2, 2)))),
    }
    for key, other in changed.items():
        found = search_header(other, "random", 0)
        assert {name for name in first if first[name] != found[name]} == {key}


def test_metrics_of_a_winner_are_said_to_be_conditional(circle):
    run, place = circle
    caution = run.record["search"]["decision"]["caution"]
    assert "conditional on the winner's success" in caution
    for name in ("README.md", "report.html"):
        assert "slightly optimistic" in (place / name).read_text(), name


@pytest.mark.slow
def test_a_search_of_fine_tunings_keeps_what_beats_the_frozen_head(tmp_path):
    from headstart.sources.toy_shift import toy_shift

    shift, place = toy_shift(), tmp_path / "run"
    run = search(
        shift.train.take(range(120)), source=shift.source, space="tuning", tries=3, generation=3, seed=1,
        baselines="none", verbose=False, out=place,
    )  # fmt: skip
    block = run.record["search"]
    assert block["tries"] == 3
    assert (place / "logs" / "search.csv").read_text().count("of its epochs") == 2  # one stops on each rung
    assert block["decision"]["items"] == 24
    kept_trained = block["decision"]["replaces_default"]
    assert ("strategy" in run.record) == kept_trained
    assert headstart.load(place).predict(shift.test.items[:5]) == run.predict(shift.test.items[:5])


def test_a_source_without_a_body_cannot_be_tuned():
    with pytest.raises(headstart.errors.SourceError, match="no body that can be fine-tuned"):
        search((CIRCLE, INSIDE), space="tuning", verbose=False)
