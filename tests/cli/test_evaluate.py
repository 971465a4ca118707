"""Judging a saved model from the command line, and what every command says of a folder that is no model."""

from __future__ import annotations

import json

import pytest
from command_line import texts, tree, write_csv

FILES = ["confusion.csv", "metrics.json", "predictions.csv", "predictions.parquet", "report.html"]


@pytest.fixture
def new(cli) -> str:
    return write_csv(cli.folder / "new.csv", texts(40)[:1] + texts(40)[25:])


def test_out_holds_metrics_confusions_predictions_and_the_report(cli, run, new):
    done = cli.works("evaluate", run, new, "-o", "may", says=["saved", "read may/report.html"])
    assert sorted(path.name for path in (cli.folder / "may").iterdir()) == FILES
    kept = json.loads((cli.folder / "may" / "metrics.json").read_text())
    assert kept["command"].startswith("headstart")
    assert kept["model"] == run
    assert f"{kept['evaluation']['n']} text items" in done.out
    cli.works("evaluate", run, new, "-o", "may", says=["may holds an evaluation, which this one replaces"])
    found = json.loads(cli.works("evaluate", run, new, "-o", "may", "--json").out)
    assert found["out"] == "may"
    assert found["metrics"] == kept["evaluation"]["metrics"]


def test_a_run_is_never_replaced_by_an_evaluation(cli, run, new):
    before = tree(cli.folder / run)
    cli.refuses("evaluate", run, new, "-o", run, code=2, says=["something other than an evaluation", "left alone"])
    assert tree(cli.folder / run) == before


@pytest.mark.parametrize("place", ["nowhere", "empty", "other", "file.txt"])
@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_folder_that_is_no_model_is_bad_input_in_every_command(cli, new, verb, place):
    (cli.folder / "empty").mkdir()
    (cli.folder / "other").mkdir()
    (cli.folder / "other" / "config.json").write_text('{"model_type": "bert"}')
    (cli.folder / "file.txt").write_text("x")
    cli.refuses(verb, place, new, code=2, says=[f"'{place}'"])


def test_a_teacher_that_is_no_model_is_bad_input(cli):
    (cli.folder / "empty").mkdir()
    write_csv(cli.folder / "new.csv", texts())
    cli.refuses("distill", "new.csv", "--teacher", "empty", "-o", "small", code=2, says=["empty"])


def test_a_run_of_several_columns_is_judged_column_by_column(cli, new):
    head, *rows = texts()
    table = write_csv(cli.folder / "two.csv", [[*head, "size"], *([*row, "ab"[i % 2]] for i, row in enumerate(rows))])
    cli.works("fit", table, "--tasks", "label,size", "--source", "toy", "--baselines", "none", "-o", "two")
    cli.refuses("evaluate", "two", new, code=2, says=["holds a model for each of label, size"])
    cli.works("evaluate", "two/label", new)


def test_suspects_are_shown_with_their_texts(cli):
    rows = [[*row] for row in texts(48)]
    rows[9][1] = "refund" if rows[9][1] == "delivery" else "delivery"
    write_csv(cli.folder / "a.csv", rows)
    words = ("inspect", "a.csv", "--labels", "--source", "toy")
    done = cli.works(*words, "-o", "s.csv", says=[f"8 '{rows[9][0]}'"])
    assert "because of " in done.out
    found = json.loads(cli.works(*words, "--json").out)["suspects"]
    worst = next(one for one in found if one["id"] == "8")
    assert worst["item"] == rows[9][0]
    assert len(worst["because_items"]) == len(worst["because_labels"]) == len(worst["because"]) == 3
    texts_by_id = {str(i): row for i, row in enumerate(rows[1:])}
    for name, item, label in zip(worst["because"], worst["because_items"], worst["because_labels"], strict=True):
        assert texts_by_id[name] == [item, label]
    assert rows[9][0] in (cli.folder / "s.csv").read_text()


def test_report_items_bounds_what_the_page_holds_and_its_size_is_said(cli, run, new):
    told = cli.works("evaluate", run, new, "-o", "may", says=["read may/report.html ("]).told
    assert " kB)" in told
    full = (cli.folder / "may" / "report.html").read_text(encoding="utf-8")
    cli.works("evaluate", run, new, "-o", "may", "--report-items", "0")
    bare = (cli.folder / "may" / "report.html").read_text(encoding="utf-8")
    assert 'class="item' in full
    assert 'class="item' not in bare
    assert "holds no items" in bare
