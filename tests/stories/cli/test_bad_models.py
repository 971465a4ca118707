"""Run folders that are damaged, and items that do not go with a model: one sentence, and nothing lost."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import pictures, refusal, sounds, texts, tree, vectors, write_csv
from PIL import Image

from headstart.io import file_digest, write_tensors


@pytest.fixture
def image_run(tiny_image_run: Path, cli) -> str:
    """A copy of the run on pictures, and a picture."""
    shutil.copytree(tiny_image_run, cli.folder / "run")
    Image.new("RGB", (24, 24)).save(cli.folder / "new.png")
    return "run"


@pytest.fixture
def vector_run(cli) -> str:
    """A run on rows of three numbers."""
    from headstart.transfer import fit

    write_csv(cli.folder / "rows.csv", vectors())
    fit("rows.csv", baselines="none", out="run")
    return "run"


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def drop(path: Path, key: str) -> None:
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != key}))


def flip_byte(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def sign(path: Path) -> None:
    """State the digest that the file has now, so that only its content is wrong."""
    config = path.with_name("config.json")
    change(config, sha256=json.loads(config.read_text())["sha256"] | {path.name: file_digest(path)})


def another_head(path: Path) -> None:
    write_tensors(path, {"head.weight": np.eye(3), "head.bias": np.ones(3)})
    sign(path)


def no_head(path: Path) -> None:
    write_tensors(path, {"other": np.eye(3)})
    sign(path)


def no_temperature(path: Path) -> None:
    path.write_text("{}")
    sign(path)


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("config.json", Path.unlink, "no config.json"),
        ("config.json", cut, "not valid JSON"),
        ("config.json", lambda path: path.write_text("[]"), "must hold a JSON object"),
        ("config.json", lambda path: path.write_bytes(b"\xff\x00"), "not valid JSON"),
        ("config.json", lambda path: path.write_text('{"a":' + "[" * 100_000), "not valid JSON"),
        ("config.json", lambda path: change(path, model_type="bert"), "not written by this version"),
        ("config.json", lambda path: change(path, format_version=99), "update headstart"),
        ("config.json", lambda path: change(path, id2label={}), "damaged"),
        ("config.json", lambda path: change(path, num_labels=1), "damaged"),
        ("config.json", lambda path: change(path, sha256="none"), "damaged"),
        ("config.json", lambda path: change(path, sha256={}), "damaged"),
        ("config.json", lambda path: change(path, source="toy"), "damaged"),
        ("config.json", lambda path: drop(path, "format_version"), "damaged"),
        ("config.json", lambda path: drop(path, "head"), "damaged"),
        ("model.safetensors", Path.unlink, "missing"),
        ("model.safetensors", flip_byte, "was expected"),
        ("model.safetensors", cut, "was expected"),
        ("model.safetensors", another_head, "damaged"),
        ("model.safetensors", no_head, "damaged"),
        ("calibration.json", Path.unlink, "missing"),
        ("calibration.json", cut, "was expected"),
        ("calibration.json", no_temperature, "damaged"),
        ("moments.safetensors", Path.unlink, "missing"),
        ("moments.safetensors", flip_byte, "was expected"),
        ("metrics.json", lambda path: path.write_text("{"), "not valid JSON"),
    ],
)
def test_a_damaged_run_folder(cli, run, name, damage, says):
    if name == "calibration.json" and damage is cut:
        (cli.folder / run / name).write_text('{"temperature": [')
    else:
        damage(cli.folder / run / name)
    for words in (["predict", run, "where is my parcel"], ["evaluate", run, "a.csv"]):
        cli.refuses(*words, code=1, says=["run", says])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shutil.rmtree, "is missing"),
        (lambda body: (body / "model.safetensors").unlink(), "body/model.safetensors' is missing"),
        (lambda body: flip_byte(body / "model.safetensors"), "was expected"),
        (lambda body: cut(body / "config.json"), "was expected"),
    ],
    ids=["no body", "no weights", "a flipped byte", "a cut config"],
)
def test_a_damaged_body(cli, image_run, damage, says):
    cli.works("predict", image_run, "new.png")
    damage(cli.folder / image_run / "body")
    cli.refuses("predict", image_run, "new.png", code=1, says=["'run/body/", says])


@pytest.mark.parametrize("model", ["gone", "a.csv", "photos"])
def test_a_model_that_is_none(cli, model):
    write_csv(cli.folder / "a.csv", texts())
    pictures(cli.folder / "photos")
    cli.refuses("predict", model, "a text", code=2, says=[f"'{model}' is not a model folder", "headstart fit"])


@pytest.mark.parametrize("item", ["photos", "photos/ant/0.png", "calls/low/0.wav", "rows.csv"])
def test_items_of_another_kind_than_texts(cli, run, item):
    pictures(cli.folder / "photos")
    sounds(cli.folder / "calls")
    write_csv(cli.folder / "rows.csv", vectors())
    cli.refuses("predict", run, item, code=2, says=[f"'{item}'", "text"])


@pytest.mark.parametrize("item", ["a text", "a.csv", "gone.png", ""])
def test_items_of_another_kind_than_pictures(cli, image_run, item):
    write_csv(cli.folder / "a.csv", texts())
    cli.refuses("predict", image_run, item, code=2, says=[f"'{item}'", "image"])


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_table_that_lacks_a_column(cli, vector_run, verb):
    table = write_csv(cli.folder / "new.csv", vectors(6, 2))
    cli.refuses(verb, vector_run, table, code=2, says=["lacks 1 of the 3 columns", "fitted on"])


def test_a_table_with_further_columns_works(cli, vector_run):
    cli.works("predict", vector_run, write_csv(cli.folder / "new.csv", vectors(6, 5)))


@pytest.mark.parametrize("columns", [2, 5])
def test_rows_without_names_of_another_length(cli, vector_run, columns, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(",".join(["1.0"] * columns) + "\n"))
    cli.refuses("predict", vector_run, "-", code=2, says=["rows of 3 numbers", f"rows of {columns}", "fitted on"])


def test_a_label_column_of_numbers_is_no_feature_when_predicting(cli):
    rows = [[*row[:-1], "ab".index(row[-1]) if row[-1] in "ab" else "outcome of May"] for row in vectors()]
    table = write_csv(cli.folder / "rows.csv", rows)
    cli.works("fit", table, "--label", "outcome of May", "--baselines", "none", "--out", "run")
    cli.works("predict", "run", table)


def test_a_damaged_picture_among_good_ones_is_reported(cli, image_run):
    (cli.folder / "bad.png").write_text("no picture")
    done = cli("predict", image_run, "new.png", "bad.png", "--json")
    found = json.loads(done.out)
    assert done.code == 1
    assert [row["item"] for row in found["predictions"]] == ["new.png"]
    assert [failure["item"] for failure in found["failures"]] == ["bad.png"]
    assert "known image format" in found["failures"][0]["reason"]
    assert "bad.png" in done.err


def test_two_damaged_pictures_of_one_name_are_both_reported(cli, image_run):
    for folder in ("may", "june"):
        (cli.folder / folder).mkdir()
        (cli.folder / folder / "1.png").write_text("no picture")
    found = json.loads(cli("predict", image_run, "new.png", "may/1.png", "june", "--json").out)
    assert [failure["item"] for failure in found["failures"]] == ["may/1.png", "june/1.png"]


@pytest.mark.parametrize(
    "words", [["predict", "run", "bad.png"], ["embed", "bad.png", "--source"]], ids=["predict", "embed"]
)
def test_nothing_readable_writes_nothing(cli, image_run, tiny_body, words):
    (cli.folder / "bad.png").write_text("no picture")
    (cli.folder / "out.csv").write_text("of last week")
    words = [*words, tiny_body] if words[0] == "embed" else words
    says = ["none of the items (1) can be read", "'bad.png'", "known image format"]
    cli.refuses(*words, "--out", "out.csv", code=2, says=says)


def test_nothing_readable_cannot_be_judged(cli, image_run):
    for path in (cli.folder / pictures(cli.folder / "photos")).rglob("*.png"):
        path.write_text("no picture")
    cli.refuses("evaluate", image_run, "photos", code=2, says=["none of the items (12) can be read", "'ant/0.png'"])


@pytest.mark.parametrize("item", ["", "   "])
def test_an_empty_text(cli, run, item):
    cli.refuses("predict", run, item, code=2, says=["none of the items (1) can be read", "text is empty"])


@pytest.mark.parametrize(
    "name", ["gone.csv", "gone.JSONL", "gone.png", "gone.wav", "gone.tar.gz", "gone.zip", "gone.txt"]
)
def test_a_mistyped_name_of_a_file_is_no_text(cli, run, name):
    cli.refuses("predict", run, name, code=2, says=[f"'{name}' does not exist"])


@pytest.mark.parametrize("text", ["where is gone.csv", "late.again", "gone.csv is late"])
def test_a_text_that_mentions_a_file_is_one(cli, run, text):
    cli.works("predict", run, text)


def test_a_table_that_lacks_the_column_of_items(cli, run):
    table = write_csv(cli.folder / "new.csv", [["request"], ["where is box 7"]])
    says = ["no column 'text' in 'new.csv'", "fitted on 'text'", "--item"]
    cli.refuses("predict", run, table, code=2, says=says)
    cli.works("predict", run, table, "--item", "request", says=["delivery"])


def test_a_damaged_list_of_what_a_model_was_fitted_on(cli, run):
    (cli.folder / run / "splits.parquet").write_text("no table")
    table = write_csv(cli.folder / "a.csv", texts())
    assert "'run/splits.parquet' is damaged" in refusal(cli("evaluate", run, table), 1, ["fit it again"])


def test_a_text_longer_than_a_name_of_a_file_may_be(cli, run):
    cli.works("predict", run, "where is my parcel now " * 200, says=["delivery"])


@pytest.mark.parametrize("name", ["none.csv", "none.txt"])
def test_an_empty_file_of_items(cli, run, name):
    (cli.folder / name).write_text("")
    cli.refuses("predict", run, name, code=2, says=[f"'{name}'", "give"])


def test_a_missing_item_column(cli, run):
    table = write_csv(cli.folder / "a.csv", texts())
    cli.refuses("predict", run, table, "--item", "txt", code=2, says=["no column 'txt'", "did you mean 'text'"])


@pytest.mark.parametrize(
    ("given", "says"),
    [(b"", "nothing to predict"), (b"caf\xe9 \xff\n", "standard input is not text"), (b"\n  \n", "nothing to predict")],
)
def test_standard_input_that_holds_no_texts(cli, run, monkeypatch, given, says):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
    cli.refuses("predict", run, "-", code=2, says=[says])


@pytest.mark.parametrize(
    ("given", "says"), [(b"1,2\n", "rows of 3 numbers"), (b"a,2,3\none,2,3\n", "line 1"), (b"a text\n", "line 1")]
)
def test_standard_input_that_holds_no_rows(cli, vector_run, monkeypatch, given, says):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
    cli.refuses("predict", vector_run, "-", code=2, says=[says])


@pytest.mark.parametrize("out", ["p.ods", "p", "p.csv.gz"])
@pytest.mark.parametrize("words", [["predict", "run", "a text"], ["embed", "a.csv", "--source", "toy"]])
def test_an_out_of_an_unknown_format(cli, run, out, words):
    write_csv(cli.folder / "a.csv", texts())
    cli.refuses(*words, "--out", out, code=2, says=["--out must end in one of", ".csv", ".parquet", f"got '{out}'"])


@pytest.mark.parametrize(
    "out", ["folder.csv", "a.csv/p.csv", "/sys/p.csv"], ids=["a folder", "below a file", "no permission"]
)
@pytest.mark.parametrize("words", [["predict", "run", "a text"], ["embed", "a.csv", "--source", "toy"]])
def test_an_out_that_cannot_be_written(cli, run, out, words):
    write_csv(cli.folder / "a.csv", texts())
    (cli.folder / "folder.csv").mkdir()
    cli.refuses(*words, "--out", out, code=1, says=[f"cannot write '{out}'"])


def test_folders_above_an_out_are_made(cli, run):
    table = write_csv(cli.folder / "a.csv", texts())
    cli.works("predict", run, table, "--out", "may/first/p.jsonl")
    cli.works("embed", table, "--source", "toy", "--out", "may/second/rows.npy")
    assert len((cli.folder / "may/first/p.jsonl").read_text().splitlines()) == 24
    assert np.load(cli.folder / "may/second/rows.npy").shape == (24, 64)


@pytest.mark.parametrize(
    ("rows", "words", "says"),
    [
        ([["text", "label"], ["where is it", "praise"], ["money back", "refund"]], [], "label 'praise' is unknown"),
        ([["text"], ["where is it"], ["money back"]], [], "no column 'label' in 'new.csv'"),
        (texts(), ["--split", "test"], "come without a split"),
        (texts(), ["--label", "lable"], "did you mean 'label'"),
        (
            [["text", "label"], *([row[0], i / 7] for i, row in enumerate(texts()[1:]))],
            ["--task", "regression"],
            "is regression",
        ),
        (vectors(), [], "no column 'text'"),
    ],
    ids=["a new label", "no labels", "no split", "a missing column", "another task", "another kind"],
)
def test_data_that_a_model_cannot_be_judged_by(cli, run, rows, words, says):
    table = write_csv(cli.folder / "new.csv", rows)
    message = refusal(cli("evaluate", run, table, *words), 2, [says])
    assert "''" not in message


def test_a_model_of_texts_cannot_be_judged_by_pictures(cli, run):
    pictures(cli.folder / "photos")
    cli.refuses("evaluate", run, "photos", code=2, says=["'photos' holds image items", "reads text items"])


def test_judging_and_predicting_leave_a_run_as_it_is(cli, run):
    table = write_csv(cli.folder / "a.csv", texts())
    before = tree(cli.folder)
    cli.works("evaluate", run, table)
    cli.works("predict", run, table)
    assert tree(cli.folder) == before
