"""``headstart explain``: what it prints, writes and refuses."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from headstart.cli.main import main


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    texts = [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)]
    pd.DataFrame({"text": texts, "label": ["+", "+", "-", "-"] * 6}).to_csv(folder / "t.csv", index=False)
    out = str(folder / "run")
    arguments = ["--source", "toy", "--head", "ridge", "--baselines", "none", "--out", out]
    assert main(["fit", str(folder / "t.csv"), *arguments]) == 0
    return folder


def test_the_words_and_the_training_items_are_printed(place, capsys):
    assert main(["explain", str(place / "run"), "a good one", "--data", str(place / "t.csv")]) == 0
    out = capsys.readouterr().out
    assert "answer         +\nasked          Why +?\n" in out
    assert "leave one word out" in out
    assert "good fun" in out  # the text of a training item


def test_the_page_is_written(place, capsys):
    page = place / "why.html"
    assert main(["explain", str(place / "run"), "a <b>good</b> one", "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<mark" in text
    assert "<b>" not in text
    assert "saved" in capsys.readouterr().err


def test_json_is_one_object(place, capsys):
    arguments = ["--method", "leave-one-word-out", "--label", "-", "--json"]
    assert main(["explain", str(place / "run"), "a good one", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["label"] == "-"
    assert found["attributions"][0]["attributions"]["spans"][1]["text"] == "good"


def test_one_row_of_a_table_is_named(place, capsys):
    table = str(place / "t.csv")
    assert main(["explain", str(place / "run"), table, "--row", "2", "--method", "leave_one_word_out"]) == 0
    assert "a bad film 2" in capsys.readouterr().out
    assert main(["explain", str(place / "run"), table]) == 2
    assert "--row" in capsys.readouterr().err
    assert main(["explain", str(place / "run"), table, "--row", "99"]) == 2
    assert "from 0 to 23" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "good"], "Unknown label 'good'"),
        (["--method", "saliency"], "Unknown explanation method 'saliency'"),
        (["--method", "linear-attribution", "--against", "?"], "Unknown label '?'"),
        (["-o", "why.pdf"], "--out must end in .html or .htm"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--items", "0"], "--items"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(place, arguments, message, capsys):
    try:
        code = main(["explain", str(place / "run"), "a good one", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_the_data_of_the_fit_are_named_but_never_read_unasked(place, capsys):
    assert main(["explain", str(place / "run"), "a good one", "--method", "influence"]) == 0
    found = capsys.readouterr()
    assert "good fun" not in found.out
    assert f"--data {(place / 't.csv').resolve()} shows the training items" in " ".join(found.err.split())
