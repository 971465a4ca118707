"""Comparing saved models from the command line."""

from __future__ import annotations

import json
import shutil

import pytest
from command_line import texts, write_csv

pytestmark = pytest.mark.usefixtures("few_penalties")


@pytest.fixture
def new(cli) -> str:
    return write_csv(cli.folder / "new.csv", [*texts(40)[:1], *texts(40)[25:], ["", "refund"]])


def test_a_model_and_its_copy_on_new_data(cli, run, new):
    """One text is empty: it is left out for both, and said."""
    shutil.copytree(cli.folder / run, cli.folder / "copy")
    says = [
        "copy minus run: +0.0 points",
        "the difference is exactly zero",
        "Left out for all models: 16: The text is empty.",
        "1 item that a model could not read is left out",
        "headstart compare run copy new.csv --out",
    ]
    cli.works("compare", run, "copy", new, says=says)
    cli.works("compare", run, "copy", new, "-o", "both", says=["read both/report.html", "headstart predict run ITEM"])
    kept = json.loads((cli.folder / "both" / "comparison.json").read_text())
    assert kept["kind"] == "comparison of headstart"
    assert kept["command"].startswith("headstart")
    found = json.loads(cli.works("compare", run, "copy", new, "--json").out)
    assert found["n"] == 16
    assert found["pairs"] == kept["pairs"]
    assert found["data_at"] == new


def test_without_data_the_held_out_items_are_compared(cli, run):
    shutil.copytree(cli.folder / run, cli.folder / "copy")
    cli.works("compare", run, "copy", says=["24 items: the items that all runs held out", "exactly zero"])


def test_a_hostile_name_carries_no_markup_into_the_page(cli, run, new):
    shutil.copytree(cli.folder / run, cli.folder / "<script>alert(1)<")
    cli.works("compare", run, "<script>alert(1)<", new, "-o", "both")
    page = (cli.folder / "both" / "report.html").read_text()
    assert "<script>alert" not in page
    assert page.count("<script") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "only one model"),
        (["run", "new.csv"], "'new.csv' is no run folder, so there is only one model"),
        (["run", "nowhere"], "'nowhere' does not exist"),
        (["nowhere", "run"], "'nowhere' keeps no predictions"),
        (["run", "run", "nowhere.csv"], "nowhere.csv"),
        (["run", "run", "--margin", "2"], "between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(cli, run, new, words, says):
    assert (run, new) == ("run", "new.csv")
    if "--margin" in words:
        assert cli("compare", *words).code == 2
    else:
        cli.refuses("compare", *words, code=2, says=[says])
