"""Nothing good is overwritten silently: where a fit writes, what it says of it and when."""

from __future__ import annotations

import os
import platform

import pytest
from command_line import texts, tree, write_csv

import headstart
from headstart.errors import UsageError

pytestmark = pytest.mark.usefixtures("few_penalties")

QUICK = ("--source", "toy", "--baselines", "none")


@pytest.fixture
def table(cli) -> str:
    return write_csv(cli.folder / "small.csv", texts())


def runs(cli) -> list[str]:
    return sorted(path.name for path in (cli.folder / "runs").iterdir())


@pytest.mark.parametrize("further", [(), ("--seed", "3"), ("--head", "lda")])
def test_a_run_under_the_default_name_is_kept_and_the_new_name_is_said(cli, table, further):
    cli.works("fit", table, *QUICK)
    before = tree(cli.folder / "runs" / "small")
    lines = cli.works("fit", table, *QUICK, *further).out.splitlines()
    assert "runs/small-2, because runs/small holds a run, which is kept" in lines[-3]
    assert "saved" in lines[-2]
    assert "runs/small-2 " in lines[-2]
    assert tree(cli.folder / "runs" / "small") == before
    assert runs(cli) == ["small", "small-2"]


def test_overwrite_replaces_the_run_of_these_data_alone(cli, table):
    cli.works("fit", table, *QUICK)
    (cli.folder / "other").mkdir()
    write_csv(cli.folder / "other" / "small.csv", texts(40))
    cli.works("fit", "other/small.csv", *QUICK, "--overwrite", says=["runs/small holds a run of other data"])
    lines = cli.works("fit", table, *QUICK, "--overwrite").out.splitlines()
    assert "runs/small holds a run of 20" in lines[0]
    assert "which this one replaces when it is complete" in lines[0]
    assert runs(cli) == ["small", "small-2"]


def test_a_named_run_is_replaced_and_reported(cli, table):
    cli.works("fit", table, *QUICK, "-o", "mine")
    lines = cli.works("fit", table, *QUICK, "-o", "mine").out.splitlines()
    assert "mine holds a run of 20" in lines[0]
    assert "replaced an earlier run" in lines[-2]


def test_feedback_of_a_server_is_never_replaced(cli, table):
    cli.works("fit", table, *QUICK, "-o", "mine")
    (cli.folder / "mine" / "feedback.db").write_bytes(b"corrections of a year")
    cli.refuses("fit", table, *QUICK, "-o", "mine", code=2, says=["feedback.db", "would be deleted with it"])
    assert (cli.folder / "mine" / "feedback.db").read_bytes() == b"corrections of a year"


def test_a_folder_that_is_no_run_keeps_its_name_and_its_files(cli, table):
    (cli.folder / "runs" / "small").mkdir(parents=True)
    (cli.folder / "runs" / "small" / "thesis.txt").write_text("years of work")
    cli.works("fit", table, *QUICK, says=["runs/small-2, because runs/small already exists"])
    cli.works("fit", table, *QUICK, "--overwrite")
    assert (cli.folder / "runs" / "small" / "thesis.txt").read_text() == "years of work"
    cli.refuses("fit", table, *QUICK, "--out", "runs/small", code=2, says=["is left alone"])


@pytest.mark.parametrize("process", [os.getpid(), 4194305], ids=["running", "dead"])
def test_two_fits_at_once_do_not_get_one_name(cli, table, process):
    (cli.folder / "runs").mkdir()
    (cli.folder / "runs" / ".small.claim").write_text(f"{process} {platform.node()}")
    done = cli.works("fit", table, *QUICK)
    alive = process == os.getpid()
    assert ("another fit is writing runs/small" in done.out) == alive
    assert [name for name in runs(cli) if not name.startswith(".")] == ["small-2" if alive else "small"]


def test_a_fit_that_fails_leaves_no_name_taken(cli):
    write_csv(cli.folder / "bad.csv", [["text", "label"], ["one", "a"]])
    before = tree(cli.folder)
    assert cli("fit", "bad.csv", *QUICK).code == 2
    assert tree(cli.folder) == before


def test_models_of_several_columns_are_kept_and_never_written_into_a_run(cli, run):
    head, *rows = texts()
    table = write_csv(cli.folder / "two.csv", [[*head, "size"], *([*row, "ab"[i % 2]] for i, row in enumerate(rows))])
    words = ("fit", table, "--tasks", "label,size", *QUICK)
    cli.works(*words)
    cli.works(*words, says=["runs/two-2, because runs/two already exists"])
    cli.works(*words, "--overwrite", says=["runs/two holds a run of several columns, which this one replaces"])
    assert runs(cli) == ["two", "two-2"]
    cli.refuses(*words, "--out", run, code=2, says=[f"'{run}' holds something other", "left alone"])


def test_models_without_examples_are_kept(cli):
    words = ("fit", "--zero-shot", "parcel,money back", "--source", "toy")
    cli.works(*words)
    cli.works(*words, says=["runs/zero-shot-2, because runs/zero-shot holds a run"])
    cli.works(*words, "--overwrite")
    assert runs(cli) == ["zero-shot", "zero-shot-2"]


def test_a_fit_from_python_keeps_a_run_with_overwrite_false(run):
    rows = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3
    data = (rows, ["low", "low", "low", "high", "high", "high"] * 3)
    with pytest.raises(UsageError, match="holds a run, which is kept"):
        headstart.fit(data, out=run, overwrite=False)
    assert headstart.fit(data, out=run, baselines="none").path is not None


def test_runs_beside_the_data_are_no_data(cli, monkeypatch):
    for i, (text, label) in enumerate(texts(24)[1:]):
        (cli.folder / "mails" / label).mkdir(parents=True, exist_ok=True)
        (cli.folder / "mails" / label / f"{i}.txt").write_text(text)
    monkeypatch.chdir(cli.folder / "mails")
    first = cli.works("fit", ".", *QUICK)
    again = cli.works("fit", ".", *QUICK, says=["runs/mails-2, because runs/mails holds a run"])
    assert "'runs'" not in again.told
    said = [[line for line in done.out.splitlines() if line.startswith("data ")] for done in (first, again)]
    assert said[0] == said[1] == ["data               24 text items in 2 classes"]
