"""``headstart rank`` and ``headstart fit --source auto`` as a user meets them."""

from __future__ import annotations

import csv
import json

from command_line import texts, write_csv


def test_rank_shows_a_table_and_the_next_command(cli):
    write_csv(cli.folder / "texts.csv", texts(40))
    words = ("rank", "texts.csv", "--sources", "toy", "--profile", "--scores", "logme", "--out", "ranking.csv")
    outcome = cli.works(
        *words, says=["leave-one-out loss", "toy (untrained)", "trigrams", "logme", "Apache-2.0", "why"]
    )
    assert "headstart fit texts.csv --source toy" in outcome.out
    with (cli.folder / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["ranked", "reference"]
    assert 0 < float(rows[0]["log_loss_value"]) < 2


def test_rank_as_json_holds_the_profile_of_few_sources(cli):
    write_csv(cli.folder / "texts.csv", texts(40))
    found = json.loads(cli.works("rank", "texts.csv", "--sources", "toy", "--no-untrained", "--json").out)
    assert found["first"] == found["cheapest"] == "toy"
    assert found["tie_set"] == ["toy"]
    assert [block["block"] for block in found["sources"][0]["profile"]] == ["letters", "trigrams"]
    cli.works("rank", "texts.csv", "--sources", "toy", "--out", "a.json")
    assert json.loads((cli.folder / "a.json").read_text())["first"] == "toy"


def test_what_cannot_be_ranked_is_refused_with_one_sentence(cli):
    write_csv(cli.folder / "texts.csv", texts())
    refuses = cli.refuses
    refuses("rank", "texts.csv", "--sources", "toy,tooy", code=2, says=["'tooy'"])
    refuses("rank", "texts.csv", "--sources", "toy", "--out", "a.xlsx", code=2, says=[".csv or .json"])
    refuses("rank", "texts.csv", "--sources", "toy", "--max-params", "many", code=2, says=["10M"])
    refuses("rank", "nowhere.csv", "--sources", "toy", code=2, says=["nowhere.csv"])
    refuses("fit", "texts.csv", "--source", "toy", "--sources", "toy", code=2, says=["--source auto"])


def test_fit_with_auto_says_what_was_chosen_and_how_sure_it_is(cli):
    write_csv(cli.folder / "texts.csv", texts(40))
    words = ("fit", "texts.csv", "--source", "auto", "--sources", "toy", "--baselines", "none", "--out", "run")
    said = cli.works(*words, says=["source chosen", "toy is the only candidate", "chosen on"])
    assert not [part for part in ("tie set", "best of several", "1 of 1") if part in said.told]
    metrics = json.loads((cli.folder / "run" / "metrics.json").read_text())
    assert metrics["source_choice"]["chosen"] == "toy"
    cli.works("predict", "run", "my parcel is late")


def test_what_a_ranking_keeps_is_shown_and_pruned(cli):
    write_csv(cli.folder / "texts.csv", texts(40))
    cli.works("rank", "texts.csv", "--sources", "toy")
    entries = json.loads(cli.works("cache", "info", "--json").out)["entries"]
    about = [entry["about"]["what"] for entry in entries if entry["kind"] == "ranking"]
    assert sorted(set(about)) == ["encoding speed", "ranking"]
    cli.works("cache", "prune", "--all")
    assert json.loads(cli.works("cache", "info", "--json").out)["entries"] == []
