"""``headstart search``: refusals, and the object of ``--json``."""

from __future__ import annotations

import json
import signal

import pytest

from headstart.cli.main import main
from headstart.cli.process import Terminated


@pytest.fixture
def table(tmp_path):
    rows = [f"{i % 7 / 7 + (i % 2):.3f},{i % 5 / 5:.3f},{'odd' if i % 2 else 'even'}" for i in range(60)]
    path = tmp_path / "numbers.csv"
    path.write_text("\n".join(["a,b,label", *rows]) + "\n")
    return path


def test_a_search_writes_a_run_and_says_what_was_decided(table, tmp_path, capsys):
    out = tmp_path / "run"
    words = [
        "search",
        str(table),
        "-o",
        str(out),
        "--tries",
        "2",
        "--baselines",
        "none",
        "--report-items",
        "0",
        "--json",
    ]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] == str(out)
    assert found["search"]["tries"] == 2
    assert found["search"]["decision"]["items"] == found["items_judged"]
    assert "Architecture search" in (out / "report.html").read_text()
    assert main(["predict", str(out), str(table)]) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "drats"], "Did you mean 'darts'"),
        (["--method", "body"], "A search of the body itself is not offered"),
        (["--tries", "0"], "a whole number of 1 or more"),
        (["--annotations", "conll"], "heads of whole items"),
    ],
)
def test_wrong_options_are_one_sentence_and_code_2(words, says, capsys):
    try:
        code = main(["search", "no-such.csv", *words])
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stop", "code", "says"),
    [(KeyboardInterrupt(), 130, "interrupted"), (Terminated(signal.SIGTERM), 143, "terminated by SIGTERM")],
)
def test_an_interrupted_search_says_that_the_same_command_goes_on(
    table, tmp_path, capsys, monkeypatch, stop, code, says
):
    def stopped(self, point):
        raise stop

    monkeypatch.setattr("headstart.search.driving.losses.HeadLosses.__call__", stopped)
    out = tmp_path / "run"
    assert main(["search", str(table), "-o", str(out), "--tries", "2"]) == code
    error = capsys.readouterr().err
    journal = out.with_name("run.search.jsonl")
    assert f"{says}; the same command goes on with the search" in error
    assert str(journal) in error
    assert "nothing was written" not in error
    assert journal.exists()
