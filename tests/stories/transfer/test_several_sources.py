"""Fits of several sources and of tables of several columns, saved and opened again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import ParameterError
from headstart.model import TransferModel
from headstart.sources.fused import FusedSource
from headstart.sources.toy import ToySource
from headstart.transfer.stages.unread_blocks import without_unread_blocks

WORDS = {"warm": ["sun", "beach", "heat", "summer"], "cold": ["ice", "snow", "frost", "winter"]}


def make_texts(n=60):
    rng = np.random.default_rng(0)
    y = ["warm", "cold"] * (n // 2)
    return [" ".join(rng.choice(WORDS[label], 3)) + f" {k}" for k, label in enumerate(y)], y


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch, three_folds, few_penalties):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


def test_two_sources_are_fitted_saved_and_opened(tmp_path):
    texts, y = make_texts()
    run = headstart.fit((texts, y), source=["toy", ToySource()], baselines="none", out=tmp_path / "run")
    assert run.record["head"]["notes"][0].startswith("Fusing ")
    model = TransferModel.load(tmp_path / "run")
    assert np.array_equal(model.predict_proba(texts), run.predict_proba(texts))


def test_a_single_source_is_kept_where_fusing_does_not_help(tmp_path):
    texts, y = make_texts()
    run = headstart.fit((texts, y), source=["toy", "toy"], baselines="fast", out=tmp_path / "run")
    assert run.model.source.info.name == "toy"  # the same twice cannot help
    assert run.record["source"]["name"] == "toy"
    assert np.array_equal(TransferModel.load(tmp_path / "run").predict_proba(texts), run.predict_proba(texts))


@pytest.mark.parametrize(
    "fusion",
    ["stack", "banded", "select", *(pytest.param(name, marks=pytest.mark.slow) for name in ("attention", "concat"))],
)
def test_a_fused_head_survives_saving(tmp_path, fusion, monkeypatch):
    monkeypatch.setattr("headstart.heads.fusion.choice.ONE_SIDED", -1e9)  # fuse whatever the losses say
    texts, y = make_texts(36)
    run = headstart.fit((texts, y), source=["toy", "toy"], fusion=fusion, baselines="none", out=tmp_path / "run")
    assert run.model.head.feature_map.name != "last layer of toy (1)"
    model = TransferModel.load(tmp_path / "run")
    assert np.allclose(model.predict_proba(texts), run.predict_proba(texts), atol=1e-12, rtol=0)
    assert (np.array(model.predict(texts)) == y).mean() > 0.8


def test_a_lean_model_predicts_the_same():
    texts, y = make_texts()
    sources = (ToySource(), ToySource(1), ToySource(2))
    run = headstart.fit((texts, y), source=list(sources), fusion="none", baselines="none")
    kept = run.model.source
    full = FusedSource(sources)
    place = [source.info.name for source in sources].index(kept.info.name)
    features = run.model.head.feature_map
    moved = tuple((a + 96 * place, b + 96 * place) for a, b in features.blocks)
    head = replace(run.model.head, feature_map=replace(features, blocks=moved, width=288))
    whole = replace(run.model, source=full, head=head)
    assert np.array_equal(whole.predict_proba(texts), run.predict_proba(texts))
    assert without_unread_blocks(whole).source == kept
    assert np.array_equal(without_unread_blocks(whole).predict_proba(texts), run.predict_proba(texts))


def test_an_unknown_way_to_fuse_is_refused():
    with pytest.raises(ParameterError, match="'fusion' parameter of fit"):
        headstart.fit(([[0.0], [1.0]], [0, 1]), fusion="mean")
    with pytest.raises(ParameterError, match="'layers' parameter of fit"):
        headstart.fit(([[0.0], [1.0]], [0, 1]), layers="first")


def make_table(tmp_path):
    texts, y = make_texts()
    rng = np.random.default_rng(1)
    price = np.where(np.array(y) == "warm", 10, 14) + rng.normal(size=60) * 2
    frame = pd.DataFrame({"note": texts, "price": price, "brand": rng.choice(["acme", "zeta"], 60), "season": y})
    frame.loc[3, "note"] = None
    frame.loc[4, "price"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    return frame


def test_a_table_of_several_columns(tmp_path, capsys):
    frame = make_table(tmp_path)
    command = [
        "fit",
        str(tmp_path / "t.csv"),
        "--item",
        "note,price,brand",
        "--label",
        "season",
        "--source",
        "note=toy",
    ]
    assert main([*command, "--out", str(tmp_path / "run"), "--baselines", "fast"]) == 0
    assert "fusion" in capsys.readouterr().out
    model = TransferModel.load(tmp_path / "run")
    assert model.columns == ("note:text", "price:number", "brand:category")
    predicted = model.predict(frame.drop(columns="season"))
    assert (np.array(predicted) == frame["season"]).mean() > 0.8
    new = frame.drop(columns="season")[["brand", "price", "note"]][:3]
    new.to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "new.csv"), "--json"]) == 0
    assert main(["evaluate", str(tmp_path / "run"), str(tmp_path / "t.csv")]) == 0


@pytest.mark.slow
def test_several_columns_together_beat_each_alone(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    flip = [np.where(rng.random(300) < 0.2, 1 - y, y) for _ in range(2)]
    words = [WORDS["warm" if k else "cold"] for k in flip[0]]
    notes = [" ".join(rng.choice(some, 2)) for some in words]
    frame = pd.DataFrame({"note": notes, "price": flip[1] * 2 + rng.normal(size=300), "label": y})
    run = headstart.fit(frame, item=["note:text", "price"], source=ToySource(), label="label", baselines="none")
    assert run.record["head"]["notes"][0].startswith("Fusing helps here")
    assert run.model.source.labels == ("note", "columns")
