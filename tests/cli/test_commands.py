"""Each command as a user types it."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from headstart.cli.main import main

WORDS = {"parcel": "where is my parcel", "refund": "give me my money back", "password": "i cannot sign in"}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rows = [(f"{text} number {i}", label) for i in range(12) for label, text in WORDS.items()]
    path = tmp_path_factory.mktemp("data") / "requests.csv"
    pd.DataFrame(rows, columns=["text", "intent"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "requests"
    assert main(["fit", str(table), "--source", "toy", "--out", str(out), "--baselines", "fast"]) == 0
    return out


def said(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_fit_prints_about_a_dozen_lines_and_the_next_command(table, tmp_path, capsys):
    assert main(["fit", str(table), "--source", "toy", "--out", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 10 <= len(lines) <= 16
    labels = [line.split("  ")[0] for line in lines]
    assert {"data", "source", "head", "accuracy", "baseline", "transfer gain", "saved", "next"} <= set(labels)
    assert lines[-1].endswith("ITEM")


def test_fit_json_has_the_promised_keys(table, tmp_path, capsys):
    assert main(["fit", str(table), "--source", "toy", "--out", str(tmp_path / "run"), "--json"]) == 0
    found = said(capsys)
    assert {"run", "task", "source", "seconds", "metrics", "baselines", "transfer_gain"} <= set(found)
    assert set(found["metrics"]["accuracy"]) >= {"value", "low", "high"}


def test_predict_texts_tables_and_standard_input(model, table, capsys, monkeypatch):
    assert main(["predict", str(model), "my parcel is late", "--json"]) == 0
    row = said(capsys)["predictions"][0]
    assert row["prediction"] == "parcel"
    assert sum(row["probabilities"].values()) == pytest.approx(1)
    monkeypatch.setattr("sys.stdin", io.StringIO("where is my parcel\n\ni cannot sign in\n"))
    assert main(["predict", str(model), "-", "--json"]) == 0
    assert [row["prediction"] for row in said(capsys)["predictions"]] == ["parcel", "password"]
    assert main(["predict", str(model), str(table), "--json"]) == 0
    assert len(said(capsys)["predictions"]) == 36


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_predict_writes_tables(model, table, tmp_path, suffix, capsys):
    out = tmp_path / f"predictions{suffix}"
    assert main(["predict", str(model), str(table), "--out", str(out)]) == 0
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".jsonl": lambda p: pd.read_json(p, lines=True)}[suffix]
    frame = read(out)
    assert len(frame) == 36
    assert frame.filter(like="probability.").sum(axis=1).to_numpy() == pytest.approx(1)
    assert "36 predictions" in capsys.readouterr().out


def test_evaluate_agrees_with_the_labels(model, table, capsys):
    assert main(["evaluate", str(model), str(table), "--json"]) == 0
    found = said(capsys)
    assert found["n"] == 36
    assert found["metrics"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".csv", ".safetensors"])
def test_embed_writes_rows(table, tmp_path, suffix, capsys):
    out = tmp_path / f"rows{suffix}"
    assert main(["embed", str(table), "--source", "toy", "--layers", "all", "--out", str(out), "--json"]) == 0
    assert said(capsys)["features"] == 96
    if suffix == ".npy":
        assert np.load(out).shape == (36, 96)
    if suffix == ".parquet":
        assert pd.read_parquet(out).shape == (36, 97)


def test_inspect_reports_without_fitting(table, capsys):
    assert main(["inspect", str(table), "--json"]) == 0
    found = said(capsys)
    assert found["items"] == 36
    assert found["labels"] == {"parcel": 12, "password": 12, "refund": 12}
    assert main(["inspect", str(table)]) == 0
    assert f"headstart fit {table}" in capsys.readouterr().out


def test_sources_list_and_show(capsys):
    assert main(["sources", "list", "--json"]) == 0
    assert {"vector", "headstart:text"} <= {info["name"] for info in said(capsys)["sources"]}
    assert main(["sources", "show", "headstart:text", "--json"]) == 0
    found = said(capsys)
    assert found["license"] == "Apache-2.0"
    assert found["sha256"].startswith("53aa5117")
    assert main(["sources", "list"]) == 0
    assert "headstart:text" in capsys.readouterr().out


def test_doctor_is_well(capsys):
    assert main(["doctor", "--json"]) == 0
    assert said(capsys)["problems"] == []


def test_vector_model_reads_numbers_from_standard_input(tmp_path, capsys, monkeypatch):
    frame = pd.DataFrame({"a": [0.0, 0.1, 0.2, 2.0, 2.1, 2.2] * 3, "b": 1.0, "label": (["low"] * 3 + ["high"] * 3) * 3})
    frame.to_csv(tmp_path / "table.csv", index=False)
    assert main(["fit", str(tmp_path / "table.csv"), "--out", str(tmp_path / "run"), "--json"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("0.05,1\n2.1,1\n"))
    assert main(["predict", str(tmp_path / "run"), "-", "--json"]) == 0
    assert [row["prediction"] for row in said(capsys)["predictions"]] == ["low", "high"]
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "table.csv"), "--json"]) == 0
    assert len(said(capsys)["predictions"]) == 18


def test_demo_runs_offline_and_shows_a_prediction(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    found = said(capsys)
    assert found["text"]["metrics"]["accuracy"]["low"] > 0.7
    assert found["text"]["transfer_gain"]["low"] > 0
    assert found["digits"]["metrics"]["accuracy"]["low"] > 0.9
    assert set(found["text"]["predictions"].values()) == {"order_status", "damaged_item", "out_of_scope"}


def test_columns_of_numbers_are_found_by_name(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"width": rng.normal(size=40), "height": rng.normal(size=40)})
    frame["label"] = np.where(frame["width"] > 0, "wide", "thin")
    frame.to_csv(tmp_path / "table.csv", index=False)
    run = str(tmp_path / "run")
    assert main(["fit", str(tmp_path / "table.csv"), "--out", run, "--baselines", "none", "--json"]) == 0
    capsys.readouterr()
    new = pd.DataFrame({"note": [7.0, 7.0], "height": [0.0, 0.0], "width": [-2.0, 2.0]})
    new.to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", run, str(tmp_path / "new.csv"), "--json"]) == 0
    assert [row["prediction"] for row in said(capsys)["predictions"]] == ["thin", "wide"]
    new.drop(columns="width").to_csv(tmp_path / "less.csv", index=False)
    assert main(["predict", run, str(tmp_path / "less.csv")]) == 2
    assert "lacks 1 of the 2 columns" in capsys.readouterr().err
